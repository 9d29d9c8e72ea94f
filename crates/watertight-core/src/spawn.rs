//! Spawning tasks that have an owner.

use crate::{Closed, Scope};
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use tokio::task::JoinHandle;
use tokio_util::sync::WaitForCancellationFutureOwned;

/// Why a task gave no result.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TaskError {
    /// Its scope was cancelled, or closed before the task was spawned.
    #[error("task was cancelled")]
    Cancelled,
    /// It panicked; the panic has been logged and counted.
    #[error("task panicked")]
    Panicked,
}

impl From<Closed> for TaskError {
    fn from(_: Closed) -> Self {
        Self::Cancelled
    }
}

/// The result of a spawned task, for whoever wants to wait for it.
///
/// Dropping the handle changes nothing: the task goes on and stays owned by
/// its scope. To end it, cancel the scope.
#[derive(Debug)]
pub struct TaskHandle<T> {
    /// `None`: the scope refused to spawn.
    task: Option<JoinHandle<Result<T, TaskError>>>,
}

impl<T> TaskHandle<T> {
    /// Whether the task has ended, or was never started.
    #[must_use]
    pub fn is_finished(&self) -> bool {
        self.task.as_ref().is_none_or(JoinHandle::is_finished)
    }
}

impl<T> Future for TaskHandle<T> {
    type Output = Result<T, TaskError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Some(task) = self.task.as_mut() else {
            return Poll::Ready(Err(TaskError::Cancelled));
        };
        // A JoinError means that the runtime itself went away: panics are caught below.
        Poll::Ready(ready!(Pin::new(task).poll(cx)).unwrap_or(Err(TaskError::Cancelled)))
    }
}

impl Scope {
    /// Spawns `fut` as a task owned by this scope.
    ///
    /// It runs with this scope as [`crate::current`], and is dropped at its
    /// next await once the scope is cancelled. A panic ends only this task; it
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
    /// `task_panics_total{task}`.
    pub fn spawn<F>(&self, name: &'static str, fut: F) -> TaskHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        let Some(entry) = Entry::new(self, name, true) else {
            return TaskHandle { task: None };
        };
        TaskHandle {
            task: Some(start(Task::new(self, entry, fut))),
        }
    }

    /// Like [`Scope::spawn`], for a task that never ends by itself, such as a
    /// connection or a loop: closing the scope cancels it without waiting.
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime.
    pub fn spawn_idle<F>(&self, name: &'static str, fut: F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        if let Some(entry) = Entry::new(self, name, false) {
            drop(start(Task::new(self, entry, fut)));
        }
    }

    /// Counts work that closing should wait for, until the guard is dropped.
    /// `None` once the scope is closed.
    pub(crate) fn busy(&self) -> Option<Busy> {
        Busy::new(self)
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the one place that spawns; Scope owns the task"
)]
fn start<F>(task: Task<F>) -> JoinHandle<Result<F::Output, TaskError>>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    tokio::spawn(task)
}

pin_project_lite::pin_project! {
    /// A spawned future: ambient scope, cancellation, panics, and its entry in the books.
    struct Task<F> {
        #[pin]
        fut: crate::ambient::Ambient<F>,
        #[pin]
        cancelled: WaitForCancellationFutureOwned,
        // After `fut`: the books must not forget a task that is still being dropped.
        entry: Entry,
    }
}

impl<F: Future> Task<F> {
    fn new(scope: &Scope, entry: Entry, fut: F) -> Self {
        Self {
            fut: scope.ambient(fut),
            cancelled: scope.cancelled_owned(),
            entry,
        }
    }
}

impl<F: Future> Future for Task<F> {
    type Output = Result<F::Output, TaskError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        // Cancellation first: "dropped at the next await" has no exceptions.
        if this.cancelled.poll(cx).is_ready() {
            return Poll::Ready(Err(TaskError::Cancelled));
        }
        let fut = this.fut;
        match std::panic::catch_unwind(AssertUnwindSafe(|| fut.poll(cx))) {
            Ok(Poll::Ready(out)) => Poll::Ready(Ok(out)),
            Ok(Poll::Pending) => Poll::Pending,
            Err(payload) => {
                report_panic(this.entry.name, payload.as_ref());
                Poll::Ready(Err(TaskError::Panicked))
            }
        }
    }
}

/// Logs and counts a panic that was caught in the task `name`.
pub(crate) fn report_panic(name: &'static str, payload: &(dyn std::any::Any + Send)) {
    let message = payload
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| payload.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("(no message)");
    tracing::error!(task = name, message, "task panicked");
    metrics::counter!("task_panics_total", "task" => name).increment(1);
}

/// A task's entry in the books of its scope and all ancestors; leaves on drop.
#[derive(Debug)]
struct Entry {
    scope: Scope,
    id: u64,
    name: &'static str,
    _busy: Option<Busy>,
}

impl Entry {
    fn new(scope: &Scope, name: &'static str, busy: bool) -> Option<Self> {
        if scope.is_cancelled() {
            return None;
        }
        let busy = if busy { Some(Busy::new(scope)?) } else { None };
        // The root's, so that it is unique in all the books it is entered in.
        let id = scope.lineage().last()?.book().next_id();
        for (entered, ancestor) in scope.lineage().enumerate() {
            if !ancestor.book().enter(id, name) {
                scope
                    .lineage()
                    .take(entered)
                    .for_each(|scope| scope.book().leave(id));
                return None;
            }
        }
        Some(Self {
            scope: scope.clone(),
            id,
            name,
            _busy: busy,
        })
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        self.scope
            .lineage()
            .for_each(|scope| scope.book().leave(self.id));
    }
}

/// Work that closing waits for, in the books of a scope and all ancestors.
#[derive(Debug)]
pub(crate) struct Busy(Scope);

impl Busy {
    fn new(scope: &Scope) -> Option<Self> {
        for (begun, ancestor) in scope.lineage().enumerate() {
            if !ancestor.book().begin() {
                scope
                    .lineage()
                    .take(begun)
                    .for_each(|scope| scope.book().end());
                return None;
            }
        }
        Some(Self(scope.clone()))
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.lineage().for_each(|scope| scope.book().end());
    }
}
