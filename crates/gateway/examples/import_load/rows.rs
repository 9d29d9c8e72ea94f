//! Catalogue rows of any number, made as they are sent.

/// Makes lines of an import: `--rows` of them or as many as fit `bytes`, each
/// padded with blanks to `line_bytes`.
#[derive(Clone, Debug)]
pub(crate) struct Rows {
    next: u64,
    count: u64,
    line_bytes: usize,
    skus: u64,
}

impl Rows {
    /// Rows that together have at least `bytes` bytes, over `skus` SKUs in turn.
    #[must_use]
    pub(crate) fn of_bytes(bytes: u64, line_bytes: usize, skus: u64) -> Self {
        let line = u64::try_from(line_bytes.max(1)).unwrap_or(u64::MAX);
        Self::of_count(bytes.div_ceil(line), line_bytes, skus)
    }

    /// `count` rows, over `skus` SKUs in turn.
    #[must_use]
    pub(crate) fn of_count(count: u64, line_bytes: usize, skus: u64) -> Self {
        Self {
            next: 0,
            count,
            line_bytes,
            skus: skus.max(1),
        }
    }

    /// How many rows there are in all.
    #[must_use]
    pub(crate) fn count(&self) -> u64 {
        self.count
    }

    /// The next lines, about `bytes` bytes of them; nothing once all are made.
    pub(crate) fn piece(&mut self, bytes: usize) -> Vec<u8> {
        let mut piece = Vec::with_capacity(bytes + self.line_bytes + 128);
        while piece.len() < bytes && self.next < self.count {
            self.line(&mut piece);
            self.next += 1;
        }
        piece
    }

    fn line(&self, piece: &mut Vec<u8>) {
        let sku = self.next % self.skus;
        let row = format!(
            r#"{{"sku":"load-{sku}","name":"Load {sku}","price":{{"amount":100,"currency":"EUR"}},"quantity":1}}"#
        );
        piece.extend_from_slice(row.as_bytes());
        let padding = self.line_bytes.saturating_sub(row.len() + 1);
        piece.resize(piece.len() + padding, b' ');
        piece.push(b'\n');
    }
}
