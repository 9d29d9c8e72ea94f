//! Bounds and times of the service.

use std::time::Duration;

/// Bounds and times; [`Settings::default`] is what the flags default to.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// Sagas that run at once; more are refused before they are recorded.
    pub jobs_max: usize,
    /// Streams of [`Orders::watch`](crate::service::Orders::watch) at once; more
    /// are refused.
    pub watchers_max: usize,
    /// How long one job tries, before it leaves the order to the sweeper.
    pub try_max: Duration,
    /// What a lease outlasts a try by, so that no two jobs work on one order.
    pub lease_margin: Duration,
    /// How long an order may go forward after it was recorded, until its
    /// payment is captured. After that it turns back.
    pub forward_max: Duration,
    /// Deadline of a call to inventory.
    pub stock_call_max: Duration,
    /// Deadline of a call to payments.
    pub till_call_max: Duration,
    /// Calls under way to inventory, and to payments; more wait for their turn,
    /// and their deadlines begin when it comes. No more than the streams of the
    /// connections underneath, where waiting would count as the other's silence.
    pub calls_max: usize,
    /// How long before the caller's deadline the answer is PENDING.
    pub answer_margin: Duration,
    /// How often somebody who waits looks into the store, in case that the order
    /// moves in another process.
    pub look_every: Duration,
    /// Lines on a page of orders, so that its message stays below 4 MiB; a page
    /// ends early at the bound, with a token for the next.
    pub page_lines_max: usize,
    /// Orders that one sweep takes over in one step.
    pub claim_batch: u32,
    /// How long keys are kept.
    pub keys_for: Duration,
    /// How long finished orders are kept, at least as long as keys.
    pub orders_for: Duration,
    /// Rows that one step of the retention deletes at most.
    pub delete_batch: u32,
    /// How long one run of the retention may take; the next one goes on.
    pub delete_max: Duration,
}

/// The bounds that may change while the service works, as in [`Settings`].
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// See [`Settings::jobs_max`].
    pub jobs_max: usize,
    /// See [`Settings::watchers_max`].
    pub watchers_max: usize,
}

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

impl Default for Settings {
    fn default() -> Self {
        Self {
            jobs_max: 4_096,
            watchers_max: 1_024,
            try_max: Duration::from_secs(10),
            lease_margin: Duration::from_secs(5),
            forward_max: Duration::from_secs(120),
            stock_call_max: Duration::from_millis(800),
            till_call_max: Duration::from_millis(1_500),
            calls_max: 768,
            answer_margin: Duration::from_millis(20),
            look_every: Duration::from_secs(1),
            page_lines_max: 16_000,
            claim_batch: 256,
            keys_for: 7 * DAY,
            orders_for: 90 * DAY,
            delete_batch: 500,
            delete_max: Duration::from_secs(8),
        }
    }
}

impl Settings {
    /// How long a lease is granted for.
    #[must_use]
    pub fn lease(&self) -> Duration {
        self.try_max.saturating_add(self.lease_margin)
    }
}
