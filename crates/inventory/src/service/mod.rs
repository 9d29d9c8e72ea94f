//! The rules of inventory around the store: limits, notifications, sweeping.

mod watch;

use std::{sync::Arc, time::Duration};

use shop_types::{OrderId, Sku};
use tokio::sync::Semaphore;
use watertight::Deadline;
use watertight_store::StoreError;

use crate::model::{Line, ReserveRefusal, Reserved, Stock};
use crate::series::RESERVATIONS_EXPIRED;
use crate::store::{
    Changed, ImportBatch, ImportIdReused, Imported, Receipt, ReceiptRefusal, ReservationLost,
    Reserve, StockStore,
};

pub use watch::{TooManyWatchers, Watch};

/// Deadline of one command of the sweeper.
const SWEEP_DEADLINE: Duration = Duration::from_secs(5);
/// How long one sweep goes on while there is more to do; the next one is soon.
///
/// Bounded by time, not by rows, and with nothing in between, so that a backlog
/// shrinks as fast as the disk allows: at 40 commits a second, 20,000
/// reservations and 40,000 old rows. More than can come in.
const SWEEP_TIME_MAX: Duration = Duration::from_secs(10);

/// How far each part of the service may go.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// How long a reservation holds stock.
    pub reservation_ttl: Duration,
    /// How long finished rows are remembered.
    pub retention: Duration,
    /// Reservations that one command of the sweeper lets run out.
    pub expire_rows_max: u32,
    /// Old rows that one command of the sweeper deletes.
    pub forget_rows_max: u32,
    /// Streams that may watch stock at a time; beyond it they are refused.
    pub watchers_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            reservation_ttl: Duration::from_secs(600),
            retention: Duration::from_secs(100 * 24 * 3600),
            expire_rows_max: 512,
            forget_rows_max: 1_024,
            watchers_max: 256,
        }
    }
}

/// The service; cheap to clone.
#[derive(Clone)]
pub struct Inventory {
    store: Arc<dyn StockStore>,
    limits: Limits,
    changes: watch::Changes,
    watchers: Arc<Semaphore>,
}

impl std::fmt::Debug for Inventory {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Inventory")
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}

impl Inventory {
    /// A service over `store`.
    #[must_use]
    pub fn new(store: Arc<dyn StockStore>, limits: Limits) -> Self {
        let watchers = Arc::new(Semaphore::new(limits.watchers_max));
        Self {
            store,
            limits,
            changes: watch::Changes::default(),
            watchers,
        }
    }

    /// Holds all lines of an order or none; no SKU may stand in two lines.
    ///
    /// # Errors
    ///
    /// The inner error refuses for good; [`StoreError`] as its variants say.
    ///
    /// # Cancel safety
    ///
    /// The step is done wholly or not at all; repeat it to learn which.
    pub async fn reserve(
        &self,
        by: Deadline,
        order: OrderId,
        lines: Vec<Line>,
    ) -> Result<Result<Reserved, ReserveRefusal>, StoreError> {
        let ttl_ms = millis(self.limits.reservation_ttl);
        self.tell(
            self.store
                .reserve(
                    by,
                    Reserve {
                        order,
                        lines,
                        ttl_ms,
                    },
                )
                .await,
        )
    }

    /// Sells what an order holds.
    ///
    /// # Errors
    ///
    /// As [`Inventory::reserve`].
    ///
    /// # Cancel safety
    ///
    /// As [`Inventory::reserve`].
    pub async fn commit(
        &self,
        by: Deadline,
        order: OrderId,
    ) -> Result<Result<(), ReservationLost>, StoreError> {
        self.tell(self.store.commit(by, order).await)
    }

    /// Gives back what an order holds or bought.
    ///
    /// # Errors
    ///
    /// As [`Inventory::reserve`].
    ///
    /// # Cancel safety
    ///
    /// As [`Inventory::reserve`].
    pub async fn release(&self, by: Deadline, order: OrderId) -> Result<(), StoreError> {
        self.tell(self.store.release(by, order).await)
    }

    /// Adds goods, once per receipt id.
    ///
    /// # Errors
    ///
    /// As [`Inventory::reserve`].
    ///
    /// # Cancel safety
    ///
    /// As [`Inventory::reserve`].
    pub async fn receive(
        &self,
        by: Deadline,
        receipt: Receipt,
    ) -> Result<Result<Stock, ReceiptRefusal>, StoreError> {
        self.tell(self.store.receive(by, receipt).await)
    }

    /// Takes one message of an import.
    ///
    /// # Errors
    ///
    /// As [`Inventory::reserve`].
    ///
    /// # Cancel safety
    ///
    /// As [`Inventory::reserve`]: the message is taken wholly or not at all.
    pub async fn import(
        &self,
        by: Deadline,
        batch: ImportBatch,
    ) -> Result<Result<Imported, ImportIdReused>, StoreError> {
        self.tell(self.store.import(by, batch).await)
    }

    /// The stock of one SKU.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    ///
    /// # Cancel safety
    ///
    /// Safe: it only reads.
    pub async fn stock(&self, by: Deadline, sku: Sku) -> Result<Option<Stock>, StoreError> {
        self.store.stock(by, sku).await
    }

    /// The stock of at most `rows_max` SKUs after `after`, by SKU.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    ///
    /// # Cancel safety
    ///
    /// Safe: it only reads.
    pub async fn list(
        &self,
        by: Deadline,
        after: Option<Sku>,
        rows_max: u32,
    ) -> Result<Vec<Stock>, StoreError> {
        self.store.list(by, after, rows_max).await
    }

    /// Begins to watch `skus`.
    ///
    /// # Errors
    ///
    /// [`TooManyWatchers`] at [`Limits::watchers_max`].
    pub fn watch(&self, skus: Vec<Sku>) -> Result<Watch, TooManyWatchers> {
        let permit = self
            .watchers
            .clone()
            .try_acquire_owned()
            .map_err(|_full| TooManyWatchers)?;
        Ok(Watch::new(
            self.store.clone(),
            self.changes.subscribe(),
            skus,
            permit,
        ))
    }

    /// One run of the sweeper: lets reservations run out and forgets old rows.
    /// A failure is logged; the next run tries again.
    ///
    /// # Cancel safety
    ///
    /// Commands that were queued are done; the next run goes on from there.
    pub async fn sweep(&self) {
        let until = Deadline::after(SWEEP_TIME_MAX);
        let (mut expiring, mut forgetting) = (true, true);
        while (expiring || forgetting) && !until.has_passed() {
            // Each on its own: neither must wait for the other to be well.
            if expiring {
                expiring = more(self.expire().await, "reservations can't run out");
            }
            if forgetting {
                forgetting = more(self.forget().await, "old rows can't be forgotten");
            }
        }
    }

    /// Whether there may be more to do.
    async fn expire(&self) -> Result<bool, StoreError> {
        let (by, rows_max) = (Deadline::after(SWEEP_DEADLINE), self.limits.expire_rows_max);
        let expired = self.tell(self.store.expire(by, rows_max).await)?;
        if expired > 0 {
            RESERVATIONS_EXPIRED.get().increment(u64::from(expired));
            tracing::info!(reservations = expired, "reservations ran out");
        }
        Ok(expired >= rows_max)
    }

    /// Whether there may be more to do.
    async fn forget(&self) -> Result<bool, StoreError> {
        let (by, rows_max) = (Deadline::after(SWEEP_DEADLINE), self.limits.forget_rows_max);
        let age_ms = millis(self.limits.retention);
        Ok(self.store.forget(by, age_ms, rows_max).await? >= rows_max)
    }

    /// Tells watchers what a step changed.
    fn tell<T>(&self, done: Result<Changed<T>, StoreError>) -> Result<T, StoreError> {
        done.map(|changed| {
            self.changes.tell(changed.skus);
            changed.answer
        })
    }
}

/// A failure is logged, by the store or here; the next sweep tries again.
fn more(done: Result<bool, StoreError>, what: &'static str) -> bool {
    done.unwrap_or_else(|error| {
        if error.is_logged_by_store() {
            tracing::debug!(%error, what, "sweep failed");
        } else {
            tracing::error!(%error, what, "sweep failed");
        }
        false
    })
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use watertight::Clock;
    use watertight_store::Options;

    use super::*;
    use crate::store::SqliteStock;

    #[watertight::test]
    async fn one_sweep_goes_on_until_nothing_is_left() {
        let dir = testkit::temp_dir();
        let clock = Clock::manual(1_000_000);
        let options = Options {
            clock: Some(clock.clone()),
            ..Options::new(dir.path())
        };
        let store = Arc::new(SqliteStock::open_with(options).unwrap());
        let limits = Limits {
            forget_rows_max: 1,
            ..Limits::default()
        };
        let inventory = Inventory::new(store.clone(), limits);
        let by = || Deadline::after(Duration::from_secs(60));
        for n in 0..40 {
            inventory.release(by(), OrderId::at(n)).await.unwrap();
        }
        clock.advance(limits.retention + Duration::from_secs(1));
        inventory.sweep().await;
        let left = store.forget(by(), millis(limits.retention), 100).await;
        assert_eq!(left.unwrap(), 0);
        store.close().await;
    }
}
