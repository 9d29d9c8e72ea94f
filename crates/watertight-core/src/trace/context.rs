//! Which request a piece of work belongs to, across services: W3C Trace Context.

use std::fmt;
use std::num::{NonZeroU64, NonZeroU128};

/// Length of a `traceparent` of version 00; higher versions only append to it.
const LEN: usize = 55;
/// The one flag with a meaning to us; others are not passed on (3.2.2.5.2).
const SAMPLED: u8 = 1;

/// The id that all work done for one request of the outside has in common.
///
/// Shown as 32 lowercase hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct TraceId(NonZeroU128);

/// The id of one hop's part in a trace: 16 lowercase hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct SpanId(NonZeroU64);

/// A request's place in a trace, as the header `traceparent` carries it.
///
/// Two numbers and a byte: it is copied, never allocated. What other vendors say
/// in `tracestate` goes beside it, see [`crate::TraceState`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TraceContext {
    trace_id: TraceId,
    span_id: SpanId,
    flags: u8,
}

impl TraceContext {
    /// A new trace that begins here, from random bits. It isn't sampled.
    #[must_use]
    pub fn new(trace: u128, span: u64) -> Self {
        Self {
            trace_id: TraceId(NonZeroU128::new(trace).unwrap_or(NonZeroU128::MIN)),
            span_id: span_id(span),
            flags: 0,
        }
    }

    /// The same trace, one hop further: a span of its own, from random bits.
    #[must_use]
    pub fn hop(self, span: u64) -> Self {
        Self {
            span_id: span_id(span),
            ..self
        }
    }

    /// The same place, with the flag that says whether the trace is recorded.
    #[must_use]
    pub fn with_sampled(self, sampled: bool) -> Self {
        let flags = if sampled { SAMPLED } else { 0 };
        Self { flags, ..self }
    }

    /// Reads a `traceparent` header. `None` is to be treated as no header.
    ///
    /// A version above 00 is read as far as 00 goes; version ff, ids of zeros
    /// and uppercase digits are not valid.
    #[must_use]
    pub fn parse(traceparent: &[u8]) -> Option<Self> {
        let head = traceparent.get(..LEN)?;
        let dashes = [head[2], head[35], head[52]];
        if dashes != *b"---" {
            return None;
        }
        let version = u8::try_from(hex(&head[..2])?).ok()?;
        let rest = &traceparent[LEN..];
        let ended = match version {
            0 => rest.is_empty(),
            0xff => false,
            _ => rest.is_empty() || rest[0] == b'-',
        };
        if !ended {
            return None;
        }
        let span = u64::try_from(hex(&head[36..52])?).ok()?;
        let flags = u8::try_from(hex(&head[53..])?).ok()?;
        Some(Self {
            trace_id: TraceId(NonZeroU128::new(hex(&head[3..35])?)?),
            span_id: SpanId(NonZeroU64::new(span)?),
            flags: flags & SAMPLED,
        })
    }

    /// What all hops have in common.
    #[must_use]
    pub fn trace_id(self) -> TraceId {
        self.trace_id
    }

    /// This hop's own id.
    #[must_use]
    pub fn span_id(self) -> SpanId {
        self.span_id
    }

    /// Whether the caller records its part of the trace.
    #[must_use]
    pub fn is_sampled(self) -> bool {
        self.flags & SAMPLED != 0
    }
}

impl TraceId {
    /// The number.
    #[must_use]
    pub fn get(self) -> u128 {
        self.0.get()
    }
}

impl SpanId {
    /// From random bits; zero, which is no id, becomes one.
    #[must_use]
    pub fn new(bits: u64) -> Self {
        span_id(bits)
    }

    /// The number.
    #[must_use]
    pub fn get(self) -> u64 {
        self.0.get()
    }
}

fn span_id(bits: u64) -> SpanId {
    SpanId(NonZeroU64::new(bits).unwrap_or(NonZeroU64::MIN))
}

/// At most 32 lowercase hexadecimal digits.
fn hex(digits: &[u8]) -> Option<u128> {
    digits.iter().try_fold(0, |number: u128, digit| {
        let digit = match digit {
            b'0'..=b'9' => digit - b'0',
            b'a'..=b'f' => digit - b'a' + 10,
            _ => return None,
        };
        Some(number << 4 | u128::from(digit))
    })
}

/// The header `traceparent`, version 00.
impl fmt::Display for TraceContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "00-{}-{}-{:02x}",
            self.trace_id, self.span_id, self.flags
        )
    }
}

impl fmt::Display for TraceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl fmt::Debug for TraceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for SpanId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl fmt::Debug for SpanId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const GOOD: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    fn parse(text: &str) -> Option<TraceContext> {
        TraceContext::parse(text.as_bytes())
    }

    #[test]
    fn the_example_of_the_standard_is_read() {
        let context = parse(GOOD).unwrap();
        assert_eq!(context.trace_id().to_string(), &GOOD[3..35]);
        assert_eq!(context.span_id().to_string(), &GOOD[36..52]);
        assert!(context.is_sampled());
        assert_eq!(context.to_string(), GOOD);
    }

    #[test]
    fn higher_versions_are_read_as_far_as_known() {
        for good in [
            GOOD.replacen("00", "01", 1),
            format!("{}-what-will-be", GOOD.replacen("00", "cc", 1)),
        ] {
            assert_eq!(parse(&good).unwrap().to_string(), GOOD, "{good}");
        }
        let unknown_flags = GOOD.replace("-01", "-ff");
        assert_eq!(parse(&unknown_flags).unwrap().to_string(), GOOD);
    }

    #[test]
    fn the_invalid_is_no_context() {
        for bad in [
            String::new(),
            GOOD[..54].to_owned(),
            format!("{GOOD}-more"),
            format!("{GOOD} "),
            format!("{}x", GOOD.replacen("00", "01", 1)),
            GOOD.replacen("00", "ff", 1),
            GOOD.replacen("00", "0x", 1),
            GOOD.to_uppercase(),
            GOOD.replace('-', "_"),
            GOOD.replace("4bf92f3577b34da6a3ce929d0e0e4736", &"0".repeat(32)),
            GOOD.replace("00f067aa0ba902b7", &"0".repeat(16)),
            GOOD.replace("4bf9", "4bg9"),
            GOOD.replace("4bf9", "4\u{fc}9"),
        ] {
            assert_eq!(parse(&bad), None, "{bad:?}");
        }
    }

    proptest! {
        #[test]
        fn what_is_sent_is_read_again(trace: u128, span: u64, next: u64) {
            let first = TraceContext::new(trace, span);
            prop_assert_eq!(parse(&first.to_string()), Some(first));
            let hop = first.hop(next);
            prop_assert_eq!(parse(&hop.to_string()), Some(hop));
            prop_assert_eq!(hop.trace_id(), first.trace_id());
        }

        #[test]
        fn garbage_is_survived(bytes: Vec<u8>, at in 0..LEN, byte: u8) {
            let _any = TraceContext::parse(&bytes);
            let mut nearly = GOOD.as_bytes().to_vec();
            nearly[at] = byte;
            if let Some(context) = TraceContext::parse(&nearly) {
                prop_assert_eq!(context.to_string().len(), LEN);
            }
        }
    }
}
