//! The book and its journal, kept in step.

use std::sync::{Mutex, MutexGuard, PoisonError};

use rand::RngExt;
use shop_proto::orders::Order;
use watertight_core::Clock;

use crate::{
    catalog::ARTICLES,
    check::{
        Body, Book, CallError, Door, Entry, Findings, Journal, JournalError, Receipt, Slot, Status,
        Verdict,
    },
};

/// Writes down what is about to be done before it is done, and what was
/// answered before it counts.
///
/// Without a journal it keeps the book alone: for benches, whose data nobody
/// takes up again.
#[derive(Debug)]
pub(crate) struct Keeper {
    run: String,
    book: Mutex<Book>,
    findings: Mutex<Findings>,
    journal: Option<Journal>,
}

impl Keeper {
    /// Begins a run on a book and, if there is one, its journal.
    ///
    /// # Errors
    ///
    /// [`JournalError`] if the journal can't be written.
    ///
    /// # Cancel safety
    ///
    /// Dropped, the run may have begun in the journal; that does no harm.
    pub(crate) async fn begin(
        journal: Option<Journal>,
        mut book: Book,
        seed: u64,
    ) -> Result<Self, JournalError> {
        // Not from the seed: two runs on one directory must not share keys.
        let run = format!("{:08x}", rand::rng().random::<u32>());
        book.begin_run(&run).map_err(JournalError::Full)?;
        if let Some(journal) = &journal {
            let at_ms = Clock::system().now_ms();
            journal
                .append(&[Entry::Run {
                    run: run.clone(),
                    seed,
                    at_ms,
                }])
                .await?;
        }
        let (book, findings) = (Mutex::new(book), Mutex::default());
        Ok(Self {
            run,
            book,
            findings,
            journal,
        })
    }

    /// The name of this run.
    pub(crate) fn run(&self) -> &str {
        &self.run
    }

    /// The book.
    pub(crate) fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What was found while calls went on.
    pub(crate) fn findings(&self) -> MutexGuard<'_, Findings> {
        self.findings.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes entries without waiting for the disk.
    ///
    /// # Errors
    ///
    /// [`JournalError`] if the journal can't be written.
    ///
    /// # Cancel safety
    ///
    /// As [`Journal::note`].
    pub(crate) async fn note(&self, entries: &[Entry]) -> Result<(), JournalError> {
        match &self.journal {
            Some(journal) => journal.note(entries).await,
            None => Ok(()),
        }
    }

    async fn append(&self, entries: &[Entry]) -> Result<(), JournalError> {
        match &self.journal {
            Some(journal) => journal.append(entries).await,
            None => Ok(()),
        }
    }

    /// Takes places for orders and has them on the disk before any is sent.
    /// `None` for those beyond what the book holds.
    ///
    /// # Errors
    ///
    /// [`JournalError`] if the journal can't be written.
    ///
    /// # Cancel safety
    ///
    /// Dropped, the orders stay planned and are repeated at the next check.
    pub(crate) async fn plan(
        &self,
        orders: &[(Body, Door)],
    ) -> Result<Vec<Option<Slot>>, JournalError> {
        let (mut slots, mut entries) = (Vec::new(), Vec::new());
        {
            let mut book = self.book();
            for &(body, door) in orders {
                let slot = book.place(body, door);
                slots.push(slot);
                entries.extend(slot.map(|slot| Entry::Place {
                    seq: book.get(slot).seq,
                    lines: body.lines().map(|(sku, n)| (sku.to_owned(), n)).collect(),
                    method: body.method().token().to_owned(),
                    door,
                }));
            }
        }
        self.append(&entries).await?;
        Ok(slots)
    }

    /// Notes that planned orders were never sent.
    ///
    /// # Errors
    ///
    /// [`JournalError`] if the journal can't be written.
    ///
    /// # Cancel safety
    ///
    /// Safe: what isn't noted is repeated at the next check.
    pub(crate) async fn unsent(&self, slots: &[Slot]) -> Result<(), JournalError> {
        let entries: Vec<_> = {
            let mut book = self.book();
            slots.iter().for_each(|&slot| book.unsent(slot));
            slots
                .iter()
                .map(|&slot| Entry::Unsent {
                    of: book.get(slot).of(),
                })
                .collect()
        };
        self.append(&entries).await
    }

    /// Takes down what PlaceOrder answered. `true` if the order is acknowledged
    /// for the first time.
    ///
    /// # Errors
    ///
    /// [`JournalError`] if the journal can't be written: then it doesn't count.
    ///
    /// # Cancel safety
    ///
    /// Dropped, the outcome stays unknown.
    pub(crate) async fn placed(
        &self,
        slot: Slot,
        answer: Result<&Order, &CallError>,
    ) -> Result<bool, JournalError> {
        let tracked = self.book().get(slot);
        let of = tracked.of();
        let status = answer.ok().map(|order| Status::of(order.status()));
        let entry = match (answer, status) {
            (Ok(order), Some(status)) => Entry::Placed {
                of,
                id: order.id.clone(),
                status,
            },
            (Err(error), _) if error.verdict() == Verdict::Fail => Entry::Failed {
                of,
                why: error.to_string(),
            },
            (answer, _) => {
                let why = answer.err().map(ToString::to_string).unwrap_or_default();
                Entry::Unknown { of, why }
            }
        };
        if tracked.learns(status) {
            self.append(&[entry]).await?;
        }
        let mut book = self.book();
        match answer {
            Ok(order) => {
                let first = !book.get(slot).is_acknowledged();
                let found = book.answered(slot, order);
                self.findings().merge(found);
                return Ok(first);
            }
            Err(error) if error.verdict() == Verdict::Fail => {
                let found = book.refused(slot, error);
                self.findings().merge(found);
            }
            Err(_unknown) => book.unknown(slot),
        }
        Ok(false)
    }

    /// Notes that a cancellation is about to be sent.
    ///
    /// # Errors
    ///
    /// [`JournalError`] if the journal can't be written.
    ///
    /// # Cancel safety
    ///
    /// Safe: a cancellation that is noted and not sent may end either way.
    pub(crate) async fn cancel(&self, slot: Slot) -> Result<(), JournalError> {
        let of = {
            let mut book = self.book();
            book.cancel_asked(slot);
            book.get(slot).of()
        };
        self.append(&[Entry::Cancel { of }]).await
    }

    /// Notes that an order was cancelled.
    ///
    /// # Errors
    ///
    /// [`JournalError`] if the journal can't be written: then it doesn't count.
    ///
    /// # Cancel safety
    ///
    /// Safe.
    pub(crate) async fn cancelled(&self, slot: Slot) -> Result<(), JournalError> {
        let of = self.book().get(slot).of();
        self.append(&[Entry::Cancelled { of }]).await?;
        self.book().cancelled(slot);
        Ok(())
    }

    /// Notes that goods are about to be sent in.
    ///
    /// # Errors
    ///
    /// [`JournalError`] if the journal can't be written: don't send them then.
    ///
    /// # Cancel safety
    ///
    /// Dropped, they count as possibly sent, and are sent again.
    pub(crate) async fn receive(&self, id: &str, receipt: Receipt) -> Result<(), JournalError> {
        self.book().receive(id, receipt);
        let sku = ARTICLES[usize::from(receipt.article)].sku.to_owned();
        self.append(&[Entry::Receive {
            id: id.to_owned(),
            sku,
            pieces: receipt.pieces,
        }])
        .await
    }

    /// Notes that they were taken.
    ///
    /// # Errors
    ///
    /// [`JournalError`] if the journal can't be written.
    ///
    /// # Cancel safety
    ///
    /// Dropped, they are sent in again, which changes nothing.
    pub(crate) async fn received(&self, id: &str) -> Result<(), JournalError> {
        self.append(&[Entry::Received { id: id.to_owned() }])
            .await?;
        self.book().received(id);
        Ok(())
    }

    /// Notes that the catalogue is in.
    ///
    /// # Errors
    ///
    /// [`JournalError`] if the journal can't be written.
    ///
    /// # Cancel safety
    ///
    /// Dropped, it is imported again, which changes nothing.
    pub(crate) async fn seeded(&self) -> Result<(), JournalError> {
        self.append(&[Entry::CatalogDone]).await?;
        self.book().seeded();
        Ok(())
    }

    /// Ends the journal.
    ///
    /// # Errors
    ///
    /// [`JournalError`] if something couldn't be written.
    ///
    /// # Cancel safety
    ///
    /// As [`Journal::close`].
    pub(crate) async fn close(&self) -> Result<(), JournalError> {
        match &self.journal {
            Some(journal) => journal.clone().close().await,
            None => Ok(()),
        }
    }
}
