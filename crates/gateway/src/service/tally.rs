//! What became of an import so far.

use super::chunk::Rejected;

/// Rejected rows that an import names at most; the rest is only counted.
pub const REJECTED_NAMED_MAX: usize = 1_000;

/// Counts of an import, or of a step of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Rows looked at.
    pub rows: u64,
    /// Rows taken.
    pub imported: u64,
    /// Rows that had been taken before under the same import id.
    pub already_imported: u64,
    /// Rows that were not taken.
    pub rejected: u64,
}

impl Tally {
    /// Adds a step.
    pub fn add(&mut self, step: Self) {
        self.rows += step.rows;
        self.imported += step.imported;
        self.already_imported += step.already_imported;
        self.rejected += step.rejected;
    }

    /// Those of a step's rejected rows that are still named, given that this
    /// is the tally before it.
    #[must_use]
    pub fn named(&self, mut rejected: Vec<Rejected>) -> Vec<Rejected> {
        let before = usize::try_from(self.rejected).unwrap_or(usize::MAX);
        rejected.truncate(REJECTED_NAMED_MAX.saturating_sub(before));
        rejected
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_first_rejected_rows_are_named() {
        let rejected = |n| {
            vec![
                Rejected {
                    row: 1,
                    field: String::new(),
                    reason: String::new()
                };
                n
            ]
        };
        let mut tally = Tally::default();
        assert_eq!(tally.named(rejected(3)).len(), 3);
        let step = Tally {
            rows: 999,
            rejected: 999,
            ..Tally::default()
        };
        tally.add(step);
        assert_eq!(tally.named(rejected(3)).len(), 1);
        tally.add(step);
        assert_eq!((tally.named(rejected(3)).len(), tally.rejected), (0, 1_998));
    }
}
