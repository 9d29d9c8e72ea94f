//! How full a pool of detached work is, beside how full it may be.

use super::DetachedLimits;
use crate::catalogue::Gauge;
use crate::series::{DETACHED_TASKS, DETACHED_TASKS_MAX};

/// Looked up once: they change twice for each piece of work.
pub(super) struct Gauges {
    running: Gauge,
    waiting: Gauge,
}

impl Gauges {
    pub(super) fn new(pool: &'static str, limits: DetachedLimits) -> Self {
        let max = |state| DETACHED_TASKS_MAX.with([pool, state]);
        max("running").set(limits.running as f64);
        max("waiting").set(limits.waiting as f64);
        let now = |state| DETACHED_TASKS.with([pool, state]);
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
