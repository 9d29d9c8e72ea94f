//! The threads that run closures, and those that wait for one.
//!
//! Threads of our own, not tokio's: a closure that waits must not depend on the
//! runtime of the one before it, and a runtime must not wait for ever for one that
//! doesn't end. A thread that finds nothing to do for a while ends.

use super::BlockingLimits;
use crate::Scope;
use crate::catalogue::{self, Sampled};
use crate::series::{
    BLOCKING_BUSY, BLOCKING_QUEUE, BLOCKING_QUEUE_MAX, BLOCKING_THREADS, BLOCKING_THREADS_MAX,
};
use crate::task::report_panic;
use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;
use tokio::runtime::Handle;

/// How long a thread waits for something to do; the same as tokio's.
const IDLE_MAX: Duration = Duration::from_secs(10);

/// A closure that waits for a thread.
pub(super) struct Job {
    name: &'static str,
    scope: Scope,
    /// Of the runtime that wanted it, for what it may want from that.
    runtime: Option<Handle>,
    run: Run,
}

/// Runs the closure, gives the place back, and only then lets the result out: who
/// has it may count on the place.
pub(super) type Run = Box<dyn FnOnce(Place) + Send>;

struct Pool {
    limits: Option<BlockingLimits>,
    threads: usize,
    /// Closures that run.
    busy: usize,
    /// Threads with nothing to do. Those that were told of a job count until
    /// they have woken up.
    idle: usize,
    waiting: VecDeque<Job>,
}

static POOL: Mutex<Pool> = Mutex::new(Pool {
    limits: None,
    threads: 0,
    busy: 0,
    idle: 0,
    waiting: VecDeque::new(),
});
/// Told once for each job that an idle thread should take.
static TAKE: Condvar = Condvar::new();

fn pool() -> MutexGuard<'static, Pool> {
    POOL.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Pool {
    fn limits(&self) -> BlockingLimits {
        self.limits.unwrap_or_default()
    }

    fn threads_max(&self) -> usize {
        self.limits().threads.max(1)
    }

    /// Whether one more may wait: besides the queue, for a thread that has
    /// nothing to do or that may still be started.
    fn has_room(&self) -> bool {
        let free = self.threads_max().saturating_sub(self.busy);
        self.waiting.len() < self.limits().queue.saturating_add(free)
    }

    /// Takes out those that will not be started any more.
    fn take_cancelled(&mut self) -> Vec<Job> {
        let mut cancelled = Vec::new();
        for _ in 0..self.waiting.len() {
            if let Some(job) = self.waiting.pop_front() {
                if job.scope.is_cancelled() {
                    cancelled.push(job);
                } else {
                    self.waiting.push_back(job);
                }
            }
        }
        cancelled
    }

    /// Counts one more thread if those there are can't take all that waits.
    fn wants_thread(&mut self) -> bool {
        let wants = self.waiting.len() > self.idle && self.threads < self.threads_max();
        self.threads += usize::from(wants);
        wants
    }
}

/// A place among the closures that run; given back when dropped.
pub(super) struct Place(());

impl Drop for Place {
    fn drop(&mut self) {
        pool().busy -= 1;
    }
}

impl Job {
    #[expect(
        clippy::disallowed_methods,
        reason = "the closure runs where its caller's runtime is the current one"
    )]
    pub(super) fn new(name: &'static str, scope: Scope, run: Run) -> Self {
        Self {
            name,
            scope,
            runtime: Handle::try_current().ok(),
            run,
        }
    }

    /// Panics of the closure itself are caught within; this is for those of
    /// destructors, which must not end the thread.
    fn guarded(name: &'static str, f: impl FnOnce()) {
        if let Err(payload) = catch_unwind(AssertUnwindSafe(f)) {
            report_panic(name, payload.as_ref());
        }
    }

    fn run(self, place: Place) {
        let _within = self.runtime.as_ref().map(Handle::enter);
        Self::guarded(self.name, move || (self.run)(place));
    }

    fn forget(self) {
        self.scope.count_cancelled(self.name);
        Self::guarded(self.name, move || drop(self.run));
    }
}

/// Lets the job wait for a thread; not if there is no room.
pub(super) fn submit(job: Job) -> bool {
    let mut pool = pool();
    let mut cancelled = Vec::new();
    if !pool.has_room() {
        cancelled = pool.take_cancelled();
    }
    let room = pool.has_room();
    // Refused, it is dropped after the lock.
    let mut refused = None;
    if room {
        pool.waiting.push_back(job);
        TAKE.notify_one();
    } else {
        refused = Some(job);
    }
    let wants_thread = pool.wants_thread();
    drop(pool);
    cancelled.into_iter().for_each(Job::forget);
    drop(refused);
    room && (!wants_thread || start_thread())
}

/// Drops what still waits though its scope was cancelled: it will not be started.
pub(crate) fn forget_cancelled() {
    let cancelled = pool().take_cancelled();
    cancelled.into_iter().for_each(Job::forget);
}

pub(super) fn set_limits(limits: BlockingLimits) {
    static SAMPLED: OnceLock<Sampled> = OnceLock::new();
    SAMPLED.get_or_init(|| catalogue::sample(show));
    pool().limits = Some(limits);
    loop {
        let wants_thread = pool().wants_thread();
        if !wants_thread || !start_thread() {
            return;
        }
    }
}

fn show() {
    let pool = pool();
    let (limits, threads, busy) = (pool.limits(), pool.threads, pool.busy);
    let waiting = pool.waiting.len();
    drop(pool);
    BLOCKING_THREADS.get().set(threads as f64);
    BLOCKING_BUSY.get().set(busy as f64);
    BLOCKING_THREADS_MAX.get().set(limits.threads as f64);
    BLOCKING_QUEUE.get().set(waiting as f64);
    BLOCKING_QUEUE_MAX.get().set(limits.queue as f64);
}

/// Starts a thread that has been counted. `false` if that can't be done, and no
/// other will take what waits: the newest is dropped then.
///
/// Nobody joins these threads. They own nothing but the closure they run, and that
/// belongs to its scope.
#[expect(
    clippy::disallowed_methods,
    reason = "the one place that does; the pool bounds how many there are"
)]
fn start_thread() -> bool {
    let thread = std::thread::Builder::new().name("blocking".to_owned());
    let Err(error) = thread.spawn(work) else {
        return true;
    };
    tracing::error!(%error, "no thread for a blocking task");
    let mut pool = pool();
    pool.threads -= 1;
    if pool.threads > 0 {
        return true;
    }
    let refused = pool.waiting.pop_back();
    drop(pool);
    drop(refused);
    false
}

fn work() {
    let mut pool = pool();
    while pool.threads <= pool.threads_max() {
        if let Some(job) = pool.waiting.pop_front() {
            pool.busy += 1;
            drop(pool);
            job.run(Place(()));
            pool = self::pool();
            continue;
        }
        pool.idle += 1;
        let wait = TAKE.wait_timeout_while(pool, IDLE_MAX, |pool| pool.waiting.is_empty());
        let (after, waited) = wait.unwrap_or_else(PoisonError::into_inner);
        pool = after;
        pool.idle -= 1;
        if waited.timed_out() {
            break;
        }
    }
    pool.threads -= 1;
    // One that ends because there are too many may have been told of a job.
    TAKE.notify_one();
}
