//! The `grpc-timeout` header: at most eight digits and a unit.
//!
//! Format: <https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md>.

use std::time::Duration;

/// More digits than this don't fit the header.
const DIGITS_MAX: usize = 8;
/// The largest number the header can carry.
const VALUE_MAX: u128 = 99_999_999;

/// A `grpc-timeout` value that isn't one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadTimeout {
    /// No digits, or no unit.
    #[error("timeout is empty or has no unit")]
    Empty,
    /// More than eight digits.
    #[error("timeout has more than 8 digits")]
    TooLong,
    /// Something that isn't a digit, such as a sign.
    #[error("timeout is not a number")]
    NotANumber,
    /// A unit other than `H`, `M`, `S`, `m`, `u` or `n`.
    #[error("timeout has an unknown unit")]
    UnknownUnit,
}

/// Reads a `grpc-timeout` value such as `250m`.
///
/// Zero is a valid value: the caller has no time left.
///
/// # Errors
///
/// [`BadTimeout`] says what is wrong; such a request is the caller's fault and
/// must not be repeated.
pub fn parse_grpc_timeout(value: &str) -> Result<Duration, BadTimeout> {
    let unit = *value.as_bytes().last().ok_or(BadTimeout::Empty)?;
    let digits = &value.as_bytes()[..value.len() - 1];
    if digits.is_empty() {
        return Err(BadTimeout::Empty);
    }
    if digits.len() > DIGITS_MAX {
        return Err(BadTimeout::TooLong);
    }
    let mut number = 0_u64;
    for digit in digits {
        if !digit.is_ascii_digit() {
            return Err(BadTimeout::NotANumber);
        }
        number = number * 10 + u64::from(digit - b'0');
    }
    match unit {
        b'H' => Ok(Duration::from_secs(number * 3600)),
        b'M' => Ok(Duration::from_secs(number * 60)),
        b'S' => Ok(Duration::from_secs(number)),
        b'm' => Ok(Duration::from_millis(number)),
        b'u' => Ok(Duration::from_micros(number)),
        b'n' => Ok(Duration::from_nanos(number)),
        _ => Err(BadTimeout::UnknownUnit),
    }
}

/// Writes `d` as a `grpc-timeout` value in the finest unit that fits, rounded down.
///
/// Rounding down never gives the next hop more than there is. Durations beyond
/// 99,999,999 hours become that.
#[must_use]
pub fn format_grpc_timeout(d: Duration) -> String {
    let nanos = d.as_nanos();
    let units = [
        (1, 'n'),
        (1_000, 'u'),
        (1_000_000, 'm'),
        (1_000_000_000, 'S'),
        (60_000_000_000, 'M'),
        (3_600_000_000_000, 'H'),
    ];
    for (size, unit) in units {
        if nanos / size <= VALUE_MAX {
            return format!("{}{unit}", nanos / size);
        }
    }
    format!("{VALUE_MAX}H")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn refuses_what_is_not_a_timeout() {
        for (value, error) in [
            ("", BadTimeout::Empty),
            ("m", BadTimeout::Empty),
            ("-1S", BadTimeout::NotANumber),
            ("+1S", BadTimeout::NotANumber),
            ("1.5S", BadTimeout::NotANumber),
            ("100000000n", BadTimeout::TooLong),
            ("10", BadTimeout::UnknownUnit),
            ("10s", BadTimeout::UnknownUnit),
            ("1é", BadTimeout::NotANumber),
        ] {
            assert_eq!(parse_grpc_timeout(value), Err(error), "{value:?}");
        }
        assert_eq!(parse_grpc_timeout("0n"), Ok(Duration::ZERO));
        assert_eq!(
            parse_grpc_timeout("99999999H"),
            Ok(Duration::from_secs(99_999_999 * 3600))
        );
    }

    proptest! {
        #[test]
        fn never_panics(value in ".{0,12}") {
            let _ = parse_grpc_timeout(&value);
        }

        #[test]
        fn roundtrip_never_grows_and_keeps_seven_digits(secs in 0_u64..=359_999_996_400, nanos in 0_u32..1_000_000_000) {
            let d = Duration::new(secs, nanos);
            let text = format_grpc_timeout(d);
            prop_assert!(text.len() <= 9);
            let back = parse_grpc_timeout(&text).unwrap();
            prop_assert!(back <= d, "{text} gives more than {d:?}");
            // The worst step between two units is a factor of 3600.
            prop_assert!((d - back).as_nanos() * 20_000 <= d.as_nanos(), "{text} lost too much of {d:?}");
        }
    }
}
