//! [`OrderStore`](super::OrderStore) on SQLite, one writer for all.

mod advance;
mod cancel;
mod lease;
#[cfg(test)]
mod plans;
mod read;
mod record;
mod retain;
mod row;

use futures_core::future::BoxFuture;
use shop_types::{IdempotencyKey, OrderId};
use watertight_core::Deadline;
use watertight_store::{Migration, OpenError, Options, Store};

use super::{
    Advance, Advanced, Answer, Cancel, Cancelled, Claim, Claims, DeleteBefore, Kept, Listing,
    OrderStore, Owner, Record, Recorded, Unfinished,
};
use crate::model::Order;

const MIGRATIONS: &[Migration] = &[
    Migration {
        version: 1,
        name: "orders",
        sql: include_str!("schema_1.sql"),
    },
    Migration {
        version: 2,
        name: "traces",
        sql: include_str!("schema_2.sql"),
    },
];

/// Orders in a directory of this machine, in `orders.db`.
///
/// # Limits
///
/// Those of [`Options`]; one process at a time.
#[derive(Clone)]
pub struct SqliteOrders {
    store: Store,
}

impl SqliteOrders {
    /// Opens or creates the store.
    ///
    /// # Errors
    ///
    /// [`OpenError`] says what is wrong with the directory; above all
    /// `Locked`, when another process has it.
    pub fn open(options: Options) -> Result<Self, OpenError> {
        Ok(Self {
            store: Store::open("orders", options, MIGRATIONS)?,
        })
    }
}

impl std::fmt::Debug for SqliteOrders {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SqliteOrders").finish_non_exhaustive()
    }
}

impl OrderStore for SqliteOrders {
    fn record(&self, deadline: Deadline, step: Record) -> Answer<'_, Recorded> {
        Box::pin(self.store.write(deadline, record::RecordOrder(step)))
    }

    fn advance(&self, deadline: Deadline, step: Advance) -> Answer<'_, Advanced> {
        Box::pin(self.store.write(deadline, advance::AdvanceOrder(step)))
    }

    fn cancel(&self, deadline: Deadline, step: Cancel) -> Answer<'_, Cancelled> {
        Box::pin(self.store.write(deadline, cancel::CancelOrder(step)))
    }

    fn claim(&self, deadline: Deadline, step: Claim) -> Answer<'_, Claims> {
        Box::pin(self.store.write(deadline, lease::ClaimOrders(step)))
    }

    fn expire_leases(&self, deadline: Deadline, owner: Owner, limit: u32) -> Answer<'_, usize> {
        Box::pin(
            self.store
                .write(deadline, lease::ExpireLeases { owner, limit }),
        )
    }

    fn delete_keys(&self, deadline: Deadline, step: DeleteBefore) -> Answer<'_, usize> {
        Box::pin(self.store.write(deadline, retain::DeleteKeys(step)))
    }

    fn delete_orders(&self, deadline: Deadline, step: DeleteBefore) -> Answer<'_, usize> {
        Box::pin(self.store.write(deadline, retain::DeleteOrders(step)))
    }

    fn order(&self, deadline: Deadline, id: OrderId) -> Answer<'_, Option<Order>> {
        Box::pin(
            self.store
                .read(deadline, move |connection| read::order(connection, id)),
        )
    }

    fn by_key(&self, deadline: Deadline, key: IdempotencyKey) -> Answer<'_, Option<Kept>> {
        Box::pin(
            self.store
                .read(deadline, move |connection| read::by_key(connection, &key)),
        )
    }

    fn list(&self, deadline: Deadline, listing: Listing) -> Answer<'_, Vec<Order>> {
        Box::pin(
            self.store
                .read(deadline, move |connection| read::list(connection, &listing)),
        )
    }

    fn unfinished(&self, deadline: Deadline, limit: u32) -> Answer<'_, Unfinished> {
        Box::pin(self.store.read(deadline, move |connection| {
            read::unfinished(connection, limit)
        }))
    }

    fn now_ms(&self) -> i64 {
        self.store.clock().now_ms()
    }

    fn health(&self) -> Result<(), String> {
        self.store.health()
    }

    fn close(&self) -> BoxFuture<'_, ()> {
        Box::pin(self.store.close())
    }
}
