//! Numbers and times as people like them.

use std::time::Duration;

/// `1,234,567`.
pub(super) fn grouped(number: i64) -> String {
    let digits = number.unsigned_abs().to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3 + 1);
    if number < 0 {
        text.push('-');
    }
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// The same for what is counted.
pub(super) fn count(number: u64) -> String {
    grouped(i64::try_from(number).unwrap_or(i64::MAX))
}

/// Cents as `1,234.56`.
pub(super) fn money(cents: i64) -> String {
    let sign = if cents < 0 { "-" } else { "" };
    let (whole, rest) = (cents.unsigned_abs() / 100, cents.unsigned_abs() % 100);
    format!("{sign}{}.{rest:02}", count(whole))
}

/// `1:02:03`, or `02:03` within the first hour.
pub(super) fn clock(time: Duration) -> String {
    let seconds = time.as_secs();
    let (hours, minutes, seconds) = (seconds / 3_600, seconds / 60 % 60, seconds % 60);
    if hours > 0 {
        format!("{hours}:{minutes:02}:{seconds:02}")
    } else {
        format!("{minutes:02}:{seconds:02}")
    }
}

/// Three digits, whatever the size: `0.42`, `4.2`, `42`; a dash for nothing.
pub(super) fn short(value: Option<f64>) -> String {
    match value {
        None => "-".to_owned(),
        Some(value) if value < 9.995 => format!("{value:.2}"),
        Some(value) if value < 99.95 => format!("{value:.1}"),
        Some(value) => format!("{value:.0}"),
    }
}

/// The first `width` characters, the last of them `…` if more were there.
pub(super) fn cut(text: &str, width: usize) -> String {
    if text.chars().count() <= width {
        return text.to_owned();
    }
    let mut cut: String = text.chars().take(width.saturating_sub(1)).collect();
    if width > 0 {
        cut.push('…');
    }
    cut
}

/// Lines of `width` characters at most, for text that is to be copied: cut
/// anywhere, nothing left out.
pub(super) fn folded(text: &str, width: usize) -> Vec<String> {
    let all: Vec<char> = text.chars().collect();
    all.chunks(width.max(1))
        .map(|line| line.iter().collect())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_easy_to_read() {
        let texts = [0, 7, 999, 1_000, 1_234_567, -1_000].map(grouped);
        assert_eq!(texts, ["0", "7", "999", "1,000", "1,234,567", "-1,000"]);
        assert_eq!(count(u64::MAX), grouped(i64::MAX));
        assert_eq!(
            [money(5), money(123_456), money(-150)],
            ["0.05", "1,234.56", "-1.50"]
        );
        assert_eq!(money(i64::MIN), "-92,233,720,368,547,758.08");
        let shorts = [None, Some(0.4), Some(9.999), Some(42.04), Some(1e4)].map(short);
        assert_eq!(shorts, ["-", "0.40", "10.0", "42.0", "10000"]);
    }

    #[test]
    fn times_and_cuts() {
        assert_eq!(clock(Duration::from_secs(62)), "01:02");
        assert_eq!(clock(Duration::from_secs(3_723)), "1:02:03");
        assert_eq!(
            [cut("tea", 3), cut("teas", 3), cut("teas", 0)],
            ["tea", "te…", ""]
        );
        assert_eq!(folded("abcdé", 2), ["ab", "cd", "é"]);
        assert_eq!(folded("ab", 0), ["a", "b"]);
    }
}
