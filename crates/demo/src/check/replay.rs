//! From the journal back to the book.

use super::{Body, Book, Door, Entry, Method, Receipt, Slot};
use crate::catalog;

/// A journal that doesn't tell a possible story.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum BookError {
    #[error("an entry names order {0} before it was placed")]
    NoSuchOrder(u32),
    #[error("an order comes before the run it belongs to")]
    NoRun,
    #[error("order {0} can't be read: another version's catalogue?")]
    BadBody(u32),
    #[error("{0:?} is not an article of this version")]
    BadArticle(String),
    #[error("{0:?} is not an order id")]
    BadId(String),
    #[error("more than {} runs on one data directory", Book::RUNS_MAX)]
    TooManyRuns,
    #[error("more than {} orders in one journal", Book::ORDERS_MAX)]
    TooManyOrders,
}

impl Book {
    fn slot(&self, (run, seq): (u16, u32)) -> Result<Slot, BookError> {
        let first = self
            .runs
            .get(usize::from(run))
            .ok_or(BookError::NoRun)?
            .first;
        let at = first.saturating_add(seq);
        let order = self
            .orders
            .get(at as usize)
            .filter(|order| order.of() == (run, seq));
        order
            .map(|_there| Slot(at))
            .ok_or(BookError::NoSuchOrder(seq))
    }

    /// Replays one entry of a journal.
    ///
    /// # Errors
    ///
    /// [`BookError`] if no checker of this version can have written it there.
    pub(crate) fn replay(&mut self, entry: &Entry) -> Result<(), BookError> {
        match entry {
            Entry::Run { run, .. } => self.begin_run(run)?,
            Entry::Catalog { .. } | Entry::Kill { .. } => {}
            Entry::CatalogDone => self.seeded(),
            Entry::Place {
                seq,
                lines,
                method,
                door,
            } => self.replay_place(*seq, lines, method, *door)?,
            Entry::Placed { of, id, status } => {
                let id = id.parse().map_err(|_bad| BookError::BadId(id.clone()))?;
                let slot = self.slot(*of)?;
                // What is wrong with it was found when it came.
                let _other_end = self.change(slot, |order| order.placed(id, *status));
            }
            Entry::Failed { of, .. } => self.failed(self.slot(*of)?),
            Entry::Unknown { of, .. } => self.unknown(self.slot(*of)?),
            Entry::Unsent { of } => self.unsent(self.slot(*of)?),
            Entry::Cancel { of } => self.cancel_asked(self.slot(*of)?),
            Entry::Cancelled { of } => self.cancelled(self.slot(*of)?),
            Entry::Receive { id, sku, pieces } => {
                let article = catalog::index_of(sku);
                let article = article.ok_or_else(|| BookError::BadArticle(sku.clone()))?;
                self.receive(
                    id,
                    Receipt {
                        article,
                        pieces: *pieces,
                    },
                );
            }
            Entry::Received { id } => self.received(id),
        }
        Ok(())
    }

    fn replay_place(
        &mut self,
        seq: u32,
        lines: &[(String, i64)],
        method: &str,
        door: Door,
    ) -> Result<(), BookError> {
        let lines = lines.iter().map(|(sku, pieces)| (sku.as_str(), *pieces));
        let body = Method::of(method).and_then(|method| Body::new(lines, method));
        let body = body.ok_or(BookError::BadBody(seq))?;
        let slot = self.place(body, door).ok_or(BookError::TooManyOrders)?;
        if self.get(slot).seq != seq {
            return Err(BookError::NoSuchOrder(seq));
        }
        Ok(())
    }
}
