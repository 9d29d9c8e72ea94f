//! A wall clock that never goes back.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Milliseconds since 1970, never fewer than were handed out before.
///
/// Expiry times, leases and retention are stored as wall-clock time and must
/// survive an operator who sets the clock back an hour. This clock reads the
/// system's once, takes the larger of that and a persisted mark, and goes on
/// by the monotonic clock. It doesn't follow later changes of the system's
/// clock until the process starts again.
///
/// Clones share the same clock.
#[derive(Clone, Debug)]
pub struct Clock {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    /// The time at `started`; only ever raised.
    base_ms: AtomicI64,
    /// `None` for a manual clock, which stands still.
    started: Option<Instant>,
}

impl Clock {
    /// The system's time now, then onwards.
    #[must_use]
    pub fn system() -> Self {
        Self::starting_at_least(0)
    }

    /// As [`Clock::system`], but not before `ms`, the mark of an earlier run.
    #[must_use]
    pub fn starting_at_least(ms: i64) -> Self {
        Self::new(wall_ms().max(ms), Some(Instant::now()))
    }

    /// A clock that stands at `ms` until it is told otherwise, for tests.
    #[must_use]
    pub fn manual(ms: i64) -> Self {
        Self::new(ms, None)
    }

    fn new(base_ms: i64, started: Option<Instant>) -> Self {
        Self {
            inner: Arc::new(Inner {
                base_ms: AtomicI64::new(base_ms),
                started,
            }),
        }
    }

    /// Milliseconds since 1970.
    #[must_use]
    pub fn now_ms(&self) -> i64 {
        self.inner
            .base_ms
            .load(Ordering::Relaxed)
            .saturating_add(self.elapsed_ms())
    }

    /// Moves a manual clock on by `d`, whole milliseconds. On a running clock
    /// this does nothing: time is not ours to make there.
    pub fn advance(&self, d: Duration) {
        if self.inner.started.is_none() {
            self.inner.base_ms.fetch_add(whole_ms(d), Ordering::Relaxed);
        }
    }

    /// Sets the clock to at least `ms`, such as a mark found in a database.
    pub fn raise(&self, ms: i64) {
        let base = ms.saturating_sub(self.elapsed_ms());
        self.inner.base_ms.fetch_max(base, Ordering::Relaxed);
    }

    fn elapsed_ms(&self) -> i64 {
        self.inner
            .started
            .map_or(0, |started| whole_ms(started.elapsed()))
    }
}

impl Default for Clock {
    fn default() -> Self {
        Self::system()
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the one place that reads the wall clock; Clock is what the ban points to"
)]
fn wall_ms() -> i64 {
    // Before 1970 the machine's clock is plainly wrong: start at 0.
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, whole_ms)
}

fn whole_ms(d: Duration) -> i64 {
    i64::try_from(d.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_mark_from_the_future_holds() {
        let mark = wall_ms() + 3_600_000;
        let clock = Clock::starting_at_least(mark);
        assert!(clock.now_ms() >= mark);
        let late = Clock::system();
        late.raise(mark);
        assert!(late.now_ms() >= mark);
    }

    #[test]
    fn system_follows_the_wall() {
        let before = wall_ms();
        assert!(Clock::system().now_ms() >= before);
    }

    proptest! {
        #[test]
        fn never_goes_back(steps in prop::collection::vec((0_u64..10_000, 0_i64..50_000), 1..50)) {
            let clock = Clock::manual(1_000);
            let mut last = clock.now_ms();
            for (forward, mark) in steps {
                clock.advance(Duration::from_millis(forward));
                clock.raise(mark);
                let now = clock.now_ms();
                prop_assert!(now >= last && now >= mark);
                last = now;
            }
        }
    }
}
