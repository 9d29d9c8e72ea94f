//! Running a future under a scope.

use crate::Scope;
use crate::ambient::Slot;
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::time::Sleep;
use tokio_util::sync::WaitForCancellationFutureOwned;

/// Why a scope ended a future before it was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Closed {
    /// The scope's deadline passed.
    #[error("deadline passed")]
    Deadline,
    /// The scope, or one it belongs to, was cancelled.
    #[error("cancelled")]
    Cancelled,
}

pin_project_lite::pin_project! {
    /// A future that ends with its scope; made by [`Scope::run`].
    ///
    /// It is polled before the scope is looked at, and timer and cancellation
    /// are set up only once it had to wait: a future that is ready at once
    /// pays for neither.
    #[derive(Debug)]
    #[must_use = "futures do nothing unless polled"]
    pub struct Run<F> {
        #[pin]
        fut: F,
        #[pin]
        sleep: Option<Sleep>,
        #[pin]
        cancelled: Option<WaitForCancellationFutureOwned>,
        slot: Slot,
        started: bool,
    }
}

impl Scope {
    /// Runs `fut` under this scope: as [`crate::current`] while it is polled,
    /// until it ends, the deadline passes or the scope is cancelled.
    ///
    /// # Errors
    ///
    /// [`Closed::Deadline`] or [`Closed::Cancelled`]. `fut` is not polled at
    /// all if the scope had ended before the first poll, and is dropped with
    /// the returned future.
    ///
    /// # Cancel safety
    ///
    /// As cancel safe as `fut`.
    ///
    /// # Examples
    ///
    /// ```
    /// # tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(async {
    /// use std::time::Duration;
    /// use watertight_core::{Closed, Deadline, Scope};
    ///
    /// let scope = Scope::root("doc").with_deadline(Deadline::after(Duration::from_millis(5)));
    /// assert_eq!(scope.run(async { 1 }).await, Ok(1));
    /// assert_eq!(scope.run(std::future::pending::<()>()).await, Err(Closed::Deadline));
    /// # });
    /// ```
    pub fn run<F: Future>(&self, fut: F) -> Run<F> {
        Run {
            fut,
            sleep: None,
            cancelled: None,
            slot: Slot::new(self.clone()),
            started: false,
        }
    }
}

impl<F: Future> Future for Run<F> {
    type Output = Result<F::Output, Closed>;

    #[expect(
        clippy::disallowed_methods,
        reason = "the one place that does, for the deadline itself"
    )]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        if !*this.started {
            *this.started = true;
            if let Some(closed) = this.slot.get().and_then(ended) {
                return Poll::Ready(Err(closed));
            }
        }
        let fut = this.fut;
        if let Poll::Ready(out) = this.slot.enter(|| fut.poll(cx)) {
            return Poll::Ready(Ok(out));
        }
        if this.cancelled.is_none() {
            let Some(scope) = this.slot.get() else {
                return Poll::Pending;
            };
            this.cancelled.set(Some(scope.cancelled_owned()));
            let deadline = scope.deadline();
            this.sleep
                .set(deadline.map(|d| tokio::time::sleep_until(d.instant())));
        }
        if let Some(sleep) = this.sleep.as_pin_mut()
            && sleep.poll(cx).is_ready()
        {
            return Poll::Ready(Err(Closed::Deadline));
        }
        match this
            .cancelled
            .as_pin_mut()
            .map(|cancelled| cancelled.poll(cx))
        {
            Some(Poll::Ready(())) => Poll::Ready(Err(Closed::Cancelled)),
            Some(Poll::Pending) | None => Poll::Pending,
        }
    }
}

fn ended(scope: &Scope) -> Option<Closed> {
    if scope.is_cancelled() {
        return Some(Closed::Cancelled);
    }
    scope
        .deadline()
        .filter(|deadline| deadline.has_passed())
        .map(|_| Closed::Deadline)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Deadline;
    use std::time::Duration;

    #[tokio::test(start_paused = true)]
    async fn an_ended_scope_never_polls() {
        let scope = Scope::root("test");
        let late = scope.with_deadline(Deadline::after(Duration::ZERO));
        let mut polled = false;
        assert_eq!(
            late.run(async { polled = true }).await,
            Err(Closed::Deadline)
        );
        scope.cancel();
        assert_eq!(
            scope.run(async { polled = true }).await,
            Err(Closed::Cancelled)
        );
        assert!(!polled);
    }

    #[tokio::test(start_paused = true)]
    async fn a_waiting_future_ends_with_the_parent() {
        let root = Scope::root("test");
        let run = root.child("child").run(std::future::pending::<()>());
        let (out, ()) = crate::join(run, async { root.cancel() }).await;
        assert_eq!(out, Err(Closed::Cancelled));
    }
}
