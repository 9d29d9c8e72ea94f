//! Where detached work runs and waits.

use super::gauges::Gauges;
use super::{DetachedLimits, Snapshot};
use crate::catalogue::Counter;
use crate::registry::Listed;
use crate::series::DETACHED;
use crate::task::{self, Kind, Site, Task, report_panic};
use crate::{Closed, Deadline, Scope};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use std::collections::VecDeque;
use std::ops::{Deref, DerefMut};
use std::panic::{AssertUnwindSafe, Location};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

/// What to do with work for which there is no room.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Full {
    /// Refuse it: whoever wants it is told.
    Reject,
    /// Drop what has waited longest: what comes is worth more than what was.
    DropOldest,
}

/// Why detached work was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// As much runs and waits as may.
    #[error("no room for more work")]
    Full,
    /// The service ends.
    #[error("the service is shutting down")]
    Closed,
}

/// How a piece of work may end, as metrics name it.
const OUTCOMES: [&str; 6] = [
    "done",
    "late",
    "cancelled",
    "panicked",
    "dropped",
    "rejected",
];

/// Begins the work; called once it has a place.
pub(super) type Start = Box<dyn FnOnce() -> BoxFuture<'static, ()> + Send>;

/// A piece of work, in the books from the moment it is taken: closing the pool's
/// scope waits for what waits, too.
struct Job {
    listed: Listed,
    scope: Scope,
    start: Start,
}

pub(super) struct Pool {
    scope: Scope,
    limits: DetachedLimits,
    queue: Mutex<Queue>,
    gauges: Gauges,
    /// Looked up once: there is one of them for each piece of work.
    counts: [OnceLock<Counter>; OUTCOMES.len()],
}

/// If anything waits, then as many run as may.
#[derive(Default)]
struct Queue {
    running: usize,
    waiting: VecDeque<Job>,
}

/// The queue while it is changed: the gauges are told before anybody else can
/// change it, so that the last word is right.
struct Changing<'a> {
    queue: MutexGuard<'a, Queue>,
    gauges: &'a Gauges,
}

impl Deref for Changing<'_> {
    type Target = Queue;

    fn deref(&self) -> &Queue {
        &self.queue
    }
}

impl DerefMut for Changing<'_> {
    fn deref_mut(&mut self) -> &mut Queue {
        &mut self.queue
    }
}

impl Drop for Changing<'_> {
    fn drop(&mut self) {
        self.gauges.holds(self.queue.load());
    }
}

impl Queue {
    fn load(&self) -> (usize, usize) {
        (self.running, self.waiting.len())
    }
}

impl Pool {
    pub(super) fn new(scope: Scope, limits: DetachedLimits) -> Self {
        let limits = DetachedLimits {
            running: limits.running.max(1),
            ..limits
        };
        Self {
            gauges: Gauges::new(scope.name(), limits),
            scope,
            limits,
            queue: Mutex::default(),
            counts: [const { OnceLock::new() }; OUTCOMES.len()],
        }
    }

    fn lock(&self) -> Changing<'_> {
        Changing {
            queue: self.queue.lock().unwrap_or_else(PoisonError::into_inner),
            gauges: &self.gauges,
        }
    }

    pub(super) fn load(&self) -> (usize, usize) {
        self.lock().load()
    }

    fn count(&self, outcome: &'static str) {
        let slot = OUTCOMES.iter().position(|known| *known == outcome);
        let counter = || DETACHED.with([self.scope.name(), outcome]);
        if let Some(count) = slot.and_then(|slot| self.counts.get(slot)) {
            count.get_or_init(counter).increment(1);
        }
    }

    pub(super) fn submit(
        self: &Arc<Self>,
        snapshot: Snapshot,
        deadline: Deadline,
        location: &'static Location<'static>,
        start: Start,
    ) -> Result<(), Refused> {
        let trace = snapshot.trace().map(Into::into);
        let (priority, label) = (snapshot.priority(), snapshot.label());
        let scope = self.scope.for_later(deadline, trace, priority, label);
        let site = Site::of(self.scope.name(), location);
        let listed = Listed::enter(&scope, Kind::Work, site).ok_or(Refused::Closed)?;
        let job = Job {
            listed,
            scope,
            start,
        };
        let mut queue = self.lock();
        if queue.running < self.limits.running {
            queue.running += 1;
            drop(queue);
            Place(Some(Arc::clone(self))).start(job);
            return Ok(());
        }
        if queue.waiting.len() < self.limits.waiting {
            queue.waiting.push_back(job);
            return Ok(());
        }
        match self.limits.full {
            Full::DropOldest if self.limits.waiting > 0 => {
                let oldest = queue.waiting.pop_front();
                queue.waiting.push_back(job);
                drop(queue);
                drop(oldest);
                self.count("dropped");
                Ok(())
            }
            Full::DropOldest | Full::Reject => {
                drop(queue);
                self.count("rejected");
                Err(Refused::Full)
            }
        }
    }
}

/// A place among those that run. It goes from one piece of work to the next, and
/// back when nothing waits.
struct Place(Option<Arc<Pool>>);

impl Place {
    /// A task for each piece of work, so that its name, its time and its panic are
    /// its own.
    fn start(self, job: Job) {
        let Job {
            listed,
            scope,
            start,
        } = job;
        let work = async move {
            let outcome = run(&scope, start).await;
            if let Some(pool) = &self.0 {
                pool.count(outcome);
            }
            self.pass_on();
        };
        drop(task::start(Task::new(listed, work)));
    }

    fn pass_on(mut self) {
        let Some(pool) = self.0.take() else {
            return;
        };
        loop {
            let mut queue = pool.lock();
            let Some(job) = queue.waiting.pop_front() else {
                // Under the same lock: what comes next finds the place.
                queue.running -= 1;
                return;
            };
            drop(queue);
            let deadline = job.scope.deadline();
            if deadline.is_some_and(Deadline::has_passed) {
                drop(job);
                pool.count("late");
            } else {
                return Self(Some(pool)).start(job);
            }
        }
    }
}

impl Drop for Place {
    /// The work was dropped: its scope was cancelled, or the runtime ends. Nobody
    /// begins what waits then.
    fn drop(&mut self) {
        let Some(pool) = self.0.take() else {
            return;
        };
        pool.count("cancelled");
        let mut queue = pool.lock();
        queue.running -= 1;
        let mut waiting = VecDeque::new();
        if queue.running == 0 || pool.scope.is_cancelled() {
            waiting = std::mem::take(&mut queue.waiting);
        }
        drop(queue);
        waiting.iter().for_each(|_job| pool.count("cancelled"));
    }
}

/// Does the work and says how it ended.
async fn run(scope: &Scope, start: Start) -> &'static str {
    // One block around both, so that panics of destructors are caught, too.
    let work = async { scope.run(async move { start().await }).await };
    match AssertUnwindSafe(work).catch_unwind().await {
        Ok(Ok(())) if scope.deadline().is_some_and(Deadline::has_passed) => "late",
        Ok(Ok(())) => "done",
        Ok(Err(Closed::Deadline)) => "late",
        Ok(Err(Closed::Cancelled)) => "cancelled",
        Err(payload) => {
            report_panic(scope.name(), payload.as_ref());
            "panicked"
        }
    }
}
