//! Time in tests: a bound on waiting, and waiting that has a reason.

use std::num::NonZeroUsize;
use std::panic::Location;
use std::time::Duration;

/// Waits for `fut`, for at most `limit`.
///
/// What should come is bounded by [`crate::LIVENESS`]: only a hang trips that.
///
/// # Panics
///
/// If it is not done by then; says where this was called.
///
/// # Cancel safety
///
/// As cancel safe as `fut`.
#[track_caller]
pub fn within<F: Future>(limit: Duration, fut: F) -> impl Future<Output = F::Output> {
    let caller = Location::caller();
    async move {
        #[expect(
            clippy::disallowed_methods,
            reason = "the one place where tests do; a test has no deadline of its own"
        )]
        let done = tokio::time::timeout(limit, fut).await;
        #[expect(clippy::panic, reason = "what never comes fails the test")]
        done.unwrap_or_else(|_elapsed| panic!("not done within {limit:?}, waited for at {caller}"))
    }
}

/// Lets time pass.
///
/// `why` says why there is no condition or signal that could be waited for
/// instead: that *nothing* happens, a peer that is slow on purpose, a limit of the
/// thing under test that has to run out.
///
/// # Cancel safety
///
/// Safe: nothing is lost.
#[expect(
    clippy::disallowed_methods,
    reason = "the one place where tests do, and each call says why"
)]
pub async fn let_pass(d: Duration, why: &'static str) {
    debug_assert!(!why.is_empty(), "say why there is nothing to wait for");
    tokio::time::sleep(d).await;
}

/// Waits for all futures, however many there are, and gives their results in order.
///
/// For callers that a test lets come at once. Each wake-up polls all of them, so
/// hundreds are fine and millions are not.
///
/// # Cancel safety
///
/// As cancel safe as the futures.
pub async fn at_once<F: Future>(futures: impl IntoIterator<Item = F>) -> Vec<F::Output> {
    watertight_core::join_all(NonZeroUsize::MAX, futures).await
}
