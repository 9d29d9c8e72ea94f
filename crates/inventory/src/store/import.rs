//! An import and what it stands for: the rows under an id, in their order.

use sha2::{Digest, Sha256};

use crate::model::{CatalogRow, RejectedRow};

/// A digest over the good rows of an import from its first to some row.
///
/// Bad rows are no part of it, but the numbers of the good ones are: a row that
/// was bad and is mended makes it another.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RowsDigest(pub [u8; 32]);

impl RowsDigest {
    /// The digest after one more row.
    ///
    /// Every text is preceded by its length, so that no two rows read the same.
    /// Stores keep it: a change makes the repeats of older imports differ.
    fn with(self, number: i64, row: &CatalogRow) -> Self {
        let mut hash = Sha256::new();
        hash.update(b"import.v1");
        hash.update(self.0);
        hash.update(number.to_be_bytes());
        for text in [row.sku.as_str(), &row.name, row.price.currency().code()] {
            let length = u64::try_from(text.len()).unwrap_or(u64::MAX);
            hash.update(length.to_be_bytes());
            hash.update(text);
        }
        hash.update(row.price.minor().to_be_bytes());
        hash.update(row.quantity.to_be_bytes());
        Self(hash.finalize().into())
    }
}

/// A place in an import, and what stands before it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ImportPlace {
    /// Rows before it, good or bad.
    pub rows: i64,
    /// Over those of them that are good.
    pub digest: RowsDigest,
}

/// A good row of an import.
#[derive(Clone, Debug)]
pub struct ImportRow {
    /// The row.
    pub row: CatalogRow,
    /// The place behind it; its number in the import.
    pub place: ImportPlace,
}

/// Rows of an import: one message of the stream, one durable step.
#[derive(Clone, Debug)]
pub struct ImportBatch {
    import_id: String,
    start: ImportPlace,
    rows: Vec<ImportRow>,
    end: ImportPlace,
}

impl ImportBatch {
    /// The good rows of a message with their numbers in the import, from 1 and
    /// rising. `start` is where the message before ended, `last_row` the number
    /// of its own last row, good or bad.
    #[must_use]
    pub fn new(
        import_id: String,
        start: ImportPlace,
        rows: Vec<(i64, CatalogRow)>,
        last_row: i64,
    ) -> Self {
        let mut digest = start.digest;
        let rows = rows.into_iter().map(|(number, row)| {
            digest = digest.with(number, &row);
            let rows = number;
            ImportRow {
                row,
                place: ImportPlace { rows, digest },
            }
        });
        Self {
            import_id,
            start,
            rows: rows.collect(),
            end: ImportPlace {
                rows: last_row,
                digest,
            },
        }
    }

    /// Names the import.
    #[must_use]
    pub fn import_id(&self) -> &str {
        &self.import_id
    }

    /// Where the next message starts.
    #[must_use]
    pub const fn end(&self) -> ImportPlace {
        self.end
    }

    /// The good rows.
    #[must_use]
    pub fn into_rows(self) -> Vec<ImportRow> {
        self.rows
    }

    /// Compares what comes with what is remembered of the import, if anything.
    #[must_use]
    pub fn compare(&self, remembered: Option<ImportPlace>) -> Comparison {
        let Some(remembered) = remembered else {
            return Comparison::Same;
        };
        if remembered.rows > self.end.rows {
            return Comparison::TooEarly;
        }
        // What is remembered ends before the message, though the message before
        // was taken: another import has the id by now.
        if remembered.rows < self.start.rows {
            return Comparison::Other;
        }
        let before = self.rows.iter().map(|row| row.place);
        let before = before.take_while(|place| place.rows <= remembered.rows);
        let here = before.last().unwrap_or(self.start);
        if here.digest == remembered.digest {
            Comparison::Same
        } else {
            Comparison::Other
        }
    }
}

/// Whether rows that come are those that an import id stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Comparison {
    /// As far as is remembered.
    Same,
    /// More is remembered than has come; a later message tells.
    TooEarly,
    /// The id stands for other rows.
    Other,
}

/// The import id stands for other rows; nothing was changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ImportIdReused;

/// What became of the rows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Imported {
    /// Rows taken.
    pub taken: i64,
    /// Rows that an earlier step of this import had dealt with.
    pub already: i64,
    /// Rows that contradict the catalogue.
    pub rejected: Vec<RejectedRow>,
    /// Whether the rows were found to be those that the id stands for. If not,
    /// more is remembered than has come: nothing was taken, and an import that
    /// ends here has not been shown to be the same.
    pub is_same: bool,
}

#[cfg(test)]
mod tests {
    use shop_types::{Currency, Money, Sku};

    use super::*;

    fn row(sku: &str, name: &str, price: Money, quantity: i64) -> CatalogRow {
        CatalogRow {
            sku: Sku::new(sku).unwrap(),
            name: name.to_owned(),
            price,
            quantity,
        }
    }

    fn eur(minor: i64) -> Money {
        Money::new(minor, Currency::EUR)
    }

    #[test]
    fn every_part_of_a_row_counts_and_so_does_what_was_before() {
        let base = RowsDigest::default().with(1, &row("tea", "cup", eur(2), 3));
        for (number, other) in [
            (2, row("tea", "cup", eur(2), 3)),
            (1, row("teac", "up", eur(2), 3)),
            (1, row("tea", "cups", eur(2), 3)),
            (1, row("tea", "cup", eur(3), 3)),
            (1, row("tea", "cup", Money::new(2, Currency::USD), 3)),
            (1, row("tea", "cup", eur(2), 4)),
        ] {
            let digest = RowsDigest::default().with(number, &other);
            assert_ne!(base, digest, "{number} {other:?}");
        }
        assert_ne!(base, base.with(1, &row("tea", "cup", eur(2), 3)));
    }

    #[test]
    fn what_is_remembered_is_compared_where_it_ends() {
        let rows = || (1..=4).map(|n| (n, row("tea", "tea", eur(1), n)));
        let whole = ImportBatch::new("i".into(), ImportPlace::default(), rows().collect(), 5);
        let places: Vec<_> = whole.rows.iter().map(|row| row.place).collect();
        assert_eq!(whole.compare(None), Comparison::Same);
        assert_eq!(whole.compare(Some(places[2])), Comparison::Same);
        assert_eq!(whole.compare(Some(whole.end())), Comparison::Same);
        let rest = ImportBatch::new("i".into(), places[1], rows().skip(2).collect(), 5);
        assert_eq!(rest.end(), whole.end());
        assert_eq!(rest.compare(Some(places[1])), Comparison::Same);
        assert_eq!(rest.compare(Some(places[0])), Comparison::Other);
        let elsewhere = ImportPlace {
            rows: 3,
            ..places[3]
        };
        assert_eq!(rest.compare(Some(elsewhere)), Comparison::Other);
        let further = ImportPlace {
            rows: 6,
            ..places[3]
        };
        assert_eq!(whole.compare(Some(further)), Comparison::TooEarly);
    }
}
