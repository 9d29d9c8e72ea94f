//! The instant after which nobody waits for an answer any more.

use std::time::Duration;
use tokio::time::Instant;

/// The longest time a deadline may lie ahead; more is cut down to it.
///
/// `Instant + Duration` panics on overflow, and a peer may ask for 31 years.
const AHEAD_MAX: Duration = Duration::from_secs(365 * 24 * 3600);

/// A point in time after which work is pointless.
///
/// Not a timeout: a timeout starts anew at every hop, a deadline only comes
/// nearer. It wraps [`tokio::time::Instant`], so paused test time works.
///
/// # Limits
///
/// At most one year ahead; [`Deadline::after`] cuts longer durations down.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use watertight_core::Deadline;
///
/// let request = Deadline::after(Duration::from_secs(2));
/// let next_hop = request.less(Duration::from_millis(5));
/// assert!(next_hop < request && !request.has_passed());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Deadline(Instant);

impl Deadline {
    /// The deadline `d` from now, at most a year ahead.
    #[must_use]
    pub fn after(d: Duration) -> Self {
        Self(Instant::now() + d.min(AHEAD_MAX))
    }

    /// The deadline at `instant`.
    #[must_use]
    pub fn at(instant: Instant) -> Self {
        Self(instant)
    }

    /// The instant itself.
    #[must_use]
    pub fn instant(self) -> Instant {
        self.0
    }

    /// What is left, or `None` once the deadline has passed.
    #[must_use]
    pub fn left(self) -> Option<Duration> {
        self.0
            .checked_duration_since(Instant::now())
            .filter(|left| !left.is_zero())
    }

    /// Whether nobody waits any more.
    #[must_use]
    pub fn has_passed(self) -> bool {
        self.left().is_none()
    }

    /// The earlier of two deadlines.
    #[must_use]
    pub fn min(self, other: Self) -> Self {
        Ord::min(self, other)
    }

    /// This deadline brought forward by `margin`: what the next hop is told,
    /// so that its answer still arrives in time.
    #[must_use]
    pub fn less(self, margin: Duration) -> Self {
        Self(self.0.checked_sub(margin).unwrap_or(self.0))
    }

    /// Runs `fut` until it ends or the deadline passes.
    ///
    /// # Errors
    ///
    /// [`DeadlinePassed`] if the deadline came first; `fut` has then been
    /// dropped. A deadline that has passed before the call doesn't poll `fut`.
    ///
    /// # Cancel safety
    ///
    /// As cancel safe as `fut`: dropping this drops it at its current await.
    #[expect(clippy::disallowed_methods, reason = "the one place that does")]
    pub async fn run<F: Future>(self, fut: F) -> Result<F::Output, DeadlinePassed> {
        if self.has_passed() {
            return Err(DeadlinePassed);
        }
        tokio::time::timeout_at(self.0, fut)
            .await
            .map_err(|_elapsed| DeadlinePassed)
    }
}

/// The deadline passed before the work was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("deadline passed")]
pub struct DeadlinePassed;

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn left_shrinks_to_none() {
        let deadline = Deadline::after(Duration::from_secs(1));
        assert_eq!(deadline.left(), Some(Duration::from_secs(1)));
        tokio::time::advance(Duration::from_secs(1)).await;
        assert_eq!(deadline.left(), None);
        assert!(deadline.has_passed());
    }

    #[tokio::test(start_paused = true)]
    async fn run_ends_at_the_deadline_and_never_starts_after_it() {
        let deadline = Deadline::after(Duration::from_secs(1));
        assert_eq!(deadline.run(async { 7 }).await, Ok(7));
        assert_eq!(
            deadline.run(std::future::pending::<()>()).await,
            Err(DeadlinePassed)
        );
        let mut polled = false;
        assert_eq!(
            deadline.run(async { polled = true }).await,
            Err(DeadlinePassed)
        );
        assert!(!polled);
    }

    #[test]
    fn absurdly_long_durations_do_not_overflow() {
        assert!(Deadline::after(Duration::MAX).left() <= Some(AHEAD_MAX));
    }

    #[test]
    fn the_earlier_wins() {
        let early = Deadline::after(Duration::from_secs(1));
        let late = Deadline::after(Duration::from_secs(2));
        assert_eq!(early.min(late), early);
        assert_eq!(late.min(early), early);
        assert!(late.less(Duration::from_secs(1)) < late);
    }
}
