//! What the service counts.

use std::time::Duration;

use watertight::catalogue::{Counter, Gauge, Histogram};

use super::Call;
use crate::model::{Order, Reason, State};
use crate::series::{
    CORRUPT, DELETED, ENDED, JOBS, JOBS_MAX, LEASES_CLAIMED, LEASES_LOST, REFUNDS_WITHOUT_PAYMENT,
    SAGA_RETRIES, SAGA_STEP, STORE_RETRIES, UNFINISHED_OLDEST, WATCHERS,
};

/// Handles of all series, looked up once: a look-up per event would hash labels.
///
/// What they mean stands in [`crate::series`].
pub(super) struct Meters {
    bound: Gauge,
    confirmed: Counter,
    cancelled: Counter,
    rejected: [Counter; Reason::ALL.len()],
    steps: [Histogram; State::ALL.len()],
    retries: [Counter; Call::ALL.len()],
    pub(super) store_retries: Counter,
    pub(super) jobs: Gauge,
    pub(super) watchers: Gauge,
    pub(super) claimed: Counter,
    pub(super) lost: Counter,
    oldest: Gauge,
    corrupt: Gauge,
    pub(super) refunds_without_payment: Counter,
    pub(super) keys_deleted: Counter,
    pub(super) orders_deleted: Counter,
}

impl Meters {
    pub(super) fn new(jobs_max: usize) -> Self {
        let ended = |state: State, reason: &'static str| ENDED.with([state.name(), reason]);
        let meters = Self {
            bound: JOBS_MAX.get(),
            confirmed: ended(State::Confirmed, ""),
            cancelled: ended(State::Cancelled, ""),
            rejected: Reason::ALL.map(|reason| ended(State::Rejected, reason.name())),
            steps: State::ALL.map(|state| SAGA_STEP.with([state.name()])),
            retries: Call::ALL.map(|call| SAGA_RETRIES.with([call.name()])),
            store_retries: STORE_RETRIES.get(),
            jobs: JOBS.get(),
            watchers: WATCHERS.get(),
            claimed: LEASES_CLAIMED.get(),
            lost: LEASES_LOST.get(),
            oldest: UNFINISHED_OLDEST.get(),
            corrupt: CORRUPT.get(),
            refunds_without_payment: REFUNDS_WITHOUT_PAYMENT.get(),
            keys_deleted: DELETED.with(["keys"]),
            orders_deleted: DELETED.with(["orders"]),
        };
        meters.jobs_max(jobs_max);
        meters
    }

    pub(super) fn jobs_max(&self, jobs_max: usize) {
        self.bound
            .set(f64::from(u32::try_from(jobs_max).unwrap_or(u32::MAX)));
    }

    pub(super) fn step(&self, from: State, took: Duration) {
        if let Some(histogram) = self.steps.get(usize::from(from.code()) - 1) {
            histogram.record(took);
        }
    }

    pub(super) fn retry(&self, call: Call) {
        if let Some(counter) = self.retries.get(call as usize) {
            counter.increment(1);
        }
    }

    pub(super) fn ended(&self, order: &Order) {
        match (order.state, &order.rejection) {
            (State::Confirmed, _) => self.confirmed.increment(1),
            (State::Cancelled, _) => self.cancelled.increment(1),
            (State::Rejected, Some(why)) => {
                if let Some(counter) = self.rejected.get(usize::from(why.reason.code()) - 1) {
                    counter.increment(1);
                }
            }
            _ => {}
        }
    }

    pub(super) fn corrupt(&self, orders: usize) {
        self.corrupt
            .set(f64::from(u32::try_from(orders).unwrap_or(u32::MAX)));
    }

    pub(super) fn oldest_unfinished(&self, age_ms: i64) {
        let age = Duration::from_millis(u64::try_from(age_ms).unwrap_or(0));
        self.oldest.set(age.as_secs_f64());
    }
}
