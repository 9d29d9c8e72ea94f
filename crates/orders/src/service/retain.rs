//! Whatever was kept long enough goes.

use std::error::Error;
use std::time::Duration;

use watertight_core::Deadline;

use super::Refused;
use super::orders::{Inner, Orders};
use super::trouble::Change;
use crate::store::DeleteBefore;

/// How long one step may take; the next run goes on.
const STEP_MAX: Duration = Duration::from_secs(2);

impl Orders {
    /// [`Orders::delete_old`], from time to time. A failure is logged when it
    /// begins and when it ends; the next call tries again.
    ///
    /// # Cancel safety
    ///
    /// Safe: the next call goes on.
    pub async fn clean(&self) {
        let deleted = self.delete_old().await;
        match (self.inner.clean_fails.note(deleted.is_err()), deleted) {
            (Some(Change::Fails), Err(error)) => {
                tracing::warn!(%error, source = ?error.source(), "deleting what is old fails, each run tries again");
            }
            (Some(Change::Works), _) => tracing::info!("deleting what is old works again"),
            _ => {}
        }
    }

    /// Deletes keys and finished orders that were kept long enough.
    ///
    /// # Limits
    ///
    /// Steps of `delete_batch` rows, keys and orders in turns, until nothing old
    /// is left or `delete_max` is over; the next call goes on.
    ///
    /// # Errors
    ///
    /// [`Refused::Store`], retryable.
    ///
    /// # Cancel safety
    ///
    /// Safe: what was deleted stays deleted.
    pub async fn delete_old(&self) -> Result<(), Refused> {
        let inner = &self.inner;
        let settings = &inner.parts.settings;
        let until = Deadline::after(settings.delete_max);
        // A key must not outlive its order, or its answer would be gone.
        let orders_for = settings.orders_for.max(settings.keys_for);
        let (mut more_keys, mut more_orders) = (true, true);
        loop {
            if more_keys {
                more_keys = inner.delete_keys(settings.keys_for).await?;
            }
            if more_orders {
                more_orders = inner.delete_orders(orders_for).await?;
            }
            if !(more_keys || more_orders) || until.has_passed() {
                return Ok(());
            }
        }
    }
}

impl Inner {
    /// One step; answers whether there may be more.
    async fn delete_keys(&self, kept_for: Duration) -> Result<bool, Refused> {
        let step = self.older_than(kept_for);
        let deadline = Deadline::after(STEP_MAX);
        let deleted = self.parts.store.delete_keys(deadline, step).await?;
        self.meters.keys_deleted.increment(wide(deleted));
        Ok(wide(deleted) >= u64::from(step.limit))
    }

    /// As [`Inner::delete_keys`].
    async fn delete_orders(&self, kept_for: Duration) -> Result<bool, Refused> {
        let step = self.older_than(kept_for);
        let deadline = Deadline::after(STEP_MAX);
        let deleted = self.parts.store.delete_orders(deadline, step).await?;
        self.meters.orders_deleted.increment(wide(deleted));
        Ok(wide(deleted) >= u64::from(step.limit))
    }

    fn older_than(&self, kept_for: Duration) -> DeleteBefore {
        let kept_ms = i64::try_from(kept_for.as_millis()).unwrap_or(i64::MAX);
        DeleteBefore {
            before_ms: self.now_ms().saturating_sub(kept_ms),
            limit: self.parts.settings.delete_batch.max(1),
        }
    }
}

fn wide(rows: usize) -> u64 {
    u64::try_from(rows).unwrap_or(u64::MAX)
}
