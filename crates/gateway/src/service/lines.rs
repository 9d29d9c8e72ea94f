//! Lines out of a body that comes in pieces, in bounded memory.

use bytes::{Buf, Bytes};

/// The longest line, in bytes, without its end. A longer one counts as much in
/// its step, so this is part of the format of steps (see [`super::chunk`]).
pub const LINE_BYTES_MAX: usize = 16 * 1024;

/// Cuts a stream of bytes into lines.
///
/// # Limits
///
/// Holds at most [`LINE_BYTES_MAX`] bytes. A longer line is reported as
/// [`Line::TooLong`], and its rest is passed over.
#[derive(Debug, Default)]
pub struct Lines {
    /// Begin of a line whose end has not come yet.
    held: Vec<u8>,
    /// The line under way is too long; what comes of it is passed over.
    over: bool,
    /// Lines that were found.
    number: u64,
}

/// A line, with its number in the body, from 1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Line {
    /// Its bytes, without the end.
    Text(u64, Bytes),
    /// It is longer than [`LINE_BYTES_MAX`].
    TooLong(u64),
}

impl Lines {
    /// Takes from `input` up to the end of the next line; `None` once `input`
    /// is used up.
    pub fn next(&mut self, input: &mut Bytes) -> Option<Line> {
        let Some(end) = input.iter().position(|byte| *byte == b'\n') else {
            self.hold(input);
            input.clear();
            return None;
        };
        let mut text = input.split_to(end);
        input.advance(1);
        if self.over || !self.held.is_empty() {
            self.hold(&text);
            text = Bytes::from(std::mem::take(&mut self.held));
        }
        Some(self.found(text))
    }

    /// The last line, if the body ended without an end of line.
    pub fn last(&mut self) -> Option<Line> {
        if self.held.is_empty() && !self.over {
            return None;
        }
        let text = Bytes::from(std::mem::take(&mut self.held));
        Some(self.found(text))
    }

    /// One byte more than a line may have, for the carriage return of its end.
    fn hold(&mut self, bytes: &[u8]) {
        self.over |= self.held.len() + bytes.len() > LINE_BYTES_MAX + 1;
        if self.over {
            self.held = Vec::new();
        } else {
            self.held.extend_from_slice(bytes);
        }
    }

    fn found(&mut self, mut text: Bytes) -> Line {
        self.number += 1;
        if text.last() == Some(&b'\r') {
            text.truncate(text.len() - 1);
        }
        if std::mem::take(&mut self.over) || text.len() > LINE_BYTES_MAX {
            return Line::TooLong(self.number);
        }
        Line::Text(self.number, text)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn all(pieces: &[Bytes]) -> Vec<Line> {
        let mut lines = Lines::default();
        let mut found = Vec::new();
        for piece in pieces {
            let mut input = piece.clone();
            while let Some(line) = lines.next(&mut input) {
                found.push(line);
            }
            assert!(input.is_empty() && lines.held.len() <= LINE_BYTES_MAX + 1);
        }
        found.extend(lines.last());
        found
    }

    #[test]
    fn both_ends_of_line_and_the_longest_line() {
        let full = vec![b'x'; LINE_BYTES_MAX];
        let text = [&full[..], b"\r\n", &full[..], b"y\nlast"].concat();
        let line = |number, text: &[u8]| Line::Text(number, Bytes::copy_from_slice(text));
        let expected = [line(1, &full), Line::TooLong(2), line(3, b"last")];
        assert_eq!(all(&[Bytes::from(text.clone())]), expected);
        let bytes: Vec<_> = text.chunks(1).map(Bytes::copy_from_slice).collect();
        assert_eq!(all(&bytes), expected);
    }

    proptest! {
        /// However the body is cut into pieces, the lines are the same.
        #[test]
        fn pieces_make_no_difference(
            text in proptest::collection::vec(prop_oneof![Just(b'\n'), Just(b'\r'), any::<u8>()], 0..200),
            cuts in proptest::collection::vec(1_usize..9, 1..200),
        ) {
            let mut rest = Bytes::from(text.clone());
            let mut pieces = Vec::new();
            for cut in cuts {
                pieces.push(rest.split_to(cut.min(rest.len())));
            }
            pieces.push(rest);
            prop_assert_eq!(all(&pieces), all(&[Bytes::from(text)]));
        }
    }
}
