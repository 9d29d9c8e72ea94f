//! A short critical section that goes on though its caller leaves.

use crate::{Closed, Deadline, Scope, TaskError};
use std::panic::Location;
use std::time::Duration;

/// Why a shielded section gave no result.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ShieldError {
    /// It took longer than it was given, and was dropped.
    #[error("a shielded section took longer than it may")]
    Late,
    /// The service was shutting down: it was not started, or dropped at the hard cap.
    #[error("the service is shutting down")]
    Closed,
    /// It panicked; the panic has been logged and counted.
    #[error("a shielded section panicked")]
    Panicked,
}

impl Scope {
    /// Runs `fut` to its end even if this scope, its deadline or the caller of
    /// this function end before, within `within` from now.
    ///
    /// It moves to the *service's* scope as a task: shutting down waits for it.
    /// For what must not stop halfway, such as a transaction that is being
    /// committed. Begin it when what it needs is in hand (a pooled connection, a
    /// lock): what waits should stay cancellable.
    ///
    /// # Errors
    ///
    /// See [`ShieldError`]. A scope that was cancelled starts nothing, and neither
    /// does a service that shuts down: [`ShieldError::Closed`].
    ///
    /// # Cancel safety
    ///
    /// Safe: `fut` goes on without the caller; its result is lost. Before the
    /// first poll nothing has been started.
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime.
    #[track_caller]
    pub fn shield<F>(
        &self,
        name: &'static str,
        within: Duration,
        fut: F,
    ) -> impl Future<Output = Result<F::Output, ShieldError>> + Send + use<F>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        let (scope, location) = (self.clone(), Location::caller());
        async move { shielded(&scope, name, location, within, fut).await }
    }
}

async fn shielded<F>(
    scope: &Scope,
    name: &'static str,
    location: &'static Location<'static>,
    within: Duration,
    fut: F,
) -> Result<F::Output, ShieldError>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    if scope.is_cancelled() {
        return Err(ShieldError::Closed);
    }
    let deadline = Deadline::after(within);
    let (trace, priority, label) = (scope.traced().cloned(), scope.priority(), scope.label());
    let own = scope
        .root_scope()
        .for_later(deadline, trace, priority, label);
    let run = own.clone();
    let task = own.spawn_at(name, location, async move { run.run(fut).await });
    match task.await {
        Ok(Ok(out)) => Ok(out),
        Ok(Err(Closed::Deadline)) => Err(ShieldError::Late),
        Ok(Err(Closed::Cancelled)) | Err(TaskError::Cancelled | TaskError::Full) => {
            Err(ShieldError::Closed)
        }
        Err(TaskError::Panicked) => Err(ShieldError::Panicked),
    }
}
