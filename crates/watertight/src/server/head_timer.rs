//! hyper's timer for the heads of an HTTP/1 connection's requests.
//!
//! hyper makes a timer for each head it waits for and drops it when the head
//! is there (1.12, `proto/h1/conn.rs`, `poll_read_head`). With tokio's that is a
//! way into the runtime's timer wheel and out again for each request, under a
//! lock that all workers share. Here the timers of a connection are one
//! [`Alarm`], which goes into the wheel once and moves when it fires too early.

use super::control::Alarm;
use hyper::rt::{Sleep, Timer};
use std::fmt;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::time::Instant;

/// The timer of one connection, which waits for one head at a time.
///
/// The alarm may wake the connection's task for a head that has come since:
/// at most once in each header timeout.
#[derive(Clone, Default)]
pub(super) struct HeadTimer(Arc<Mutex<Alarm>>);

impl fmt::Debug for HeadTimer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HeadTimer").finish_non_exhaustive()
    }
}

impl Timer for HeadTimer {
    fn sleep(&self, duration: Duration) -> Pin<Box<dyn Sleep>> {
        self.sleep_until(self.now() + duration)
    }

    fn sleep_until(&self, deadline: std::time::Instant) -> Pin<Box<dyn Sleep>> {
        Box::pin(HeadSleep {
            due: deadline.into(),
            alarm: Arc::clone(&self.0),
        })
    }

    /// The runtime's, which tests may stop.
    fn now(&self) -> std::time::Instant {
        Instant::now().into_std()
    }
}

/// The wait for one head.
struct HeadSleep {
    due: Instant,
    alarm: Arc<Mutex<Alarm>>,
}

impl Sleep for HeadSleep {}

impl Future for HeadSleep {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let mut alarm = self.alarm.lock().unwrap_or_else(PoisonError::into_inner);
        alarm.poll(self.due, cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::poll;

    const TIMEOUT: Duration = Duration::from_secs(10);

    #[watertight::test(start_paused = true)]
    async fn each_head_has_its_whole_time() {
        let timer = HeadTimer::default();
        for _ in 0..5 {
            let mut head = timer.sleep(TIMEOUT);
            assert!(poll!(&mut head).is_pending());
            tokio::time::advance(TIMEOUT - Duration::from_millis(2)).await;
            // The one before would be over by now, and has rung the alarm.
            assert!(poll!(&mut head).is_pending());
        }
    }

    #[watertight::test(start_paused = true)]
    async fn a_head_that_does_not_come_ends_the_wait() {
        let timer = HeadTimer::default();
        let mut first = timer.sleep(TIMEOUT);
        assert!(poll!(&mut first).is_pending());
        drop(first);
        tokio::time::advance(TIMEOUT / 2).await;
        let started = Instant::now();
        // Awaited: the alarm of the first one rings, and wakes for this one, too.
        timer.sleep(TIMEOUT).await;
        let waited = started.elapsed();
        assert!(waited >= TIMEOUT && waited < TIMEOUT + Duration::from_secs(1));
    }
}
