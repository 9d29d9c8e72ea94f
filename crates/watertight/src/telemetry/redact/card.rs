//! Numbers of payment cards.

use super::names::{Sense, sense};
use super::text::{Text, is_name};
use super::{Kind, Secret, THRESHOLD};

/// ISO/IEC 7812: 19 digits at most; nobody issues fewer than 13.
const DIGITS: std::ops::RangeInclusive<usize> = 13..=19;

/// What length, issuer and Luhn's sum are worth together.
const CARD: u32 = 100;
/// What the name of a measure takes off that.
const MEASURE: u32 = 40;

/// How cards are printed, beside in one piece.
const GROUPS: [&[usize]; 3] = [&[4, 4, 4, 4], &[4, 6, 5], &[4, 4, 4, 4, 3]];

/// The number that begins here: in one piece, or in groups as on a card.
pub(super) fn number(text: Text<'_>, at: usize) -> Option<Secret> {
    if !text.bytes[at].is_ascii_digit() || !stands_alone(text, at) {
        return None;
    }
    let first = text.run(at, |b| b.is_ascii_digit());
    let (digits, end) = if first - at == 4 {
        grouped(text, at)?
    } else {
        in_one_piece(text, at, first)?
    };
    let digits = digits.as_slice();
    if !is_issued(digits) || !luhn(digits) {
        return None;
    }
    let measure = text.sense == Sense::Measure || named_a_measure(text, at);
    let score = if measure { CARD - MEASURE } else { CARD };
    (score >= THRESHOLD).then_some(Secret {
        start: at,
        end,
        kind: Kind::Card,
    })
}

/// The digits of a card, each as a number.
#[derive(Clone, Copy)]
struct Digits {
    digits: [u8; 19],
    count: usize,
}

impl Digits {
    const NONE: Self = Self {
        digits: [0; 19],
        count: 0,
    };

    fn push(&mut self, text: &[u8]) {
        for byte in text {
            if let Some(digit) = self.digits.get_mut(self.count) {
                *digit = byte - b'0';
                self.count += 1;
            }
        }
    }

    fn as_slice(&self) -> &[u8] {
        &self.digits[..self.count]
    }
}

/// Not a fraction, not the rest of an id, not one group of many.
fn stands_alone(text: Text<'_>, at: usize) -> bool {
    let Some(before) = at.checked_sub(1).map(|at| text.bytes[at]) else {
        return true;
    };
    let digit_before = at >= 2 && text.bytes[at - 2].is_ascii_digit();
    before != b'.' && !(before == b'-' && digit_before)
}

fn ends_alone(text: Text<'_>, end: usize, separator: Option<u8>) -> bool {
    let Some(after) = text.get(end) else {
        return true;
    };
    let more = text.get(end + 1).is_some_and(|b| b.is_ascii_digit());
    // Behind a space may well be the month in which it expires.
    let goes_on = after == b'.' || after == b'-' && separator == Some(b'-');
    !(is_name(after) || goes_on && more) || after == b'-' && !more
}

fn in_one_piece(text: Text<'_>, at: usize, end: usize) -> Option<(Digits, usize)> {
    let mut digits = Digits::NONE;
    // What goes on in what was cut off is no card until all of it is there,
    // and the part that is shown is cut off well before.
    if !DIGITS.contains(&(end - at)) || !ends_alone(text, end, None) {
        return None;
    }
    digits.push(&text.bytes[at..end]);
    Some((digits, end))
}

fn grouped(text: Text<'_>, at: usize) -> Option<(Digits, usize)> {
    let separator = text.get(at + 4).filter(|b| matches!(b, b' ' | b'-'))?;
    GROUPS.iter().find_map(|groups| {
        let (mut digits, mut next) = (Digits::NONE, at);
        for (nth, &length) in groups.iter().enumerate() {
            if nth > 0 {
                next += usize::from(text.get(next) == Some(separator));
            }
            let group = text.bytes.get(next..next + length)?;
            if !group.iter().all(u8::is_ascii_digit) {
                return None;
            }
            digits.push(group);
            next += length;
        }
        let with_separators = next - at == digits.count + groups.len() - 1;
        let all = with_separators && ends_alone(text, next, Some(separator));
        all.then_some((digits, next))
    })
}

/// Whether `offset=` or the like stands just before.
fn named_a_measure(text: Text<'_>, at: usize) -> bool {
    let before = text.bytes[..at].trim_ascii_end();
    let Some((b'=' | b':', before)) = before.split_last() else {
        return false;
    };
    let before = before.trim_ascii_end();
    let before = before.strip_suffix(b"\"").unwrap_or(before);
    let name = before.iter().rev().take_while(|b| is_name(**b)).count();
    sense(&before[before.len() - name..]) == Sense::Measure
}

/// Prefixes and lengths of Visa, Mastercard, American Express, Discover, JCB,
/// Diners Club, `UnionPay` and Maestro.
fn is_issued(digits: &[u8]) -> bool {
    let prefix = digits
        .iter()
        .take(4)
        .fold(0_u32, |all, &digit| all * 10 + u32::from(digit));
    match digits.len() {
        13 => prefix / 1_000 == 4,
        14 => matches!(prefix, 3000..=3059 | 3600..=3699 | 3800..=3999),
        15 => matches!(prefix, 3400..=3499 | 3700..=3799),
        16 => matches!(
            prefix,
            4000..=4999 | 5100..=5599 | 2221..=2720 | 6011 | 6440..=6599 | 3528..=3589
                | 6200..=6299 | 6759 | 6761..=6763 | 5018 | 5020 | 5038
        ),
        19 => matches!(prefix, 4000..=4999 | 6011 | 6200..=6299 | 6440..=6599 | 3528..=3589),
        _ => false,
    }
}

/// ISO/IEC 7812-1, annex B: each second digit from the right doubled.
fn luhn(digits: &[u8]) -> bool {
    let sum: u32 = digits
        .iter()
        .rev()
        .enumerate()
        .map(|(nth, &digit)| match u32::from(digit) {
            digit if nth % 2 == 0 => digit,
            digit if digit > 4 => digit * 2 - 9,
            digit => digit * 2,
        })
        .sum();
    sum.is_multiple_of(10)
}
