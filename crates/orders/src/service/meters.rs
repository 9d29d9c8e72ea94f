//! What the service counts.

use std::time::Duration;

use metrics::{Counter, Gauge, Histogram, counter, gauge, histogram};

use super::Call;
use crate::model::{Order, Reason, State};

/// Handles of all series, looked up once: a look-up per event would hash labels.
///
/// # Metrics
///
/// - `orders_ended_total{state,reason}`: sagas that came to an end
/// - `orders_saga_step_seconds{from}`: from one durable step to the next, with
///   all calls, pauses and tries of the one job
/// - `orders_saga_retries_total{call}`: calls whose answer was unknown
/// - `orders_store_retries_total`: steps that the store didn't take at once
/// - `orders_jobs_running`, `orders_jobs_max`: sagas under way, and their bound
/// - `orders_watchers`: streams that are open
/// - `orders_leases_claimed_total`: sagas taken over by the sweeper
/// - `orders_leases_lost_total`: jobs that stopped as another holds the lease
/// - `orders_unfinished_oldest_seconds`: age of the oldest order under way
/// - `orders_corrupt`: orders under way that can't be read and are left alone
/// - `orders_refund_without_payment_total`: orders whose refund payments answers
///   with PAYMENT_NOT_FOUND, each counted once; anything but 0 needs a person
/// - `orders_deleted_total{what}`: rows that the retention deleted
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
        let ended = |state: State, reason: &'static str| counter!("orders_ended_total", "state" => state.name(), "reason" => reason);
        let meters = Self {
            bound: gauge!("orders_jobs_max"),
            confirmed: ended(State::Confirmed, ""),
            cancelled: ended(State::Cancelled, ""),
            rejected: Reason::ALL.map(|reason| ended(State::Rejected, reason.name())),
            steps: State::ALL
                .map(|state| histogram!("orders_saga_step_seconds", "from" => state.name())),
            retries: Call::ALL
                .map(|call| counter!("orders_saga_retries_total", "call" => call.name())),
            store_retries: counter!("orders_store_retries_total"),
            jobs: gauge!("orders_jobs_running"),
            watchers: gauge!("orders_watchers"),
            claimed: counter!("orders_leases_claimed_total"),
            lost: counter!("orders_leases_lost_total"),
            oldest: gauge!("orders_unfinished_oldest_seconds"),
            corrupt: gauge!("orders_corrupt"),
            refunds_without_payment: counter!("orders_refund_without_payment_total"),
            keys_deleted: counter!("orders_deleted_total", "what" => "keys"),
            orders_deleted: counter!("orders_deleted_total", "what" => "orders"),
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
