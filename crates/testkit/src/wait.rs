//! Polling for a condition with a liveness bound.

use std::time::{Duration, Instant};

/// The default bound: far beyond what a healthy run needs, so that only a
/// hang trips it and never a slow machine.
pub const LIVENESS: Duration = Duration::from_secs(60);

/// How often a condition is looked at.
const PERIOD: Duration = Duration::from_millis(5);

/// Blocks until `condition` holds.
///
/// # Panics
///
/// If it doesn't hold within `liveness`.
#[expect(clippy::panic, reason = "a condition that never holds fails the test")]
pub fn wait_until(liveness: Duration, mut condition: impl FnMut() -> bool) {
    let started = Instant::now();
    while !condition() {
        if started.elapsed() > liveness {
            panic!("condition did not hold within {liveness:?}");
        }
        std::thread::sleep(PERIOD);
    }
}

/// Waits until `condition` holds, without blocking the thread.
///
/// # Panics
///
/// If it doesn't hold within `liveness`.
///
/// # Cancel safety
///
/// Safe: nothing is held between two looks.
#[expect(clippy::panic, reason = "a condition that never holds fails the test")]
pub async fn wait_until_async<F>(liveness: Duration, mut condition: impl FnMut() -> F)
where
    F: Future<Output = bool>,
{
    let started = Instant::now();
    while !condition().await {
        if started.elapsed() > liveness {
            panic!("condition did not hold within {liveness:?}");
        }
        crate::let_pass(PERIOD, "between two looks").await;
    }
}
