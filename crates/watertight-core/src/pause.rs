//! Waiting for time to pass, for as long as anybody waits for us.

use crate::{Closed, Deadline, Scope};
use std::time::Duration;

impl Scope {
    /// Waits for `d`, or until this scope ends.
    ///
    /// Why not `tokio::time::sleep`? It goes on when nobody waits any more, and
    /// sleeps past the deadline of those who do.
    ///
    /// # Errors
    ///
    /// [`Closed`] if the scope's deadline or cancellation came first; at once, if
    /// the deadline comes before `d` has passed, for then the wait is in vain.
    ///
    /// # Cancel safety
    ///
    /// Safe: nothing is lost.
    #[expect(clippy::disallowed_methods, reason = "the one place that does")]
    pub async fn pause(&self, d: Duration) -> Result<(), Closed> {
        let until = Deadline::after(d);
        if self.deadline().is_some_and(|deadline| deadline < until) {
            return Err(Closed::Deadline);
        }
        self.run(tokio::time::sleep_until(until.instant())).await
    }
}

/// [`Scope::pause`] of the scope under which the calling code runs; without one it
/// waits for `d`.
///
/// # Errors
///
/// As [`Scope::pause`]; none without a scope.
///
/// # Cancel safety
///
/// Safe: nothing is lost.
#[expect(
    clippy::disallowed_methods,
    reason = "without a scope there is nothing that could end it"
)]
pub async fn pause(d: Duration) -> Result<(), Closed> {
    match crate::current() {
        Some(scope) => scope.pause(d).await,
        None => {
            tokio::time::sleep_until(Deadline::after(d).instant()).await;
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_pause_ends_with_its_scope() {
        let scope = Scope::root("test");
        assert_eq!(scope.pause(Duration::from_secs(1)).await, Ok(()));
        let short = scope.with_deadline(Deadline::after(Duration::from_secs(1)));
        let begin = tokio::time::Instant::now();
        assert_eq!(
            short.pause(Duration::from_secs(9)).await,
            Err(Closed::Deadline)
        );
        assert_eq!(begin.elapsed(), Duration::ZERO);
        let end = async { scope.cancel() };
        let (out, ()) = crate::join(scope.pause(Duration::from_secs(9)), end).await;
        assert_eq!(out, Err(Closed::Cancelled));
    }
}
