//! Where detached work runs and waits.

use super::{DetachedLimits, Snapshot};
use crate::{Closed, Deadline, Scope, TaskError};
use futures_util::future::BoxFuture;
use std::collections::VecDeque;
use std::panic::Location;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

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

pub(super) struct Job {
    pub(super) snapshot: Snapshot,
    pub(super) deadline: Deadline,
    pub(super) location: &'static Location<'static>,
    pub(super) start: Box<dyn FnOnce() -> BoxFuture<'static, ()> + Send>,
}

pub(super) struct Pool {
    scope: Scope,
    limits: DetachedLimits,
    queue: Mutex<Queue>,
}

#[derive(Default)]
struct Queue {
    running: usize,
    waiting: VecDeque<Job>,
}

impl Pool {
    pub(super) fn new(scope: Scope, limits: DetachedLimits) -> Self {
        Self {
            scope,
            limits,
            queue: Mutex::default(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn load(&self) -> (usize, usize) {
        let queue = self.lock();
        (queue.running, queue.waiting.len())
    }

    fn count(&self, outcome: &'static str) {
        metrics::counter!("detached_total", "pool" => self.scope.name(), "outcome" => outcome)
            .increment(1);
    }

    pub(super) fn submit(self: &Arc<Self>, job: Job) -> Result<(), Refused> {
        if self.scope.is_closed() {
            return Err(Refused::Closed);
        }
        let mut queue = self.lock();
        if queue.running < self.limits.running.max(1) {
            queue.running += 1;
            drop(queue);
            self.start(job);
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

    /// One task: the first piece of work, and then those that wait.
    fn start(self: &Arc<Self>, first: Job) {
        let pool = Arc::clone(self);
        let location = first.location;
        let place = Place(Arc::clone(self));
        let name = self.scope.name();
        let work = async move {
            let mut next = Some(first);
            while let Some(job) = next {
                pool.do_one(job).await;
                next = place.next();
            }
        };
        self.scope.spawn_at(name, location, work);
    }

    async fn do_one(&self, job: Job) {
        let Job {
            snapshot,
            deadline,
            location,
            start,
        } = job;
        let mut scope = self.scope.with_deadline(deadline);
        if let Some(trace) = snapshot.trace() {
            scope = scope.with_trace(trace);
        }
        scope.set_label(snapshot.label());
        if deadline.has_passed() {
            return self.count("late");
        }
        // A task of its own, so that its panic and its time are its own.
        let name = self.scope.name();
        let run = scope.clone();
        let task = scope.spawn_at(name, location, async move { run.run(start()).await });
        let outcome = match task.await {
            Ok(Ok(())) => "done",
            Ok(Err(Closed::Deadline)) => "late",
            Ok(Err(Closed::Cancelled)) | Err(TaskError::Cancelled | TaskError::Full) => "cancelled",
            Err(TaskError::Panicked) => "panicked",
        };
        self.count(outcome);
    }
}

/// A place among those that run; given back when dropped.
struct Place(Arc<Pool>);

impl Place {
    fn next(&self) -> Option<Job> {
        self.0.lock().waiting.pop_front()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut queue = self.0.lock();
        queue.running -= 1;
    }
}
