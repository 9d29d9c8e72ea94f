//! The sweeper: resumes intents that nobody came back for, and deletes what is
//! past its retention.

use std::{
    num::NonZeroUsize,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use shop_types::OrderId;
use watertight_core::{Deadline, join_all};

use super::{Failure, Payments};
use crate::series::INTENTS_SWEPT;
use crate::{
    domain::Phase,
    store::{Pruned, Standing},
};

/// Orders whose intents are resumed side by side.
pub(super) const SIDE_BY_SIDE: NonZeroUsize = NonZeroUsize::new(8).unwrap();

/// Bounds of the sweeper.
#[derive(Clone, Copy, Debug)]
pub struct SweeperSettings {
    /// An intent younger than this is left to its caller.
    pub age_min: Duration,
    /// Intents that one sweep resumes.
    pub intents_max: u32,
    /// Time for one sweep.
    pub sweep_time_max: Duration,
    /// How long finished payments and journal entries are kept.
    pub retention: Duration,
    /// Rows that one step of the clean-up deletes.
    pub prune_rows_max: u32,
    /// How long one clean-up goes on while there is more to delete.
    pub prune_time_max: Duration,
}

impl Default for SweeperSettings {
    fn default() -> Self {
        Self {
            age_min: Duration::from_secs(3),
            intents_max: 64,
            sweep_time_max: Duration::from_secs(15),
            retention: Duration::from_hours(100 * 24),
            prune_rows_max: 1_000,
            prune_time_max: Duration::from_secs(10),
        }
    }
}

/// What one sweep came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Resumed {
    /// Standing intents that were looked at.
    pub seen: u32,
    /// Those that don't stand any more.
    pub settled: u32,
}

/// Walks over the standing intents, a bounded batch at a time.
///
/// The walk remembers where it stopped and starts anew at the end, so that a
/// few intents that never settle can't keep the others waiting.
#[derive(Debug)]
pub struct Sweeper {
    pub(super) payments: Payments,
    pub(super) settings: SweeperSettings,
    cursor: Mutex<Option<Standing>>,
}

impl Sweeper {
    /// A sweeper over `payments`.
    #[must_use]
    pub fn new(payments: Payments, settings: SweeperSettings) -> Self {
        Self {
            payments,
            settings,
            cursor: Mutex::new(None),
        }
    }

    /// Resumes the next batch of intents.
    ///
    /// # Errors
    ///
    /// [`Failure::Store`] if they can't be listed. One that can't be resumed is
    /// logged and left for the next round.
    ///
    /// # Cancel safety
    ///
    /// Safe, as [`Payments::ask`] is.
    ///
    /// # Metrics
    ///
    /// `payments_intents_swept_total{outcome}`.
    pub async fn resume_standing(&self) -> Result<Resumed, Failure> {
        let deadline = Deadline::after(self.settings.sweep_time_max);
        let store = &self.payments.inner.store;
        let before_ms = store.now_ms() - ms(self.settings.age_min);
        let (after, limit) = (self.cursor(), self.settings.intents_max);
        let batch = store.standing(deadline, before_ms, after, limit).await?;
        let full = batch.len() >= limit as usize;
        self.advance(batch.last().copied().filter(|_| full));
        let mut resumed = Resumed::default();
        let resume = |standing: Standing| self.resume_one(deadline, standing.order);
        for settled in join_all(SIDE_BY_SIDE, batch.into_iter().map(resume)).await {
            resumed.seen += 1;
            resumed.settled += u32::from(settled);
        }
        Ok(resumed)
    }

    /// Resumes one intent, unless somebody is at it; true if none stands now.
    async fn resume_one(&self, deadline: Deadline, order: OrderId) -> bool {
        let outcome = self.try_resume(deadline, order).await;
        let word = match &outcome {
            Ok(true) => "settled",
            Ok(false) => "busy",
            Err(failure) => {
                if !failure.is_logged_by_store() {
                    tracing::warn!(%order, %failure, "intent can't be resumed yet");
                }
                failure.word()
            }
        };
        INTENTS_SWEPT.with([word]).increment(1);
        outcome == Ok(true)
    }

    async fn try_resume(&self, deadline: Deadline, order: OrderId) -> Result<bool, Failure> {
        if deadline.has_passed() {
            return Ok(false);
        }
        let Some(_turn) = self.payments.inner.turns.try_take(order) else {
            return Ok(false);
        };
        // Read again: it may have moved on between the listing and our turn.
        let standing = self.payments.get(deadline, order).await?;
        let Some(intent) = standing.filter(|p| p.phase() == Phase::Standing) else {
            return Ok(true);
        };
        let settled = self.payments.bring_to_end(deadline, intent).await?;
        Ok(settled.phase() != Phase::Standing)
    }

    /// Deletes what is past its retention, step by step for a bounded time.
    ///
    /// Bounded by time, not by rows, so that a backlog shrinks as fast as the
    /// disk allows: at 40 commits a second, 40,000 payments and as many
    /// entries. More than can come in.
    ///
    /// # Errors
    ///
    /// [`Failure::Store`]; earlier steps are kept.
    ///
    /// # Cancel safety
    ///
    /// Safe: steps that were done are kept.
    pub async fn prune(&self) -> Result<Pruned, Failure> {
        let store = &self.payments.inner.store;
        let before_ms = store.now_ms() - ms(self.settings.retention);
        let limit = self.settings.prune_rows_max;
        let mut pruned = Pruned::default();
        let until = Deadline::after(self.settings.prune_time_max);
        while !until.has_passed() {
            let deadline = Deadline::after(self.settings.sweep_time_max);
            let step = store.prune(deadline, before_ms, limit).await?;
            pruned.payments += step.payments;
            pruned.entries += step.entries;
            if step.payments < limit && step.entries < limit {
                break;
            }
        }
        Ok(pruned)
    }

    fn cursor(&self) -> Option<Standing> {
        *self.cursor.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn advance(&self, to: Option<Standing>) {
        *self.cursor.lock().unwrap_or_else(PoisonError::into_inner) = to;
    }
}

fn ms(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}
