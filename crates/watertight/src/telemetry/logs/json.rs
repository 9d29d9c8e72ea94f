//! The parts of a JSON line: escaped text and the time.

use std::io::Write;
use std::time::Duration;

const SECONDS_PER_DAY: u64 = 86_400;

/// The time as RFC 3339 has it, in UTC, to the microsecond.
pub(super) fn time(out: &mut Vec<u8>, since_1970: Duration) {
    let (seconds, micros) = (since_1970.as_secs(), since_1970.subsec_micros());
    let (year, month, day) = date(seconds / SECONDS_PER_DAY);
    let of_day = seconds % SECONDS_PER_DAY;
    let (hour, minute, second) = (of_day / 3_600, of_day / 60 % 60, of_day % 60);
    // Writing to memory doesn't fail.
    let _never = write!(
        out,
        "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{micros:06}Z"
    );
}

/// Year, month and day of a day since 1970, in the Gregorian calendar.
///
/// Howard Hinnant, "chrono-compatible low-level date algorithms",
/// `civil_from_days`, without the times before 1970.
fn date(days: u64) -> (u64, u64, u64) {
    // Years begin in March there, so that the leap day is the last one.
    let days = days + 719_468;
    let era = days / 146_097;
    let of_era = days % 146_097;
    let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    let year = year + era * 400 + u64::from(month <= 2);
    (year, month, day)
}

/// The longest that one character becomes.
const ESCAPED_BYTES_MAX: usize = 6;

/// Writes text as the inside of a JSON string, until `bytes_max` is reached by
/// what is in `out`. `false` if not all of it went in.
///
/// Beside what JSON asks for, everything is escaped that a terminal or a viewer
/// takes for a command or a line break: C1 controls, Unicode's separators of lines
/// and paragraphs, and what turns the direction of text.
pub(super) fn escape(out: &mut Vec<u8>, text: &str, bytes_max: usize) -> bool {
    let bytes = text.as_bytes();
    let mut at = 0;
    while at < bytes.len() {
        let plain = bytes[at..].iter().position(|b| !is_plain(*b));
        let plain = plain.unwrap_or(bytes.len() - at);
        let room = bytes_max.saturating_sub(out.len());
        out.extend_from_slice(&bytes[at..at + plain.min(room)]);
        if plain > room {
            return false;
        }
        at += plain;
        // Plain text is ASCII, so a character begins here.
        let Some(special) = text[at..].chars().next() else {
            return true;
        };
        if out.len() + ESCAPED_BYTES_MAX > bytes_max {
            return false;
        }
        character(out, special);
        at += special.len_utf8();
    }
    true
}

fn is_plain(byte: u8) -> bool {
    matches!(byte, b' '..=b'~') && byte != b'"' && byte != b'\\'
}

fn character(out: &mut Vec<u8>, character: char) {
    let short: &[u8] = match character {
        '"' => b"\\\"",
        '\\' => b"\\\\",
        '\n' => b"\\n",
        '\r' => b"\\r",
        '\t' => b"\\t",
        _ => b"",
    };
    if !short.is_empty() {
        out.extend_from_slice(short);
    } else if is_command(character) {
        let _never = write!(out, "\\u{:04x}", u32::from(character));
    } else {
        let mut utf8 = [0; 4];
        out.extend_from_slice(character.encode_utf8(&mut utf8).as_bytes());
    }
}

/// All of these are in the plane whose characters take four digits.
fn is_command(character: char) -> bool {
    character.is_control()
        || matches!(character,
            '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn shown(seconds: u64, micros: u32) -> String {
        let mut out = Vec::new();
        time(&mut out, Duration::new(seconds, micros * 1_000));
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn times_are_those_of_the_calendar() {
        for (seconds, expected) in [
            (0, "1970-01-01T00:00:00.000007Z"),
            (951_782_400, "2000-02-29T00:00:00.000007Z"),
            (951_868_799, "2000-02-29T23:59:59.000007Z"),
            (951_868_800, "2000-03-01T00:00:00.000007Z"),
            (1_709_164_800, "2024-02-29T00:00:00.000007Z"),
            (4_107_542_399, "2100-02-28T23:59:59.000007Z"),
            (4_107_542_400, "2100-03-01T00:00:00.000007Z"),
            (1_763_746_745, "2025-11-21T17:39:05.000007Z"),
        ] {
            assert_eq!(shown(seconds, 7), expected);
        }
        assert!(shown(1, 999_999).ends_with(":01.999999Z"));
    }

    fn escaped(text: &str) -> String {
        let mut out = Vec::new();
        assert!(escape(&mut out, text, usize::MAX));
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn nothing_that_gives_commands_gets_through() {
        assert_eq!(escaped("a\"b\\c\nd\r\te"), r#"a\"b\\c\nd\r\te"#);
        assert_eq!(
            escaped("\u{1b}[2J\0\u{7f}\u{9b}"),
            r"\u001b[2J\u0000\u007f\u009b"
        );
        assert_eq!(
            escaped("\u{2028}\u{202e}\u{2067}\u{feff}"),
            r"\u2028\u202e\u2067\ufeff"
        );
        assert_eq!(escaped("größer 🦀 漢字"), "größer 🦀 漢字");
    }

    proptest! {
        #[test]
        fn a_json_parser_reads_what_was_meant(text: String) {
            let json = format!("\"{}\"", escaped(&text));
            prop_assert!(!json.contains(char::is_control));
            prop_assert_eq!(serde_json::from_str::<String>(&json).unwrap(), text);
        }

        #[test]
        fn the_bound_holds_and_what_is_there_can_be_read(text: String, before in 0_usize..20, max in 0_usize..60) {
            let mut out = vec![b'x'; before];
            let all = escape(&mut out, &text, max);
            prop_assert!(out.len() <= max.max(before));
            let json = format!("\"{}\"", std::str::from_utf8(&out[before..]).unwrap());
            let read = serde_json::from_str::<String>(&json).unwrap();
            prop_assert!(text.starts_with(&read));
            prop_assert_eq!(all, read == text);
        }
    }
}
