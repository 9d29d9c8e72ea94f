//! Spawning tasks that have an owner.

use super::{Site, Task, TaskError, TaskHandle};
use crate::Scope;
use crate::registry::Listed;
use std::panic::Location;
use tokio::task::JoinHandle;

/// What closing a scope does about a task, and how it runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Kind {
    /// Has something to finish: closing waits for it.
    Work,
    /// Never ends by itself: closing cancels it without waiting.
    Idle,
    /// A closure on a thread: closing waits for it, nothing can end it.
    Blocking,
}

impl Kind {
    pub(crate) fn is_waited_for(self) -> bool {
        self != Self::Idle
    }

    pub(crate) fn is_polled(self) -> bool {
        self != Self::Blocking
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Work => "work",
            Self::Idle => "idle",
            Self::Blocking => "blocking",
        }
    }
}

impl Scope {
    /// Spawns `fut` as a task owned by this scope.
    ///
    /// It runs with this scope as [`crate::current`], is waited for when the
    /// scope is closed, and is dropped at its next await once the scope is
    /// cancelled. What it should still do when the scope closes, it can do after
    /// [`Scope::closing`]. A panic, also of a destructor, ends only this task; it
    /// is logged under `name` and counted.
    ///
    /// # Limits
    ///
    /// None of its own: bound what you spawn. A closed scope spawns nothing
    /// and the handle answers [`TaskError::Cancelled`].
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime.
    ///
    /// # Metrics
    ///
    /// `task_panics_total{task}`, `task_cancels_total{task}`.
    #[track_caller]
    pub fn spawn<F>(&self, name: &'static str, fut: F) -> TaskHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        self.spawn_at(name, Location::caller(), fut)
    }

    pub(crate) fn spawn_at<F>(
        &self,
        name: &'static str,
        location: &'static Location<'static>,
        fut: F,
    ) -> TaskHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        match Listed::enter(self, Kind::Work, Site::of(name, location)) {
            Some(listed) => TaskHandle::started(start(Task::new(listed, fut))),
            None => TaskHandle::refused(TaskError::Cancelled),
        }
    }

    /// Like [`Scope::spawn`], for a task that never ends by itself, such as a
    /// connection or a loop: closing the scope cancels it without waiting.
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime.
    #[track_caller]
    pub fn spawn_idle<F>(&self, name: &'static str, fut: F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        self.spawn_idle_at(name, Location::caller(), fut);
    }

    pub(crate) fn spawn_idle_at<F>(
        &self,
        name: &'static str,
        location: &'static Location<'static>,
        fut: F,
    ) where
        F: Future<Output = ()> + Send + 'static,
    {
        if let Some(listed) = Listed::enter(self, Kind::Idle, Site::of(name, location)) {
            drop(start(Task::new(listed, fut)));
        }
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the one place that spawns; Scope owns the task"
)]
pub(crate) fn start<F>(task: Task<F>) -> JoinHandle<Result<F::Output, TaskError>>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    tokio::spawn(task)
}
