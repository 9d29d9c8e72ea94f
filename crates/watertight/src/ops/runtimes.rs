//! What the runtimes of the process do, as tokio counts it.
//!
//! Why not `tokio-metrics`: it makes figures of intervals out of these counters, and
//! Prometheus makes its own out of counters.

use crate::series::{RUNTIME_BUSY, RUNTIME_PARKS, RUNTIME_QUEUE, RUNTIME_TASKS, RUNTIME_WORKERS};
use tokio::runtime::RuntimeMetrics;

/// The runtimes of a process by name.
#[derive(Clone, Debug)]
pub(super) struct Runtimes(Vec<(&'static str, RuntimeMetrics)>);

impl Runtimes {
    pub(super) fn new(runtimes: Vec<(&'static str, RuntimeMetrics)>) -> Self {
        Self(runtimes)
    }

    /// Tasks of all of them.
    pub(super) fn alive(&self) -> usize {
        let alive = self.0.iter().map(|(_, runtime)| runtime.num_alive_tasks());
        alive.sum()
    }

    /// Sets the `runtime_*` series.
    pub(super) fn show(&self) {
        for (name, runtime) in &self.0 {
            let workers = runtime.num_workers();
            RUNTIME_WORKERS.with([*name]).set(workers as f64);
            RUNTIME_TASKS
                .with([*name])
                .set(runtime.num_alive_tasks() as f64);
            RUNTIME_QUEUE
                .with([*name])
                .set(runtime.global_queue_depth() as f64);
            #[cfg(target_has_atomic = "64")]
            for worker in 0..workers {
                let labels = || ((*name).to_owned(), worker.to_string());
                let busy = runtime.worker_total_busy_duration(worker);
                RUNTIME_BUSY.with(labels()).set(busy.as_secs_f64());
                let parks = runtime.worker_park_count(worker);
                RUNTIME_PARKS.with(labels()).absolute(parks);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::MetricsRegistry;

    #[test]
    fn each_worker_says_how_busy_it_is() {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .build()
            .unwrap();
        runtime.block_on(async { tokio::task::yield_now().await });
        let registry = MetricsRegistry::default();
        let runtimes = Runtimes::new(vec![("work", runtime.metrics())]);
        registry.within(|| runtimes.show());
        let text = registry.render();
        for line in [
            "runtime_workers{runtime=\"work\"} 2\n",
            "runtime_tasks{runtime=\"work\"} 0\n",
            "runtime_queue_tasks{runtime=\"work\"} 0\n",
            "# TYPE runtime_worker_busy_seconds_total counter\n",
            "runtime_worker_busy_seconds_total{runtime=\"work\",worker=\"1\"} ",
            "runtime_worker_parks_total{runtime=\"work\",worker=\"0\"} ",
        ] {
            assert!(text.contains(line), "{line} is not in {text}");
        }
    }
}
