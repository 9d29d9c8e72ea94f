//! The orders of a run by where they stand, counted as they change.

use super::{Answer, Status, Tracked};

/// How many orders stand where, and what the confirmed ones cost.
///
/// Kept up with each change: a book has millions of orders, and a screen asks
/// every second.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    /// Planned or on their way: no answer yet.
    pub(crate) open: u64,
    /// A timeout or a broken connection: repeated after the load.
    pub(crate) unknown: u64,
    /// Refused as a request, or never sent: no order.
    pub(crate) none: u64,
    /// Acknowledged, not at an end.
    pub(crate) pending: u64,
    pub(crate) confirmed: u64,
    pub(crate) rejected: u64,
    pub(crate) cancelled: u64,
    /// What the confirmed orders cost, in cents.
    pub(crate) confirmed_cents: i64,
}

impl Tally {
    /// Orders that the shop has acknowledged.
    pub(crate) const fn placed(&self) -> u64 {
        self.pending + self.confirmed + self.rejected + self.cancelled
    }

    /// Counts an order where it stands now.
    pub(super) fn add(&mut self, order: &Tracked) {
        *self.place(order) += 1;
        self.confirmed_cents += cents(order);
    }

    /// Takes an order back from where [`Tally::add`] counted it.
    pub(super) fn remove(&mut self, order: &Tracked) {
        *self.place(order) -= 1;
        self.confirmed_cents -= cents(order);
    }

    const fn place(&mut self, order: &Tracked) -> &mut u64 {
        match order.answer {
            Answer::Planned | Answer::Sent => &mut self.open,
            Answer::Unknown => &mut self.unknown,
            Answer::Unsent | Answer::Failed => &mut self.none,
            Answer::Order(_, Status::Pending) => &mut self.pending,
            Answer::Order(_, Status::Confirmed) => &mut self.confirmed,
            Answer::Order(_, Status::Rejected) => &mut self.rejected,
            Answer::Order(_, Status::Cancelled) => &mut self.cancelled,
        }
    }
}

fn cents(order: &Tracked) -> i64 {
    if matches!(order.answer, Answer::Order(_, Status::Confirmed)) {
        order.body.total_cents()
    } else {
        0
    }
}
