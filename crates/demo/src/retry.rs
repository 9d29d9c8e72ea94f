//! Repeats calls that may be repeated.

use std::time::Duration;

use crate::check::{CallError, Verdict};

/// How often a call is repeated before its error stands: with the wait, at least
/// six seconds, which a restart of a service fits into many times over.
const TRIES_MAX: u32 = 60;

/// The wait between two tries.
const WAIT: Duration = Duration::from_millis(100);

/// Repeats an idempotent call until the shop says yes or a definite no.
///
/// # Errors
///
/// The refusal, or the last error after sixty tries.
///
/// # Cancel safety
///
/// As the call's.
pub(crate) async fn until_answered<T, F>(mut call: impl FnMut() -> F) -> Result<T, CallError>
where
    F: Future<Output = Result<T, CallError>>,
{
    let mut tries = 1;
    loop {
        match call().await {
            Err(error) if error.verdict() == Verdict::Unknown && tries < TRIES_MAX => tries += 1,
            answer => return answer,
        }
        tokio::time::sleep(WAIT).await;
    }
}
