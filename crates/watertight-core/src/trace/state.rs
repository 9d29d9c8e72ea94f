//! What other vendors have to say about a trace: the header `tracestate`.

use std::fmt;
use std::sync::Arc;

/// Bytes that are passed on; W3C asks for 512 at least.
const BYTES_MAX: usize = 512;
/// Entries that are passed on (3.3.1.1).
const ENTRIES_MAX: usize = 32;
/// Entries longer than this go first when there is too much (3.3.1.5).
const LONG: usize = 128;

/// Entries of other vendors, kept as they came and passed on; nothing here
/// reads them. Cloning shares them.
///
/// # Limits
///
/// 32 entries of 512 bytes together. Of what is longer, entries of more than 128
/// bytes are left out, and then those at the end. What isn't well-formed is left
/// out as a whole.
#[derive(Clone, PartialEq, Eq)]
pub struct TraceState(Arc<str>);

impl TraceState {
    /// Reads the headers, in the order in which they came. `None` if they say nothing.
    pub fn parse<'a>(values: impl IntoIterator<Item = &'a [u8]>) -> Option<Self> {
        let mut entries: Vec<&str> = Vec::new();
        for value in values {
            let value = std::str::from_utf8(value).ok()?;
            for entry in value.split(',') {
                let entry = entry.trim_matches([' ', '\t']);
                if entry.is_empty() {
                    continue;
                }
                if !is_entry(entry) || entries.len() == ENTRIES_MAX {
                    return None;
                }
                entries.push(entry);
            }
        }
        let bytes = |entries: &[&str]| -> usize {
            let texts: usize = entries.iter().map(|entry| entry.len()).sum();
            texts + entries.len().saturating_sub(1)
        };
        if bytes(&entries) > BYTES_MAX {
            entries.retain(|entry| entry.len() <= LONG);
        }
        while bytes(&entries) > BYTES_MAX {
            entries.pop();
        }
        (!entries.is_empty()).then(|| Self(entries.join(",").into()))
    }

    /// As the header has it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub(super) fn bytes(&self) -> usize {
        self.0.len()
    }
}

/// `key=value` in the characters that 3.3.1.3 has for either.
fn is_entry(entry: &str) -> bool {
    let Some((key, value)) = entry.split_once('=') else {
        return false;
    };
    let in_key = |c: u8| {
        c.is_ascii_lowercase()
            || c.is_ascii_digit()
            || matches!(c, b'_' | b'-' | b'*' | b'/' | b'@')
    };
    let in_value = |c: u8| (b' '..=b'~').contains(&c) && c != b'=';
    (1..=256).contains(&key.len())
        && key.bytes().all(in_key)
        && (1..=256).contains(&value.len())
        && value.bytes().all(in_value)
}

impl fmt::Debug for TraceState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn parse(values: &[&str]) -> Option<String> {
        let values = values.iter().map(|value| value.as_bytes());
        TraceState::parse(values).map(|state| state.as_str().to_owned())
    }

    #[test]
    fn entries_are_passed_on_in_their_order() {
        let state = parse(&["rojo=00f067aa0ba902b7 , congo=t61rcWkgMzE", "", "a/b@c=1"]);
        let kept = "rojo=00f067aa0ba902b7,congo=t61rcWkgMzE,a/b@c=1";
        assert_eq!(state.as_deref(), Some(kept));
    }

    #[test]
    fn the_malformed_is_left_out_as_a_whole() {
        let many = "a=1,".repeat(33);
        for bad in ["a", "=1", "a=", "A=1", "a=1,b", "a=b=c", "a=\u{7f}", &many] {
            assert_eq!(parse(&["good=1", bad]), None, "{bad:?}");
        }
        assert_eq!(parse(&[]), None);
        assert_eq!(TraceState::parse([&b"a=\xff"[..]]), None);
    }

    #[test]
    fn long_entries_go_first_and_then_the_last() {
        let long = format!("long={}", "x".repeat(200));
        let short: Vec<String> = (10..32)
            .map(|n| format!("k{n}={}", "v".repeat(20)))
            .collect();
        let all = format!("{long},{}", short.join(","));
        let kept = parse(&[&all]).unwrap();
        assert!(
            kept.starts_with("k10=") && kept.len() <= BYTES_MAX,
            "{kept}"
        );
        assert!(!kept.contains("k31="), "{kept}");
    }

    proptest! {
        #[test]
        fn what_is_kept_is_bounded_and_stays_as_it_is(values: Vec<Vec<u8>>, extra in "[a-z]{1,9}=[ -<>-~]{1,300}") {
            let all = values.iter().map(Vec::as_slice).chain([extra.as_bytes()]);
            if let Some(state) = TraceState::parse(all) {
                prop_assert!(state.as_str().len() <= BYTES_MAX);
                prop_assert_eq!(TraceState::parse([state.as_str().as_bytes()]), Some(state));
            }
        }
    }
}
