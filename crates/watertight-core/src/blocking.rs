//! Closures that block a thread: a bounded number of threads, and a bounded queue.

mod pool;

use crate::registry::Listed;
use crate::series::BLOCKING_REFUSED;
use crate::task::{Kind, Site, report_panic};
use crate::{Scope, TaskError, TaskHandle};
use pool::Job;
pub(crate) use pool::forget_cancelled;
use std::panic::{AssertUnwindSafe, Location, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::sync::oneshot;

/// Threads that run closures at once, unless said otherwise.
const THREADS: usize = 16;
/// Closures that wait for a thread, unless said otherwise.
const QUEUE: usize = 1024;

/// Bounds of the blocking pool, which the whole process shares.
///
/// Why not tokio's? It has 512 threads and a queue without a bound, its closures
/// belong to nobody, and a runtime that ends waits for them for ever.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BlockingLimits {
    /// Closures that run at once; default 16. At least one does.
    pub threads: usize,
    /// Closures that wait; default 1,024.
    pub queue: usize,
}

impl Default for BlockingLimits {
    fn default() -> Self {
        Self {
            threads: THREADS,
            queue: QUEUE,
        }
    }
}

impl BlockingLimits {
    /// Makes these the limits of the process. What runs or waits already stays.
    pub fn set(self) {
        pool::set_limits(self);
    }
}

static LISTED: AtomicUsize = AtomicUsize::new(0);

/// Closures in the registry, waiting ones included.
pub(crate) fn listed() -> usize {
    LISTED.load(Ordering::Relaxed)
}

#[derive(Debug)]
struct Counted;

impl Counted {
    fn new() -> Self {
        LISTED.fetch_add(1, Ordering::Relaxed);
        Self
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        LISTED.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Scope {
    /// Runs `f` on a thread that may block.
    ///
    /// It runs with this scope as [`crate::current`] and gets it as argument: a
    /// closure that takes long looks at [`Scope::is_cancelled`] now and then,
    /// for nothing can end it from outside. One that doesn't go within a second
    /// of the cancellation is a straggler and is named. One that still waits
    /// when its scope is cancelled is not started.
    ///
    /// Called within a tokio runtime, it may use that one. The process doesn't
    /// wait for it to end, only [`Scope::close`] does.
    ///
    /// # Limits
    ///
    /// 16 threads and a queue of 1,024 in the process, see [`BlockingLimits`]; with
    /// a full queue the handle answers [`TaskError::Full`] at once. It does so, too,
    /// if there is no thread and the system gives none.
    ///
    /// # Cancel safety
    ///
    /// Dropping the handle loses the result and changes nothing else: the closure
    /// waits and runs all the same.
    ///
    /// # Metrics
    ///
    /// `blocking_refused_total{task}`, `task_panics_total{task}`,
    /// `task_cancels_total{task}`.
    #[track_caller]
    pub fn spawn_blocking<T, F>(&self, name: &'static str, f: F) -> TaskHandle<T>
    where
        F: FnOnce(&Self) -> T + Send + 'static,
        T: Send + 'static,
    {
        let site = Site::of(name, Location::caller());
        let Some(listed) = Listed::enter(self, Kind::Blocking, site) else {
            return TaskHandle::refused(TaskError::Cancelled);
        };
        let (sender, receiver) = oneshot::channel();
        let counted = Counted::new();
        let run = move |place| {
            let out = run(&listed, f);
            // In the books for as long as it runs, and not longer than its result is out.
            drop((listed, counted, place));
            drop(sender.send(out));
        };
        if pool::submit(Job::new(name, self.clone(), Box::new(run))) {
            TaskHandle::blocking(receiver)
        } else {
            BLOCKING_REFUSED.with([name]).increment(1);
            TaskHandle::refused(TaskError::Full)
        }
    }
}

fn run<T>(listed: &Listed, f: impl FnOnce(&Scope) -> T) -> Result<T, TaskError> {
    let (entry, Some(scope)) = (listed.entry(), listed.scope()) else {
        return Err(TaskError::Cancelled);
    };
    if scope.is_cancelled() {
        scope.count_cancelled(entry.name());
        return Err(TaskError::Cancelled);
    }
    entry.begin(crate::ticks::Ticks::now());
    let out = catch_unwind(AssertUnwindSafe(|| scope.enter(|| f(scope))));
    entry.spent(crate::ticks::Ticks::now());
    out.map_err(|payload| {
        report_panic(entry.name(), payload.as_ref());
        TaskError::Panicked
    })
}
