//! Periodic jobs.

use crate::Scope;
use crate::registry::Busy;
use crate::series::TASK_OVERRUNS;
use crate::task::report_panic;
use futures_util::FutureExt;
use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::panic::{AssertUnwindSafe, Location};
use std::time::Duration;
use tokio::time::Instant;

/// A period of zero would take a worker for itself.
const PERIOD_MIN: Duration = Duration::from_millis(1);
/// Longer ones overflow what can be reckoned with.
const PERIOD_MAX: Duration = Duration::from_secs(365 * 24 * 3600);

impl Scope {
    /// Runs `f` at once and then again `period` (±10 %) after each run has ended.
    ///
    /// Runs never overlap: a slow one delays the next. Jitter keeps replicas
    /// from sweeping in step. Each run gets a child scope, cancelled when the
    /// run ends. Once the scope is closed no run starts; a run under way is
    /// waited for as [`Scope::close`] says. A run that panics is logged and
    /// counted, and the next one comes as usual. One that takes longer than
    /// `period` is an overrun, and is counted; the first in a row is logged.
    ///
    /// # Limits
    ///
    /// Periods from a millisecond to a year; others count as the nearer of these.
    /// A run has no deadline but the scope's own: bound what it does.
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime.
    ///
    /// # Metrics
    ///
    /// `task_panics_total{task}`, `task_overruns_total{task}`.
    #[track_caller]
    #[expect(
        clippy::disallowed_methods,
        reason = "the one place that does; the task is dropped with its scope"
    )]
    pub fn every<F, Fut>(&self, name: &'static str, period: Duration, mut f: F)
    where
        F: FnMut(Self) -> Fut + Send + 'static,
        Fut: Future<Output = ()> + Send + 'static,
    {
        let scope = self.clone();
        self.spawn_idle_at(name, Location::caller(), async move {
            let mut late = false;
            while let Some(busy) = Busy::new(&scope) {
                let begin = Instant::now();
                let run = scope.child(name);
                // One block around all of it, so that panics of `f` itself and of
                // destructors are caught, too.
                let job = run.ambient(async { f(run.clone()).await });
                if let Err(payload) = AssertUnwindSafe(job).catch_unwind().await {
                    report_panic(name, payload.as_ref());
                }
                run.cancel();
                drop(busy);
                late = overrun(name, begin.elapsed(), period, late);
                tokio::time::sleep(jittered(period, random())).await;
            }
        });
    }
}

/// Whether a run took too long; says so, unless the one `before` did, too.
fn overrun(name: &'static str, took: Duration, period: Duration, before: bool) -> bool {
    let late = took > period;
    if late {
        TASK_OVERRUNS.with([name]).increment(1);
        if !before {
            let (took, period) = (took.as_secs_f64(), period.as_secs_f64());
            tracing::warn!(
                task = name,
                took,
                period,
                "a periodic task takes longer than its period"
            );
        }
    }
    late
}

/// `period` ±10 %, by where `random` lies in its range.
fn jittered(period: Duration, random: u64) -> Duration {
    let unit = (random >> 11) as f64 / (1_u64 << 53) as f64;
    period
        .clamp(PERIOD_MIN, PERIOD_MAX)
        .mul_f64(0.9 + 0.2 * unit)
}

/// Good enough to spread timers, and no dependency: the seed of a hash map.
fn random() -> u64 {
    RandomState::new().hash_one(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn jitter_stays_within_ten_percent(ms in 1_u64..100_000_000, random: u64) {
            let period = Duration::from_millis(ms);
            let jittered = jittered(period, random);
            prop_assert!(jittered >= period.mul_f64(0.8999) && jittered <= period.mul_f64(1.1001));
        }
    }
}
