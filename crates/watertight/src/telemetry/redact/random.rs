//! Words that look drawn at random.

use super::names::{Sense, hints};
use super::text::{Text, is_base64};
use super::{Kind, Secret, THRESHOLD};

/// A shorter word may well be a name.
const LENGTH_MIN: usize = 20;
/// From here on randomness alone can tell: 36 characters of base64 are 216 bits.
const LONG_MIN: usize = 36;
/// Of a longer word this much is looked at.
const LENGTH_MAX: usize = 256;
/// The longest piece between `/`, `-`, `_` and `+`. Paths and names are put
/// together from words; in base64 a separator comes every 32 characters.
const PIECE_MIN: usize = 16;
/// Share of neighbours of unlike class (lower, upper, digit). Drawn at random
/// from base64 it is 0.6; in CamelCase 0.2 to 0.3.
const CHANGES_MIN: f64 = 0.34;
/// … and where nothing else speaks for a secret.
const CHANGES_MIN_ALONE: f64 = 0.42;
/// Bits per character, of the word's own distribution. 40 characters drawn
/// from base64 have 4.8; English text of that length has 3.8 to 4.2.
const ENTROPY_MIN_ALONE: f64 = 4.3;

const RANDOM: u32 = 60;
const LONG: u32 = 40;
const HINTED: u32 = 40;
/// How far before the word others may hint at it.
const HINT_BYTES_MAX: usize = 32;

/// The word that begins here, if it looks like a key and enough else does.
pub(super) fn word(text: Text<'_>, at: usize) -> Option<Secret> {
    let end = text.run(at, is_base64);
    if end - at < LENGTH_MIN {
        return None;
    }
    let word = &text.bytes[at..end.min(at + LENGTH_MAX)];
    let shape = Shape::of(word);
    if !shape.looks_random() {
        return None;
    }
    let mut score = RANDOM;
    if word.len() >= LONG_MIN && shape.looks_very_random(word) {
        score += LONG;
    }
    let before = &text.bytes[at.saturating_sub(HINT_BYTES_MAX)..at];
    if text.sense == Sense::Hint || hints(before) {
        score += HINTED;
    }
    (score >= THRESHOLD).then(|| Secret {
        start: at,
        end: text.run(end, |b| b == b'='),
        kind: Kind::ApiKey,
    })
}

struct Shape {
    lower: usize,
    upper: usize,
    digits: usize,
    /// Neighbours of unlike class.
    changes: f64,
    longest_piece: usize,
}

impl Shape {
    fn of(word: &[u8]) -> Self {
        let class = |byte: u8| match byte {
            b'a'..=b'z' => 0,
            b'A'..=b'Z' => 1,
            b'0'..=b'9' => 2,
            _ => 3,
        };
        let mut counts = [0; 4];
        for &byte in word {
            counts[class(byte)] += 1;
        }
        let pairs = word.windows(2);
        let changes = pairs.filter(|pair| class(pair[0]) != class(pair[1]));
        let pieces = word.split(|&byte| class(byte) == 3);
        Self {
            lower: counts[0],
            upper: counts[1],
            digits: counts[2],
            changes: changes.count() as f64 / word.len() as f64,
            longest_piece: pieces.map(<[u8]>::len).max().unwrap_or(0),
        }
    }

    /// All three classes: neither hexadecimal nor a name in capitals.
    fn looks_random(&self) -> bool {
        self.lower >= 3
            && self.upper >= 3
            && self.digits >= 2
            && self.longest_piece >= PIECE_MIN
            && self.changes >= CHANGES_MIN
    }

    fn looks_very_random(&self, word: &[u8]) -> bool {
        self.changes >= CHANGES_MIN_ALONE && entropy(word) >= ENTROPY_MIN_ALONE
    }
}

/// Shannon's, in bits per byte.
fn entropy(word: &[u8]) -> f64 {
    let mut counts = [0_u32; 256];
    for &byte in word {
        counts[usize::from(byte)] += 1;
    }
    let length = word.len() as f64;
    let share = |&count: &u32| f64::from(count) / length;
    let shares = counts.iter().filter(|count| **count > 0).map(share);
    shares.map(|share| -share * share.log2()).sum()
}
