//! Doing nothing for a while.

use std::time::Duration;
use tokio::time::Instant;
use watertight_core::pause;

/// Waits for `d`.
///
/// # Cancel safety
///
/// Safe: nothing is lost.
pub(crate) async fn rest(d: Duration) {
    // No scope here has a deadline; one that is cancelled drops us.
    let _over = pause(d).await;
}

/// Waits until `end`.
///
/// # Cancel safety
///
/// Safe: nothing is lost.
pub(crate) async fn rest_until(end: Instant) {
    rest(end.saturating_duration_since(Instant::now())).await;
}
