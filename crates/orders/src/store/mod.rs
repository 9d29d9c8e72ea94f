//! The durable steps of an order, and SQLite underneath.
//!
//! [`OrderStore`] is what the service sees: steps, never transactions, so that a
//! database with one round trip a step can stand in. `tests/store_conformance.rs`
//! holds every implementation to the same contract.

mod codec;
mod sqlite;
mod steps;
mod ticket;

use futures_core::future::BoxFuture;
use shop_types::{IdempotencyKey, OrderId};
use watertight_core::Deadline;
pub use watertight_store::StoreError;

use crate::model::Order;

pub use sqlite::SqliteOrders;
pub use steps::{
    Advance, Advanced, Cancel, Cancelled, Claim, Claimed, Claims, DeleteBefore, Fingerprint, Kept,
    Listing, Owner, Record, Recorded, Unfinished, UnfinishedOrder,
};
pub use ticket::{Caller, Ticket};

/// What a step or a read of the store answers.
pub type Answer<'a, T> = BoxFuture<'a, Result<T, StoreError>>;

/// The store of orders as durable steps: when one has answered, it holds.
///
/// Each order has a *lease*: an owner, a fencing token (*fence*) that grows by
/// one each time the lease changes hands, and a time until which it runs. An
/// order has one exactly as long as its saga is under way.
///
/// # Errors
///
/// All steps answer [`StoreError`]: `Retry` and `Unavailable` surely changed
/// nothing; `Unknown` may have, and every step may be repeated to find out.
///
/// # Cancel safety
///
/// A step that is dropped while it waits may or may not happen. Reads may be
/// dropped at any time.
pub trait OrderStore: Send + Sync + 'static {
    /// Records an order, its lines, its key and its lease in one step; or finds
    /// what the key stands for already. Does nothing if the caller left before.
    /// A key whose order was deleted stands for nothing.
    fn record(&self, deadline: Deadline, step: Record) -> Answer<'_, Recorded>;

    /// Moves a saga on, and keeps in [`Order::first_end`] where it ends first; a
    /// cancellation later leaves that as it is. Repeating a step that happened answers as the first time.
    /// A stale fence is `Conflict`: somebody else holds the lease.
    fn advance(&self, deadline: Deadline, step: Advance) -> Answer<'_, Advanced>;

    /// Notes that an order is to be cancelled; opens the saga of a confirmed one
    /// anew and grants its lease.
    fn cancel(&self, deadline: Deadline, step: Cancel) -> Answer<'_, Cancelled>;

    /// Takes over, of the orders named, those that are unfinished and whose lease
    /// has run out or is the new owner's own already.
    fn claim(&self, deadline: Deadline, step: Claim) -> Answer<'_, Claims>;

    /// Ends the leases of up to `limit` orders that are not `owner`'s: for a
    /// process that knows that it is alone on this store. Answers how many.
    fn expire_leases(&self, deadline: Deadline, owner: Owner, limit: u32) -> Answer<'_, usize>;

    /// Forgets keys that are older, the oldest first, but none whose order is
    /// under way. Answers how many.
    fn delete_keys(&self, deadline: Deadline, step: DeleteBefore) -> Answer<'_, usize>;

    /// Deletes orders that were recorded before and are finished. Answers how many.
    fn delete_orders(&self, deadline: Deadline, step: DeleteBefore) -> Answer<'_, usize>;

    /// One order.
    fn order(&self, deadline: Deadline, id: OrderId) -> Answer<'_, Option<Order>>;

    /// What a key stands for.
    fn by_key(&self, deadline: Deadline, key: IdempotencyKey) -> Answer<'_, Option<Kept>>;

    /// A page of orders, newest first.
    fn list(&self, deadline: Deadline, listing: Listing) -> Answer<'_, Vec<Order>>;

    /// The first `limit` orders whose saga is under way, those whose lease ends
    /// first coming first, and the age of the oldest of all.
    fn unfinished(&self, deadline: Deadline, limit: u32) -> Answer<'_, Unfinished>;

    /// Milliseconds since 1970 by the store's clock, which never goes back.
    fn now_ms(&self) -> i64;

    /// Whether the store can work; the reason if it can't.
    ///
    /// # Errors
    ///
    /// Says for people what is wrong, for example that the disk is full.
    fn health(&self) -> Result<(), String>;

    /// Finishes what is queued and lets go of the files.
    fn close(&self) -> BoxFuture<'_, ()>;
}
