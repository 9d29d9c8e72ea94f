//! Text as the detectors see it: bytes, and where words begin and end.

use super::Extent;
use super::names::Sense;

/// What is looked through.
#[derive(Clone, Copy, Debug)]
pub(super) struct Text<'a> {
    pub(super) bytes: &'a [u8],
    pub(super) extent: Extent,
    /// What the name of the field says.
    pub(super) sense: Sense,
    /// There are backslashes or percent signs in it.
    pub(super) escapes: bool,
}

impl Text<'_> {
    pub(super) fn get(&self, at: usize) -> Option<u8> {
        self.bytes.get(at).copied()
    }

    fn before(&self, at: usize) -> Option<u8> {
        self.get(at.checked_sub(1)?)
    }

    /// Whether `at` follows `\n`, `\t`, `\r`, as `Debug` writes them, or `%20`.
    fn after_escape(&self, at: usize) -> bool {
        if !self.escapes {
            return false;
        }
        let written = at >= 2
            && self.bytes[at - 2] == b'\\'
            && matches!(self.bytes[at - 1], b'n' | b't' | b'r');
        let percent = at >= 3
            && self.bytes[at - 3] == b'%'
            && self.bytes[at - 2..at].iter().all(u8::is_ascii_hexdigit);
        written || percent
    }

    /// Whether a word of letters and digits begins here.
    pub(super) fn begins_word(&self, at: usize) -> bool {
        let inner = self.before(at).is_some_and(|b| b.is_ascii_alphanumeric());
        !inner || self.after_escape(at)
    }

    /// Whether a name such as `x-api-key` begins here; dashes before it, as
    /// flags have them, are none of it.
    pub(super) fn begins_name(&self, at: usize) -> bool {
        let dashes = self.bytes[..at].iter().rev().take_while(|b| **b == b'-');
        let start = at - dashes.count();
        !self.before(start).is_some_and(is_name) || self.after_escape(at)
    }

    /// Whether what begins here is the name of a flag.
    pub(super) fn is_flag(&self, at: usize) -> bool {
        self.bytes[..at].ends_with(b"--")
    }

    /// Whether a run of the characters of base64 begins here.
    pub(super) fn begins_token(&self, at: usize) -> bool {
        !self.before(at).is_some_and(is_base64) || self.after_escape(at)
    }

    /// Where the run of bytes that `belongs` accepts ends.
    pub(super) fn run(&self, at: usize, belongs: fn(u8) -> bool) -> usize {
        let rest = self.bytes.get(at..).unwrap_or_default();
        let length = rest.iter().position(|&b| !belongs(b));
        at + length.unwrap_or(rest.len())
    }

    /// Whether something that ends here may go on in what was cut off.
    pub(super) fn may_go_on(&self, end: usize) -> bool {
        self.extent == Extent::Cut && end == self.bytes.len()
    }
}

pub(super) fn is_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-')
}

/// Both alphabets, without the padding.
pub(super) fn is_base64(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'+' | b'/')
}

/// What credentials behind a scheme consist of (RFC 9110, 11.2).
pub(super) fn is_token68(byte: u8) -> bool {
    is_base64(byte) || matches!(byte, b'.' | b'~' | b'=')
}

/// A word with a digit in it that is shorter can't be told from an id.
const WITH_DIGITS_MIN: u32 = 8;
/// The shortest without a digit that is looked at.
const WITHOUT_DIGITS_MIN: u32 = 16;
/// The digits of the shortest card.
const DIGITS_MIN: u32 = 13;

/// Whether there is any need to look closer: most text has nothing in it that
/// any detector begins with.
pub(super) fn suspicious(bytes: &[u8]) -> bool {
    let (mut run, mut digits_in_run, mut digits) = (0_u32, false, 0_u32);
    let mut before = 0;
    for &byte in bytes {
        // A flag, or the dashes before a key.
        if byte == b'-' && before == b'-' {
            return true;
        }
        before = byte;
        match CLASSES[usize::from(byte)] {
            Class::Other => {
                run = 0;
                digits_in_run = false;
                continue;
            }
            Class::Mark => return true,
            Class::Digit => {
                digits += 1;
                digits_in_run = true;
            }
            Class::Word => {}
        }
        run += 1;
        let min = if digits_in_run {
            WITH_DIGITS_MIN
        } else {
            WITHOUT_DIGITS_MIN
        };
        if run >= min || digits >= DIGITS_MIN {
            return true;
        }
    }
    false
}

#[derive(Clone, Copy)]
enum Class {
    Other,
    Digit,
    /// Belongs to words, and is no digit.
    Word,
    /// Stands between a key and its value, or around it.
    Mark,
}

const CLASSES: [Class; 256] = {
    let mut classes = [Class::Other; 256];
    let mut byte: u8 = 0;
    loop {
        classes[byte as usize] = match byte {
            b'0'..=b'9' => Class::Digit,
            b'a'..=b'z' | b'A'..=b'Z' | b'_' | b'-' | b'+' | b'/' => Class::Word,
            b':' | b'=' | b'%' | b'"' => Class::Mark,
            _ => Class::Other,
        };
        if byte == u8::MAX {
            break classes;
        }
        byte += 1;
    }
};
