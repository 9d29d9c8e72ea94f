//! What the service needs of a store: durable steps, never transactions.
//!
//! [`PaymentStore`] is object-safe, and one conformance suite
//! (`tests/store_conformance.rs`) says what every implementation must do.

mod sqlite;

use std::fmt;

use futures_util::future::BoxFuture;
use shop_types::{Currency, OrderId};
use watertight_core::Deadline;
use watertight_store::StoreError;

pub use sqlite::SqliteStore;

use crate::domain::{Account, Ask, Decision, Entry, Payment};

/// What a step answers with.
pub type Step<'a, T> = BoxFuture<'a, Result<T, StoreError>>;

/// The most rows that one step reads or deletes.
pub const ROWS_MAX: u32 = 1_000;

/// A settled payment on its way to the store.
#[derive(Clone, Debug)]
pub struct Change {
    /// What shall stand; its version is one more than that of the payment it is
    /// based on.
    pub after: Payment,
    /// What is booked in the same step.
    pub entry: Entry,
}

/// Where a walk over standing intents has come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Standing {
    /// When the intent was written down, in milliseconds since 1970.
    pub since_ms: i64,
    /// Whose it is.
    pub order: OrderId,
}

/// What one step of the clean-up did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pruned {
    /// Finished payments deleted.
    pub payments: u32,
    /// Entries of the journal added to the balances and deleted.
    pub entries: u32,
}

/// What stands in one account.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Balance {
    /// In which currency.
    pub currency: Currency,
    /// Which account.
    pub account: Account,
    /// Minor units; a sum of many payments may exceed 64 bits.
    pub minor: i128,
}

/// The durable steps of payments.
///
/// Each step is one commit, alone or with others, and is on the disk when it
/// answers. Steps may be repeated: [`StoreError::Unknown`] means that it may
/// have happened, and the same step again finds out.
///
/// Dropping the future of a step loses its answer; the step itself happens or
/// doesn't, as a whole.
pub trait PaymentStore: Send + Sync + fmt::Debug {
    /// Decides on `ask` as [`crate::domain::decide`] does; an intent that
    /// begins is written down in the same step.
    fn decide(&self, deadline: Deadline, ask: Ask) -> Step<'_, Decision>;

    /// Writes down how an intent ended, and books it. Conflict if the payment
    /// has moved on meanwhile; nothing is written then.
    fn settle(&self, deadline: Deadline, change: Change) -> Step<'_, Payment>;

    /// The payment of one order.
    fn get(&self, deadline: Deadline, order: OrderId) -> Step<'_, Option<Payment>>;

    /// Up to `limit` (at most [`ROWS_MAX`]) payments after `after`, by order id.
    fn list(
        &self,
        deadline: Deadline,
        after: Option<OrderId>,
        limit: u32,
    ) -> Step<'_, Vec<Payment>>;

    /// Up to `limit` (at most [`ROWS_MAX`]) intents that stand since before
    /// `before_ms`, oldest first, after `after`.
    fn standing(
        &self,
        deadline: Deadline,
        before_ms: i64,
        after: Option<Standing>,
        limit: u32,
    ) -> Step<'_, Vec<Standing>>;

    /// Up to `limit` (at most [`ROWS_MAX`]) payments whose check is due at
    /// `now_ms` and that no intent stands for, longest due first.
    fn doubted(&self, deadline: Deadline, now_ms: i64, limit: u32) -> Step<'_, Vec<OrderId>>;

    /// Deletes up to `limit` finished payments last changed before `before_ms`
    /// that no check is due for, and adds up to `limit` entries as old to the balances.
    fn prune(&self, deadline: Deadline, before_ms: i64, limit: u32) -> Step<'_, Pruned>;

    /// All accounts that hold anything: balances and journal together. Reads
    /// the whole journal; for verification, not for requests.
    fn balances(&self, deadline: Deadline) -> Step<'_, Vec<Balance>>;

    /// The store's time, in milliseconds since 1970; never goes back.
    fn now_ms(&self) -> i64;

    /// Whether the last step worked, or why not.
    ///
    /// # Errors
    ///
    /// The reason, for people.
    fn health(&self) -> Result<(), String>;

    /// Finishes what is queued and lets go of the data.
    fn close(&self) -> BoxFuture<'_, ()>;
}
