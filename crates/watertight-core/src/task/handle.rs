//! The result of a task, for whoever wants to wait for it.

use crate::Closed;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

/// Why a task gave no result.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TaskError {
    /// Its scope was cancelled, or closed before the task was spawned.
    #[error("task was cancelled")]
    Cancelled,
    /// It panicked; the panic has been logged and counted.
    #[error("task panicked")]
    Panicked,
    /// The queue it should have waited in is full; it was not started.
    #[error("no room for the task")]
    Full,
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
    state: State<T>,
}

#[derive(Debug)]
enum State<T> {
    Task(JoinHandle<Result<T, TaskError>>),
    Blocking(oneshot::Receiver<Result<T, TaskError>>),
    Refused(TaskError),
}

impl<T> TaskHandle<T> {
    pub(crate) fn started(task: JoinHandle<Result<T, TaskError>>) -> Self {
        Self {
            state: State::Task(task),
        }
    }

    pub(crate) fn blocking(result: oneshot::Receiver<Result<T, TaskError>>) -> Self {
        Self {
            state: State::Blocking(result),
        }
    }

    pub(crate) fn refused(why: TaskError) -> Self {
        Self {
            state: State::Refused(why),
        }
    }

    /// Whether the task has ended, or was never started. Of a closure that waited
    /// for a thread and was dropped unrun, it is said once the handle has been awaited.
    #[must_use]
    pub fn is_finished(&self) -> bool {
        match &self.state {
            State::Task(task) => task.is_finished(),
            State::Blocking(result) => !result.is_empty() || result.is_terminated(),
            State::Refused(_) => true,
        }
    }
}

/// # Cancel safety
///
/// Safe: the result stays until it is taken.
impl<T> Future for TaskHandle<T> {
    type Output = Result<T, TaskError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let out = match &mut self.state {
            State::Refused(why) => Err(*why),
            // A JoinError means that the runtime itself went away: panics are
            // caught in the task.
            State::Task(task) => {
                ready!(Pin::new(task).poll(cx)).unwrap_or(Err(TaskError::Cancelled))
            }
            // The same, for a closure that was never run.
            State::Blocking(result) => {
                ready!(Pin::new(result).poll(cx)).unwrap_or(Err(TaskError::Cancelled))
            }
        };
        Poll::Ready(out)
    }
}
