//! The checker's memory: every order it asked for and what it was told.

use std::collections::HashMap;

use shop_proto::orders::Order;
use shop_types::OrderId;

use super::{Body, Entry, Findings, Invariant, Method, entry::Status};
use crate::catalog::{self, ARTICLES};

/// What is known of the answer to one PlaceOrder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// It is about to be sent. In a journal: it may have been, so it is unknown.
    Planned,
    /// It is on its way.
    Sent,
    /// It never left: the load stopped first.
    Unsent,
    /// A timeout or a transport error: it may have happened.
    Unknown,
    /// The shop refused; there is no such order.
    Failed,
    /// The shop acknowledged it.
    Order(OrderId, Status),
}

/// What is known of an order's cancellation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cancel {
    /// Nobody asked for it.
    No,
    /// It was asked for and may have happened.
    Asked,
    /// The shop said that the order is cancelled.
    Done,
    /// The shop refused: the order was rejected already.
    Refused,
}

/// One order as the checker remembers it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Tracked {
    pub(crate) run: u16,
    pub(crate) seq: u32,
    pub(crate) body: Body,
    pub(crate) answer: Answer,
    pub(crate) cancel: Cancel,
}

impl Tracked {
    /// The order's name in the journal.
    pub(crate) const fn of(&self) -> (u16, u32) {
        (self.run, self.seq)
    }

    /// Whether the shop has acknowledged it.
    pub(crate) const fn is_acknowledged(&self) -> bool {
        matches!(self.answer, Answer::Order(..))
    }

    /// Whether its cancellation was asked for.
    pub(crate) const fn is_cancelling(&self) -> bool {
        !matches!(self.cancel, Cancel::No | Cancel::Refused)
    }

    /// Whether another answer, with this status if there is one, could tell
    /// anything that isn't known.
    pub(crate) const fn learns(&self, status: Option<Status>) -> bool {
        match (self.answer, status) {
            (Answer::Order(_, known), Some(status)) => !known.is_end() && status.is_end(),
            (Answer::Order(..), None) => false,
            _ => true,
        }
    }
}

/// Goods that were sent in and not yet acknowledged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Receipt {
    pub(crate) article: u8,
    pub(crate) pieces: i64,
}

/// Names one tracked order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Slot(u32);

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

/// Every order asked for and what was answered, every delivery sent in.
///
/// Pure: what it is told comes from calls or from the journal, and gives the
/// same book either way.
///
/// # Limits
///
/// [`Book::ORDERS_MAX`] orders of about 44 bytes. Beyond it [`Book::place`]
/// gives `None`: the load goes on with customers that the checker doesn't
/// track, whose orders count in the sums alone.
#[derive(Debug, Default)]
pub(crate) struct Book {
    runs: Vec<Run>,
    orders: Vec<Tracked>,
    seeded: bool,
    received: [i64; ARTICLES.len()],
    receipts: HashMap<String, Receipt>,
}

#[derive(Debug)]
struct Run {
    name: String,
    first: u32,
}

impl Book {
    /// The most orders that are tracked.
    pub(crate) const ORDERS_MAX: usize = 2_000_000;

    /// The most times one data directory can be taken up again.
    pub(crate) const RUNS_MAX: usize = 10_000;

    /// Starts a run: orders from here on belong to it.
    pub(crate) fn begin_run(&mut self, name: &str) -> Result<(), BookError> {
        if self.runs.len() >= Self::RUNS_MAX {
            return Err(BookError::TooManyRuns);
        }
        let first = u32::try_from(self.orders.len()).unwrap_or(u32::MAX);
        self.runs.push(Run {
            name: name.to_owned(),
            first,
        });
        Ok(())
    }

    /// Takes a place for an order about to be sent; `None` when full.
    pub(crate) fn place(&mut self, body: Body) -> Option<Slot> {
        let run = self.runs.last()?;
        let at = u32::try_from(self.orders.len()).ok()?;
        if self.orders.len() >= Self::ORDERS_MAX {
            return None;
        }
        self.orders.push(Tracked {
            run: u16::try_from(self.runs.len() - 1).ok()?,
            seq: at - run.first,
            body,
            answer: Answer::Planned,
            cancel: Cancel::No,
        });
        Some(Slot(at))
    }

    /// The order at a slot.
    pub(crate) fn get(&self, slot: Slot) -> Tracked {
        self.orders[slot.0 as usize]
    }

    fn at(&mut self, slot: Slot) -> &mut Tracked {
        &mut self.orders[slot.0 as usize]
    }

    /// All orders.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (Slot, &Tracked)> {
        (0..).map(Slot).zip(&self.orders)
    }

    /// The orders of the last run.
    pub(crate) fn this_run(&self) -> impl Iterator<Item = (Slot, &Tracked)> {
        let first = self.runs.last().map_or(0, |run| run.first);
        self.iter().skip(first as usize)
    }

    /// Orders of which nobody knows whether they came to be.
    pub(crate) fn unknowns(&self) -> Vec<Slot> {
        let open = |order: &Tracked| {
            matches!(
                order.answer,
                Answer::Planned | Answer::Sent | Answer::Unknown
            )
        };
        self.iter()
            .filter(|(_, order)| open(order))
            .map(|(slot, _)| slot)
            .collect()
    }

    /// Acknowledged orders that were not at an end when last heard of.
    pub(crate) fn unsettled(&self) -> Vec<Slot> {
        let open =
            |order: &Tracked| matches!(order.answer, Answer::Order(_, status) if !status.is_end());
        self.iter()
            .filter(|(_, order)| open(order))
            .map(|(slot, _)| slot)
            .collect()
    }

    /// Acknowledged orders whose cancellation has no answer yet.
    pub(crate) fn uncancelled(&self) -> Vec<Slot> {
        let open = |order: &Tracked| {
            order.cancel == Cancel::Asked && matches!(order.answer, Answer::Order(..))
        };
        self.iter()
            .filter(|(_, order)| open(order))
            .map(|(slot, _)| slot)
            .collect()
    }

    /// How many orders there are.
    pub(crate) fn len(&self) -> usize {
        self.orders.len()
    }

    /// The order `back` before the last one.
    pub(crate) fn recent(&self, back: usize) -> Option<(Slot, Tracked)> {
        let at = self.orders.len().checked_sub(back + 1)?;
        Some((Slot(u32::try_from(at).ok()?), self.orders[at]))
    }

    fn run_name(&self, run: u16) -> &str {
        self.runs.get(usize::from(run)).map_or("", |run| &run.name)
    }

    /// The idempotency key of an order.
    pub(crate) fn key(&self, slot: Slot) -> String {
        let order = self.get(slot);
        format!("demo-{}-{}", self.run_name(order.run), order.seq)
    }

    /// Whose order it is: fifty customers a run.
    pub(crate) fn customer(&self, slot: Slot) -> String {
        let order = self.get(slot);
        format!("{CUSTOMERS}{}-{}", self.run_name(order.run), order.seq % 50)
    }

    /// Notes what PlaceOrder answered, first time or repeated, and what is
    /// wrong with it: another order under the same key, another content, or
    /// another end.
    pub(crate) fn answered(&mut self, slot: Slot, order: &Order) -> Findings {
        let mut findings = Findings::default();
        let (status, key) = (Status::of(order.status()), self.key(slot));
        let Ok(id) = order.id.parse::<OrderId>() else {
            findings.add(Invariant::Changed, format!("{key}: id {:?}", order.id));
            return findings;
        };
        let tracked = self.at(slot);
        if let Some(difference) = tracked.body.difference(order) {
            findings.add(
                Invariant::Changed,
                format!("{key}, order {id}: {difference}"),
            );
        }
        match tracked.answer {
            Answer::Order(first, _) if first != id => {
                findings.add(
                    Invariant::Doubled,
                    format!("{key} is order {first} and order {id}"),
                );
            }
            Answer::Order(_, before)
                if before.is_end()
                    && status.is_end()
                    && before != status
                    && tracked.cancel == Cancel::No =>
            {
                let what = format!("{key}: first {before:?}, then {status:?}");
                findings.add(Invariant::KeyReused, what);
            }
            // A late answer of a twin doesn't take an end back.
            Answer::Order(_, before) if before.is_end() => {}
            Answer::Planned
            | Answer::Sent
            | Answer::Unsent
            | Answer::Unknown
            | Answer::Failed
            | Answer::Order(..) => tracked.answer = Answer::Order(id, status),
        }
        findings
    }

    /// Notes that an order leaves now.
    pub(crate) fn sent(&mut self, slot: Slot) {
        let tracked = self.at(slot);
        if tracked.answer == Answer::Planned {
            tracked.answer = Answer::Sent;
        }
    }

    /// Notes that the shop refused an order. An acknowledged one stays.
    pub(crate) fn failed(&mut self, slot: Slot) {
        self.set_unless_known(slot, Answer::Failed);
    }

    /// Notes that nobody knows whether an order came to be.
    pub(crate) fn unknown(&mut self, slot: Slot) {
        self.set_unless_known(slot, Answer::Unknown);
    }

    /// Notes that an order was never sent.
    pub(crate) fn unsent(&mut self, slot: Slot) {
        let tracked = self.at(slot);
        if tracked.answer == Answer::Planned {
            tracked.answer = Answer::Unsent;
        }
    }

    fn set_unless_known(&mut self, slot: Slot, answer: Answer) {
        let tracked = self.at(slot);
        if matches!(
            tracked.answer,
            Answer::Planned | Answer::Sent | Answer::Unknown
        ) {
            tracked.answer = answer;
        }
    }

    /// Notes how far an order is, as GetOrder or a cancellation tells it.
    pub(crate) fn reached(&mut self, slot: Slot, status: Status) {
        if let Answer::Order(_, known) = &mut self.at(slot).answer {
            *known = status;
        }
    }

    /// Notes that a cancellation is about to be sent.
    pub(crate) fn cancel_asked(&mut self, slot: Slot) {
        let tracked = self.at(slot);
        if matches!(tracked.cancel, Cancel::No | Cancel::Refused) {
            tracked.cancel = Cancel::Asked;
        }
    }

    /// Notes that the shop has cancelled the order.
    pub(crate) fn cancelled(&mut self, slot: Slot) {
        self.at(slot).cancel = Cancel::Done;
        self.reached(slot, Status::Cancelled);
    }

    /// Notes that the shop refused a cancellation, for the order is rejected.
    pub(crate) fn cancel_refused(&mut self, slot: Slot) {
        self.at(slot).cancel = Cancel::Refused;
        self.reached(slot, Status::Rejected);
    }

    /// Whether the catalogue is in.
    pub(crate) const fn is_seeded(&self) -> bool {
        self.seeded
    }

    /// Notes that the catalogue was taken.
    pub(crate) fn seeded(&mut self) {
        if !std::mem::replace(&mut self.seeded, true) {
            for (sum, article) in self.received.iter_mut().zip(&ARTICLES) {
                *sum += article.quantity();
            }
        }
    }

    /// Notes that goods are about to be sent in.
    pub(crate) fn receive(&mut self, id: &str, receipt: Receipt) {
        self.receipts.insert(id.to_owned(), receipt);
    }

    /// Notes that they were taken.
    pub(crate) fn received(&mut self, id: &str) {
        if let Some(receipt) = self.receipts.remove(id) {
            self.received[usize::from(receipt.article)] += receipt.pieces;
        }
    }

    /// Deliveries whose outcome isn't known.
    pub(crate) fn open_receipts(&self) -> Vec<(String, Receipt)> {
        let mut open: Vec<_> = self
            .receipts
            .iter()
            .map(|(id, r)| (id.clone(), *r))
            .collect();
        open.sort_by(|a, b| a.0.cmp(&b.0));
        open
    }

    /// Pieces of an article that surely came in, and that may have at most.
    pub(crate) fn received_bounds(&self, article: u8) -> (i64, i64) {
        let sure = self.received[usize::from(article)];
        let open = self.receipts.values().filter(|r| r.article == article);
        let seed = if self.seeded {
            0
        } else {
            ARTICLES[usize::from(article)].quantity()
        };
        (sure, sure + seed + open.map(|r| r.pieces).sum::<i64>())
    }

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
            Entry::Place { seq, lines, method } => self.replay_place(*seq, lines, method)?,
            Entry::Placed { of, id, status } => {
                let id = id.parse().map_err(|_bad| BookError::BadId(id.clone()))?;
                let slot = self.slot(*of)?;
                self.at(slot).answer = Answer::Order(id, *status);
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
    ) -> Result<(), BookError> {
        let lines = lines.iter().map(|(sku, pieces)| (sku.as_str(), *pieces));
        let body = Method::of(method).and_then(|method| Body::new(lines, method));
        let body = body.ok_or(BookError::BadBody(seq))?;
        let slot = self.place(body).ok_or(BookError::TooManyOrders)?;
        if self.get(slot).seq != seq {
            return Err(BookError::NoSuchOrder(seq));
        }
        Ok(())
    }
}

/// What the checker's customers begin with: an order of theirs that no answer
/// names is one too many, an order of anyone else's isn't the checker's business.
pub(crate) const CUSTOMERS: &str = "demo-";

#[cfg(test)]
#[path = "book_tests.rs"]
mod tests;
