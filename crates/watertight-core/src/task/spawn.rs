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
    /// Carries the scope's own work, and ends when that does: closing doesn't
    /// wait for it, and cancelling doesn't drop it.
    Driver,
    /// A closure on a thread: closing waits for it, nothing can end it.
    Blocking,
}

impl Kind {
    pub(crate) fn is_waited_for(self) -> bool {
        match self {
            Self::Work | Self::Blocking => true,
            Self::Idle | Self::Driver => false,
        }
    }

    /// Whether its scope's cancellation drops it at its next await.
    pub(crate) fn ends_with_scope(self) -> bool {
        self != Self::Driver
    }

    pub(crate) fn is_polled(self) -> bool {
        self != Self::Blocking
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Work => "work",
            Self::Idle => "idle",
            Self::Driver => "driver",
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
    /// # Cancel safety
    ///
    /// Dropping the handle loses the result and changes nothing else: the task goes
    /// on. `fut` itself may be dropped at any of its awaits once the scope is
    /// cancelled; for what must not stop halfway there is [`Scope::shield`].
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

    /// Spawns the task that carries this scope's own work, such as the HTTP/2
    /// stream of a request: listed and counted like its other tasks, but it
    /// decides by itself when it ends.
    ///
    /// Why not [`Scope::spawn_idle`]? A request that is late, refused or cancelled
    /// still has to be answered, by the very task that would be dropped. Nor
    /// does what it does after the cancellation count as wasted: whoever
    /// cancels knows that better.
    ///
    /// # Limits
    ///
    /// None of its own: bound what you spawn. Refused, and `fut` dropped, if the
    /// scope is closed or cancelled.
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime.
    ///
    /// # Metrics
    ///
    /// `task_panics_total{task}`.
    #[track_caller]
    pub fn spawn_driver<F>(&self, name: &'static str, fut: F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let site = Site::of(name, Location::caller());
        if let Some(listed) = Listed::enter(self, Kind::Driver, site) {
            drop(start(Task::new(listed, fut)));
        }
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
