//! How full a pool of detached work is, beside how full it may be.

use super::DetachedLimits;
use metrics::{Gauge, gauge};

/// Looked up once: they change twice for each piece of work.
pub(super) struct Gauges {
    running: Gauge,
    waiting: Gauge,
}

impl Gauges {
    pub(super) fn new(pool: &'static str, limits: DetachedLimits) -> Self {
        let max = |state| gauge!("detached_tasks_max", "pool" => pool, "state" => state);
        max("running").set(limits.running as f64);
        max("waiting").set(limits.waiting as f64);
        let now = |state| gauge!("detached_tasks", "pool" => pool, "state" => state);
        let gauges = Self {
            running: now("running"),
            waiting: now("waiting"),
        };
        gauges.holds((0, 0));
        gauges
    }

    /// So many run and wait now.
    pub(super) fn holds(&self, (running, waiting): (usize, usize)) {
        self.running.set(running as f64);
        self.waiting.set(waiting as f64);
    }
}
