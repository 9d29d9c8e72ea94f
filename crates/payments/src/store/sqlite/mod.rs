//! The store on SQLite, the embedded default.

mod commands;
mod prune;
mod schema;

use std::path::PathBuf;

use futures_util::future::BoxFuture;
use rusqlite::Connection;
use shop_types::OrderId;
use watertight_core::{Clock, Deadline, Faults};
use watertight_store::{OpenError, Options, StepError, Store};

use self::{
    commands::{Decide, Settle, find},
    prune::{Prune, balances},
    schema::{COLUMNS, MIGRATIONS, order_id, payment},
};
use super::{Balance, Change, PaymentStore, Pruned, ROWS_MAX, Standing, Step};
use crate::domain::{Ask, Decision, Payment, Phase};

/// Payments in `DIR/payments.db`. Cheap to clone; all clones are the same one.
#[derive(Clone, Debug)]
pub struct SqliteStore(Store);

impl SqliteStore {
    /// Opens the store in `dir`, which it locks. Blocks on the disk.
    ///
    /// # Errors
    ///
    /// As [`Store::open`].
    pub fn open(dir: impl Into<PathBuf>, faults: Faults) -> Result<Self, OpenError> {
        let mut options = Options::new(dir);
        options.faults = faults;
        Self::open_with(options)
    }

    /// Opens a store with settings of its own, for tests and for tuning.
    ///
    /// # Errors
    ///
    /// As [`Store::open`].
    pub fn open_with(options: Options) -> Result<Self, OpenError> {
        Store::open("payments", options, MIGRATIONS).map(Self)
    }

    /// Like [`SqliteStore::open`], with a clock of the caller's.
    ///
    /// # Errors
    ///
    /// As [`Store::open`].
    pub fn open_at(dir: impl Into<PathBuf>, clock: Clock) -> Result<Self, OpenError> {
        let mut options = Options::new(dir);
        options.clock = Some(clock);
        Self::open_with(options)
    }
}

impl PaymentStore for SqliteStore {
    fn decide(&self, deadline: Deadline, ask: Ask) -> Step<'_, Decision> {
        Box::pin(self.0.write(deadline, Decide(ask)))
    }

    fn settle(&self, deadline: Deadline, change: Change) -> Step<'_, Payment> {
        Box::pin(self.0.write(deadline, Settle(change)))
    }

    fn get(&self, deadline: Deadline, order: OrderId) -> Step<'_, Option<Payment>> {
        Box::pin(self.0.read(deadline, move |db| find(db, order)))
    }

    fn list(
        &self,
        deadline: Deadline,
        after: Option<OrderId>,
        limit: u32,
    ) -> Step<'_, Vec<Payment>> {
        let read = move |db: &Connection| {
            let sql = format!(
                "SELECT {COLUMNS} FROM payments WHERE order_id > ?1 ORDER BY order_id LIMIT ?2"
            );
            // Every id has 16 bytes, so the empty blob comes before all of them.
            let after = after
                .as_ref()
                .map_or(&[][..], |order| &order.as_bytes()[..]);
            let mut statement = db.prepare_cached(&sql)?;
            let rows = statement.query_map((after, limit.min(ROWS_MAX)), payment)?;
            Ok(rows.collect::<Result<_, _>>()?)
        };
        Box::pin(self.0.read(deadline, read))
    }

    fn standing(
        &self,
        deadline: Deadline,
        before_ms: i64,
        after: Option<Standing>,
        limit: u32,
    ) -> Step<'_, Vec<Standing>> {
        let read = move |db: &Connection| standing(db, before_ms, after, limit.min(ROWS_MAX));
        Box::pin(self.0.read(deadline, read))
    }

    fn doubted(&self, deadline: Deadline, now_ms: i64, limit: u32) -> Step<'_, Vec<OrderId>> {
        let read = move |db: &Connection| {
            let mut statement = db.prepare_cached(
                "SELECT order_id FROM payments WHERE check_ms <= ?1 AND phase <> ?2
                 ORDER BY check_ms LIMIT ?3",
            )?;
            let bounds = (now_ms, Phase::Standing.code(), limit.min(ROWS_MAX));
            let rows = statement.query_map(bounds, |row| order_id(row, 0))?;
            Ok(rows.collect::<Result<_, _>>()?)
        };
        Box::pin(self.0.read(deadline, read))
    }

    fn prune(&self, deadline: Deadline, before_ms: i64, limit: u32) -> Step<'_, Pruned> {
        let limit = limit.min(ROWS_MAX);
        Box::pin(self.0.write(deadline, Prune { before_ms, limit }))
    }

    fn balances(&self, deadline: Deadline) -> Step<'_, Vec<Balance>> {
        Box::pin(self.0.read(deadline, balances))
    }

    fn now_ms(&self) -> i64 {
        self.0.clock().now_ms()
    }

    fn health(&self) -> Result<(), String> {
        self.0.health()
    }

    fn close(&self) -> BoxFuture<'_, ()> {
        Box::pin(self.0.close())
    }
}

fn standing(
    db: &Connection,
    before_ms: i64,
    after: Option<Standing>,
    limit: u32,
) -> Result<Vec<Standing>, StepError> {
    let (since_ms, order) = match after {
        Some(after) => (after.since_ms, after.order.as_bytes().to_vec()),
        None => (i64::MIN, Vec::new()),
    };
    let mut statement = db.prepare_cached(
        "SELECT updated_ms, order_id FROM payments
         WHERE phase = ?1 AND updated_ms < ?2 AND (updated_ms, order_id) > (?3, ?4)
         ORDER BY updated_ms, order_id LIMIT ?5",
    )?;
    let phase = Phase::Standing.code();
    let rows = statement.query_map((phase, before_ms, since_ms, order, limit), |row| {
        Ok(Standing {
            since_ms: row.get(0)?,
            order: order_id(row, 1)?,
        })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}
