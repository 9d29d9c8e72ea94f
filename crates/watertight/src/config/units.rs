//! Values with a unit: durations, sizes and shares. A bare number is refused, because
//! nobody who reads it later knows what it meant.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// Milliseconds of each unit, the largest first.
const TIMES: [(&str, u64); 5] = [
    ("d", 86_400_000),
    ("h", 3_600_000),
    ("m", 60_000),
    ("s", 1_000),
    ("ms", 1),
];

/// Bytes of each unit, the largest first.
const SIZES: [(&str, u64); 4] = [
    ("GiB", 1 << 30),
    ("MiB", 1 << 20),
    ("KiB", 1 << 10),
    ("B", 1),
];

/// A number of bytes, written with a unit: `16KiB`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Bytes(pub u64);

impl Bytes {
    /// The number; as much as fits where a `usize` is smaller.
    #[must_use]
    pub fn as_usize(self) -> usize {
        usize::try_from(self.0).unwrap_or(usize::MAX)
    }
}

impl FromStr for Bytes {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        with_unit(text, &SIZES, "B, KiB, MiB or GiB").map(Self)
    }
}

impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (number, unit) = largest(self.0, &SIZES, "B");
        write!(f, "{number}{unit}")
    }
}

/// Parts of a million in a percent.
const PERCENT: u64 = 10_000;

/// A share, written as a percentage with at most four decimals: `1%`, `0.05%`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Percent {
    parts_of_a_million: u32,
}

impl Percent {
    /// Of one: 1 % is 0.01.
    #[must_use]
    pub fn share(self) -> f64 {
        f64::from(self.parts_of_a_million) / 1_000_000.0
    }
}

impl FromStr for Percent {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let bad = || format!("{text:?} is not a percentage such as 1% or 0.05%");
        let number = text.strip_suffix('%').ok_or_else(bad)?;
        let (whole, decimals) = number.split_once('.').unwrap_or((number, "0"));
        let is_number = |text: &str| !text.is_empty() && text.bytes().all(|c| c.is_ascii_digit());
        if !is_number(whole) || !is_number(decimals) || decimals.len() > 4 {
            return Err(bad());
        }
        let whole: u64 = whole.parse().map_err(|_large| bad())?;
        let decimals: u64 = format!("{decimals:0<4}").parse().map_err(|_never| bad())?;
        let parts = whole
            .checked_mul(PERCENT)
            .and_then(|n| n.checked_add(decimals));
        let parts_of_a_million = parts.and_then(|n| u32::try_from(n).ok()).ok_or_else(bad)?;
        Ok(Self { parts_of_a_million })
    }
}

impl fmt::Display for Percent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts = u64::from(self.parts_of_a_million);
        let (whole, decimals) = (parts / PERCENT, parts % PERCENT);
        if decimals == 0 {
            return write!(f, "{whole}%");
        }
        let decimals = format!("{decimals:04}");
        write!(f, "{whole}.{}%", decimals.trim_end_matches('0'))
    }
}

/// Reads `250ms`, `10s`, `5m`, `1h`, `7d`: a whole number and a unit. Services'
/// settings and tools around them use this one parser.
///
/// # Errors
///
/// What is wrong with it.
pub fn parse_duration(text: &str) -> Result<Duration, String> {
    with_unit(text, &TIMES, "ms, s, m, h or d").map(Duration::from_millis)
}

/// Writes a duration the way [`parse_duration`] reads it, in the largest unit
/// that leaves a whole number; parts of a millisecond are dropped.
#[must_use]
pub fn show_duration(duration: Duration) -> String {
    let ms = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    let (number, unit) = largest(ms, &TIMES, "s");
    format!("{number}{unit}")
}

fn with_unit(text: &str, units: &[(&str, u64)], names: &str) -> Result<u64, String> {
    let digits = text.find(|c: char| !c.is_ascii_digit());
    let (number, unit) = text.split_at(digits.unwrap_or(text.len()));
    if number.is_empty() {
        return Err(format!("{text:?} is not a number with a unit ({names})"));
    }
    let Some((_, factor)) = units.iter().find(|(name, _)| *name == unit) else {
        return Err(match unit {
            "" => format!("{text:?} needs a unit: {names}"),
            _ => format!("{text:?} has an unknown unit: use {names}"),
        });
    };
    let number = number.parse::<u64>().ok();
    let total = number.and_then(|number| number.checked_mul(*factor));
    total.ok_or_else(|| format!("{text:?} is too large"))
}

fn largest<'a>(total: u64, units: &[(&'a str, u64)], of_zero: &'a str) -> (u64, &'a str) {
    if total == 0 {
        return (0, of_zero);
    }
    let fits = units
        .iter()
        .find(|(_, factor)| total.is_multiple_of(*factor));
    fits.map_or((total, of_zero), |(unit, factor)| (total / factor, *unit))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Value;
    use proptest::prelude::*;

    #[test]
    fn durations_need_a_unit() {
        let ms = |text| parse_duration(text).map(|d| d.as_millis());
        assert_eq!(ms("250ms"), Ok(250));
        assert_eq!(ms("2h"), Ok(7_200_000));
        assert_eq!(ms("7d"), Ok(604_800_000));
        assert_eq!(ms("0s"), Ok(0));
        for bad in [
            "",
            "0",
            "250",
            "-1s",
            "1.5s",
            "1 s",
            "1w",
            "s",
            "1S",
            "1mss",
            "+1s",
            "99999999999999999999s",
            "18446744073709551615h",
        ] {
            assert!(ms(bad).is_err(), "{bad:?}");
        }
        assert_eq!(
            ms("250"),
            Err(r#""250" needs a unit: ms, s, m, h or d"#.to_owned())
        );
    }

    #[test]
    fn sizes_need_a_unit() {
        assert_eq!("16KiB".parse(), Ok(Bytes(16_384)));
        assert_eq!("5B".parse(), Ok(Bytes(5)));
        for bad in [
            "",
            "16",
            "16KB",
            "16kib",
            "-1B",
            "17179869184GiB",
            "99999999999999999999B",
        ] {
            assert!(bad.parse::<Bytes>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn percentages_have_their_sign_and_four_decimals() {
        let share = |text: &str| text.parse::<Percent>().map(Percent::share);
        assert_eq!(share("1%"), Ok(0.01));
        assert_eq!(share("0.05%"), Ok(0.0005));
        assert_eq!(share("100%"), Ok(1.0));
        assert_eq!("0.5000%".parse::<Percent>().unwrap().to_string(), "0.5%");
        for bad in [
            "", "%", "1", "-1%", "+1%", ".5%", "1.%", "1.00001%", "1 %", "1e2%", "9999999%",
        ] {
            assert!(share(bad).is_err(), "{bad:?}");
        }
    }

    proptest! {
        #[test]
        fn what_is_shown_is_read_again(ms in any::<u64>(), odd in any::<i64>(), flag in any::<bool>(),
            text in "[^,]{1,40}", many in proptest::collection::vec(any::<u16>(), 0..9)) {
            let duration = Duration::from_millis(ms);
            prop_assert_eq!(Duration::parse(&duration.show()), Ok(duration));
            prop_assert_eq!(Bytes::parse(&Bytes(ms).show()), Ok(Bytes(ms)));
            let parts_of_a_million = u32::from(odd.to_le_bytes()[0]) * 3_907;
            let percent = Percent { parts_of_a_million };
            prop_assert_eq!(Percent::parse(&percent.show()), Ok(percent));
            prop_assert_eq!(i64::parse(&odd.show()), Ok(odd));
            prop_assert_eq!(bool::parse(&flag.show()), Ok(flag));
            prop_assert_eq!(String::parse(&text.show()), Ok(text.clone()));
            prop_assert_eq!(Option::<String>::parse(&Some(text.clone()).show()), Ok(Some(text)));
            prop_assert_eq!(Option::<u64>::parse(&None::<u64>.show()), Ok(None));
            prop_assert_eq!(Vec::<u16>::parse(&many.show()), Ok(many));
        }

        #[test]
        fn nothing_makes_a_parser_panic(text in "\\PC*") {
            let _read = (parse_duration(&text), text.parse::<Bytes>(), text.parse::<Percent>(), Vec::<u8>::parse(&text));
        }
    }
}
