//! One order, or one delivery, as the checker remembers it.

use serde::{Deserialize, Serialize};
use shop_types::OrderId;

use super::{Body, Status};

/// Which way a call takes into the shop.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Door {
    /// The services themselves.
    #[default]
    Grpc,
    /// The gateway.
    Http,
}

impl Door {
    /// Whether it is the one that needs no word in a journal.
    pub(super) const fn is_grpc(&self) -> bool {
        matches!(self, Self::Grpc)
    }
}

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
    /// Which way it was placed, and is repeated until its outcome is known.
    pub(crate) door: Door,
    pub(crate) answer: Answer,
    /// Where it ended first, as far as that is known: PlaceOrder must tell it
    /// for good, whatever becomes of the order.
    pub(crate) first_end: Option<Status>,
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

    /// Notes that PlaceOrder told this status. The first end, if it is known and
    /// this is another.
    pub(super) fn placed(&mut self, id: OrderId, status: Status) -> Option<Status> {
        // A late answer of a twin doesn't take an end back; neither does the
        // first end, which is told for good, take back a cancellation.
        let stands = matches!(self.answer, Answer::Order(known, at) if known == id && at.is_end());
        if !stands {
            self.answer = Answer::Order(id, status);
        }
        if !status.is_end() {
            return None;
        }
        let first = *self.first_end.get_or_insert(status);
        (first != status).then_some(first)
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
pub(crate) struct Slot(pub(super) u32);
