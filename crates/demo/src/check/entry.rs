//! The lines of the checker's journal.

use serde::{Deserialize, Serialize};
use shop_proto::orders::OrderStatus;

use super::Door;

/// One line of the journal: JSON, append-only, never rewritten.
///
/// `place` stands before the call is sent; `placed`, `failed`, `unknown` or
/// `unsent` says how it went. A `place` without any of these is unknown: the
/// checker died before the answer. Sequence numbers are those of the last `run`
/// before the line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "t", rename_all = "snake_case")]
pub(crate) enum Entry {
    /// A checker begins to work on this data directory.
    Run {
        /// Part of each key of this run; no two runs have the same.
        run: String,
        /// What the random choices were drawn from.
        seed: u64,
        /// Wall clock, for people.
        at_ms: i64,
    },
    /// The catalogue is about to go in, under its fixed import id.
    Catalog {
        /// `(sku, pieces)` of each row.
        items: Vec<(String, i64)>,
    },
    /// All of it was taken.
    CatalogDone,
    /// An order is about to be sent.
    Place {
        /// Which one of this run.
        seq: u32,
        /// `(sku, pieces)`.
        lines: Vec<(String, i64)>,
        /// The provider's token.
        method: String,
        /// Which way it goes.
        #[serde(default, skip_serializing_if = "Door::is_grpc")]
        door: Door,
    },
    /// ok: the shop acknowledged it.
    Placed {
        /// The order, by run and sequence number.
        of: (u16, u32),
        /// The order's id.
        id: String,
        /// Its status in the answer.
        status: Status,
    },
    /// fail: the shop refused; nothing was done.
    Failed {
        /// The order, by run and sequence number.
        of: (u16, u32),
        /// The error, for people.
        why: String,
    },
    /// unknown: a timeout or a transport error.
    Unknown {
        /// The order, by run and sequence number.
        of: (u16, u32),
        /// The error, for people.
        why: String,
    },
    /// It was never sent: the load stopped first.
    Unsent {
        /// The order, by run and sequence number.
        of: (u16, u32),
    },
    /// A cancellation is about to be sent.
    Cancel {
        /// The order, by run and sequence number.
        of: (u16, u32),
    },
    /// ok: the order is cancelled.
    Cancelled {
        /// The order, by run and sequence number.
        of: (u16, u32),
    },
    /// Goods are about to be sent in.
    Receive {
        /// The receipt id.
        id: String,
        /// Which article.
        sku: String,
        /// How many pieces.
        pieces: i64,
    },
    /// ok: they were taken.
    Received {
        /// The receipt id.
        id: String,
    },
    /// A process was killed, for people who read the log.
    Kill {
        /// Which service.
        service: String,
        /// The crash point, if it killed itself at one.
        point: Option<String>,
    },
}

/// An order's status in the journal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Status {
    /// Its saga is under way.
    Pending,
    /// Paid and committed.
    Confirmed,
    /// Refused.
    Rejected,
    /// Cancelled.
    Cancelled,
}

impl Status {
    /// From the wire; what nobody sends counts as pending.
    pub(crate) const fn of(status: OrderStatus) -> Self {
        match status {
            OrderStatus::Unspecified | OrderStatus::Pending => Self::Pending,
            OrderStatus::Confirmed => Self::Confirmed,
            OrderStatus::Rejected => Self::Rejected,
            OrderStatus::Cancelled => Self::Cancelled,
        }
    }

    /// Whether an order stays there, unless it is cancelled.
    pub(crate) const fn is_end(self) -> bool {
        !matches!(self, Self::Pending)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_readable_and_comes_back() {
        let entry = Entry::Placed {
            of: (0, 7),
            id: "x".into(),
            status: Status::Confirmed,
        };
        let line = serde_json::to_string(&entry).unwrap();
        assert_eq!(
            line,
            r#"{"t":"placed","of":[0,7],"id":"x","status":"confirmed"}"#
        );
        assert_eq!(serde_json::from_str::<Entry>(&line).unwrap(), entry);
        let line = serde_json::to_string(&Entry::Cancel { of: (0, 3) }).unwrap();
        assert_eq!(line, r#"{"t":"cancel","of":[0,3]}"#);
    }
}
