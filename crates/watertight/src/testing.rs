//! What `#[watertight::test]` turns into; nothing here is for anybody else.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::process::{ExitCode, Termination};
use std::time::Duration;
use tokio::runtime::Runtime;
use watertight_core::{LeftBehind, Scope};

pub use tokio::runtime::Builder;

/// What tasks have to go once the body of a test has ended: those that were
/// cancelled go at their next await, and some were just about to end.
const GRACE: Duration = Duration::from_secs(1);
/// What the runtime has to end blocking closures before it lets go of them.
const RUNTIME_END_MAX: Duration = Duration::from_secs(1);
/// Times that everything that can go on does so between two looks.
const YIELDS: usize = 16;

/// Runs the body of a test and fails if it leaves tasks behind.
///
/// # Panics
///
/// If tasks are left; with whatever the body panics with; without a runtime.
#[expect(clippy::expect_used, reason = "a test can't go on without a runtime")]
pub fn run<F>(mut builder: Builder, name: &'static str, body: impl FnOnce() -> F) -> ExitCode
where
    F: Future,
    F::Output: Termination,
{
    let runtime = builder.enable_all().build().expect("runtime of the test");
    let scope = Scope::root(name);
    let outcome = catch_unwind(AssertUnwindSafe(|| {
        // The body is called where its ambient scope is in place.
        let out = runtime.block_on(scope.ambient(async { body().await }));
        let code = out.report();
        let left = (code == ExitCode::SUCCESS).then(|| left_behind(&runtime, &scope));
        (code, left)
    }));
    // Dropping it would wait for ever for a closure that blocks.
    runtime.shutdown_timeout(RUNTIME_END_MAX);
    let (code, left) = outcome.unwrap_or_else(|payload| resume_unwind(payload));
    if let Some(left) = left {
        assert!(left.is_empty(), "the test is over, but {left}");
    }
    code
}

fn left_behind(runtime: &Runtime, scope: &Scope) -> LeftBehind {
    LeftBehind::of(scope.root_id(), GRACE, || {
        runtime.block_on(async {
            for _ in 0..YIELDS {
                tokio::task::yield_now().await;
            }
        });
    })
}
