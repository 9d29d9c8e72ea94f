//! Rows of an import, gathered into steps.
//!
//! Where steps end and what they are called is a format, as a file's is:
//! inventory knows the steps that it took by these names. A version that cut
//! the same body elsewhere would have a repeated import refused, as another
//! body under the same id, or counted twice where the names are new. So
//! [`CHUNK_LINES_MAX`], [`CHUNK_BYTES_MAX`], the longest line and [`step_id`]
//! are no settings, and never change.

/// Lines that one step takes at most. Part of the format.
pub const CHUNK_LINES_MAX: usize = 1_000;

/// Bytes of lines that one step takes at most, plus one line: what makes a
/// message of well under 4 MiB, and little to do again. Part of the format.
pub const CHUNK_BYTES_MAX: usize = 1024 * 1024;

/// A line that was not taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rejected {
    /// Number of the line in the body, from 1.
    pub row: u64,
    /// The field at fault, if there is one.
    pub field: String,
    /// What is wrong with it.
    pub reason: String,
}

/// The lines of one step.
///
/// Where a step ends depends on the lines alone: the same body is cut into the
/// same steps each time, whatever was wrong with its rows and however it came
/// over the network, so that a step may be named by its number.
#[derive(Debug)]
pub struct Chunk<T> {
    /// Its number in the import, from 1.
    pub number: u64,
    /// Good rows, with the numbers of their lines.
    pub rows: Vec<(u64, T)>,
    /// Bad rows.
    pub rejected: Vec<Rejected>,
    bytes: usize,
}

impl<T> Default for Chunk<T> {
    /// The first step.
    fn default() -> Self {
        Self::numbered(1)
    }
}

impl<T> Chunk<T> {
    fn numbered(number: u64) -> Self {
        Self {
            number,
            rows: Vec::new(),
            rejected: Vec::new(),
            bytes: 0,
        }
    }

    /// Adds a line of `bytes` bytes that is a row or was rejected.
    pub fn add(&mut self, bytes: usize, row: Result<(u64, T), Rejected>) {
        self.bytes += bytes;
        match row {
            Ok(row) => self.rows.push(row),
            Err(rejected) => self.rejected.push(rejected),
        }
    }

    /// Lines in it.
    #[must_use]
    pub fn lines(&self) -> usize {
        self.rows.len() + self.rejected.len()
    }

    /// Whether it must go before another line is added.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.lines() >= CHUNK_LINES_MAX || self.bytes >= CHUNK_BYTES_MAX
    }

    /// Takes the lines, and leaves the next step to be filled.
    #[must_use]
    pub fn take(&mut self) -> Self {
        let next = Self::numbered(self.number + 1);
        std::mem::replace(self, next)
    }

    /// The number of the line that is the `nth` row (from 1) of the step.
    #[must_use]
    pub fn line_of(&self, nth: i64) -> u64 {
        let at = usize::try_from(nth).ok().and_then(|nth| nth.checked_sub(1));
        let row = at.and_then(|at| self.rows.get(at));
        row.map_or(0, |(line, _)| *line)
    }
}

/// The import id of one step: inventory remembers each by itself.
#[must_use]
pub fn step_id(import_id: &str, number: u64) -> String {
    format!("{import_id}/{number}")
}

/// The longest import id, in characters: with `/` and twenty digits it stays
/// within the 255 that inventory takes.
pub const IMPORT_ID_MAX: usize = 200;

#[cfg(test)]
mod tests {
    use super::*;

    fn bad(row: u64) -> Rejected {
        Rejected {
            row,
            field: String::new(),
            reason: "bad".into(),
        }
    }

    #[test]
    fn a_step_ends_by_lines_or_by_bytes() {
        let mut chunk = Chunk::default();
        for line in 1..1_000 {
            chunk.add(10, Ok((line, 'a')));
            assert!(!chunk.is_full());
        }
        chunk.add(10, Err(bad(1_000)));
        assert!(chunk.is_full());
        assert_eq!((chunk.take().number, chunk.number), (1, 2));
        assert!(!chunk.is_full());
        chunk.add(1024 * 1024 - 1, Ok((1_001, 'b')));
        assert!(!chunk.is_full());
        chunk.add(1, Ok((1_002, 'c')));
        assert!(chunk.is_full());
    }

    #[test]
    fn rows_of_a_step_are_lines_of_the_body() {
        let mut chunk = Chunk::default();
        chunk.add(1, Ok((7, 'a')));
        chunk.add(1, Err(bad(8)));
        chunk.add(1, Ok((9, 'b')));
        assert_eq!([0, 1, 2, 3].map(|nth| chunk.line_of(nth)), [0, 7, 9, 0]);
    }

    #[test]
    fn step_ids_fit() {
        let longest = step_id(&"i".repeat(IMPORT_ID_MAX), u64::MAX);
        assert!(longest.len() <= 255);
    }
}
