//! The checker's memory: every order it asked for and what it was told.

use std::{collections::HashMap, time::Duration};

use shop_proto::{inventory::Stock, orders::Order};
use shop_types::OrderId;

use super::{
    Answer, Body, BookError, CallError, Cancel, Door, Findings, Invariant, Receipt, Slot, Status,
    Tally, Tracked,
};
use crate::catalog::{self, ARTICLES};

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
    pub(super) runs: Vec<Run>,
    pub(super) orders: Vec<Tracked>,
    seeded: bool,
    received: [i64; ARTICLES.len()],
    receipts: HashMap<String, Receipt>,
    end_within: Option<Duration>,
    tally: Tally,
}

#[derive(Debug)]
pub(super) struct Run {
    name: String,
    pub(super) first: u32,
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
        self.tally = Tally::default();
        Ok(())
    }

    /// Takes a place for an order about to be sent; `None` when full.
    pub(crate) fn place(&mut self, body: Body, door: Door) -> Option<Slot> {
        let run = self.runs.last()?;
        let at = u32::try_from(self.orders.len()).ok()?;
        if self.orders.len() >= Self::ORDERS_MAX {
            return None;
        }
        let order = Tracked {
            run: u16::try_from(self.runs.len() - 1).ok()?,
            seq: at - run.first,
            body,
            door,
            answer: Answer::Planned,
            first_end: None,
            cancel: Cancel::No,
        };
        self.tally.add(&order);
        self.orders.push(order);
        Some(Slot(at))
    }

    /// The order at a slot.
    pub(crate) fn get(&self, slot: Slot) -> Tracked {
        self.orders[slot.0 as usize]
    }

    /// Changes the order at a slot.
    pub(super) fn change<T>(&mut self, slot: Slot, change: impl FnOnce(&mut Tracked) -> T) -> T {
        let order = &mut self.orders[slot.0 as usize];
        let counted = self.runs.last().is_some_and(|run| slot.0 >= run.first);
        if counted {
            self.tally.remove(order);
        }
        let result = change(order);
        if counted {
            self.tally.add(order);
        }
        result
    }

    /// The orders of the last run by where they stand.
    pub(crate) const fn tally(&self) -> Tally {
        self.tally
    }

    /// All orders.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (Slot, &Tracked)> {
        (0..).map(Slot).zip(&self.orders)
    }

    /// The orders of the last run.
    #[cfg(test)]
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

    /// From now on an order of this run that needed longer than `limit` from its
    /// record to its first end counts as a violation.
    pub(crate) const fn require_end_within(&mut self, limit: Duration) {
        self.end_within = Some(limit);
    }

    /// Whether an order of this run needed longer than it may.
    pub(crate) fn is_too_slow(&self, slot: Slot, took: Duration) -> bool {
        let latest = usize::from(self.get(slot).run) + 1 == self.runs.len();
        latest && self.end_within.is_some_and(|limit| took > limit)
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
    /// another end than the first, also if it was cancelled in between.
    pub(crate) fn answered(&mut self, slot: Slot, order: &Order) -> Findings {
        let mut findings = Findings::default();
        let (status, key) = (Status::of(order.status()), self.key(slot));
        let Ok(id) = order.id.parse::<OrderId>() else {
            findings.add(Invariant::Changed, format!("{key}: id {:?}", order.id));
            return findings;
        };
        let tracked = self.get(slot);
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
            Answer::Planned
            | Answer::Sent
            | Answer::Unsent
            | Answer::Unknown
            | Answer::Failed
            | Answer::Order(..) => {
                if let Some(first) = self.change(slot, |order| order.placed(id, status)) {
                    let what = format!("{key}: first {first:?}, then {status:?}");
                    findings.add(Invariant::KeyReused, what);
                }
            }
        }
        findings
    }

    /// Notes that an order leaves now.
    pub(crate) fn sent(&mut self, slot: Slot) {
        self.change(slot, |order| {
            if order.answer == Answer::Planned {
                order.answer = Answer::Sent;
            }
        });
    }

    /// Notes that the shop refused an order. An acknowledged one stays.
    pub(crate) fn failed(&mut self, slot: Slot) {
        self.set_unless_known(slot, Answer::Failed);
    }

    /// Notes that the shop refused an order, as [`Book::failed`], and what is
    /// wrong with that: an order that was told its end is refused now.
    pub(crate) fn refused(&mut self, slot: Slot, error: &CallError) -> Findings {
        let mut findings = Findings::default();
        if let Answer::Order(id, told) = self.get(slot).answer
            && told.is_end()
        {
            let what = format!("{}: order {id} was {told:?}, then {error}", self.key(slot));
            findings.add(Invariant::KeyReused, what);
        }
        self.failed(slot);
        findings
    }

    /// Notes that nobody knows whether an order came to be.
    pub(crate) fn unknown(&mut self, slot: Slot) {
        self.set_unless_known(slot, Answer::Unknown);
    }

    /// Notes that an order was never sent.
    pub(crate) fn unsent(&mut self, slot: Slot) {
        self.change(slot, |order| {
            if order.answer == Answer::Planned {
                order.answer = Answer::Unsent;
            }
        });
    }

    fn set_unless_known(&mut self, slot: Slot, answer: Answer) {
        self.change(slot, |order| {
            if matches!(
                order.answer,
                Answer::Planned | Answer::Sent | Answer::Unknown
            ) {
                order.answer = answer;
            }
        });
    }

    /// Notes how far an order is, as GetOrder or a cancellation tells it.
    pub(crate) fn reached(&mut self, slot: Slot, status: Status) {
        self.change(slot, |order| {
            if let Answer::Order(_, known) = &mut order.answer {
                *known = status;
                // An order that is seen cancelled may have been confirmed before.
                if matches!(status, Status::Confirmed | Status::Rejected) {
                    order.first_end.get_or_insert(status);
                }
            }
        });
    }

    /// Notes that a cancellation is about to be sent.
    pub(crate) fn cancel_asked(&mut self, slot: Slot) {
        self.change(slot, |order| {
            if matches!(order.cancel, Cancel::No | Cancel::Refused) {
                order.cancel = Cancel::Asked;
            }
        });
    }

    /// Notes that the shop has cancelled the order.
    pub(crate) fn cancelled(&mut self, slot: Slot) {
        self.change(slot, |order| order.cancel = Cancel::Done);
        self.reached(slot, Status::Cancelled);
    }

    /// Notes that the shop refused a cancellation, for the order is rejected.
    pub(crate) fn cancel_refused(&mut self, slot: Slot) {
        self.change(slot, |order| order.cancel = Cancel::Refused);
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

    /// Begins with what the shelves say that came in: for a checker that comes
    /// to a shop which is open already. Articles of others don't count.
    pub(crate) fn adopt(&mut self, stock: &[Stock]) {
        self.seeded = true;
        for stock in stock {
            if let Some(article) = catalog::index_of(&stock.sku) {
                self.received[usize::from(article)] = stock.received;
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
}

/// What the checker's customers begin with: an order of theirs that no answer
/// names is one too many, an order of anyone else's isn't the checker's business.
pub(crate) const CUSTOMERS: &str = "demo-";

#[cfg(test)]
#[path = "book_tests.rs"]
pub(super) mod tests;
