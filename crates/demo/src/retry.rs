//! Repeats calls that may be repeated.

use std::time::Duration;

use tokio::time::Instant;

use crate::{
    check::{CallError, Verdict},
    rest::rest,
};

/// How long a call is repeated before its error stands: a restart of a service
/// fits into it many times over. A time and not a count, for a call to a service
/// that is there but mute takes as long as it may.
const PATIENCE: Duration = Duration::from_secs(10);

/// The wait between two tries.
const WAIT: Duration = Duration::from_millis(100);

/// Repeats an idempotent call until the shop says yes or a definite no.
///
/// # Errors
///
/// The refusal, or the last error once ten seconds are over.
///
/// # Cancel safety
///
/// As the call's.
pub(crate) async fn until_answered<T, F>(mut call: impl FnMut() -> F) -> Result<T, CallError>
where
    F: Future<Output = Result<T, CallError>>,
{
    let end = Instant::now() + PATIENCE;
    loop {
        match call().await {
            Err(error) if error.verdict() == Verdict::Unknown && Instant::now() < end => {}
            answer => return answer,
        }
        rest(WAIT).await;
    }
}
