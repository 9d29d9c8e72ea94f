//! One of several futures that a task waits for.

use crate::hook;
use std::pin::Pin;
use std::task::{Context, Poll};

pin_project_lite::pin_project! {
    /// A future that stays visible among several; made by [`branch`].
    #[derive(Debug)]
    #[must_use = "futures do nothing unless polled"]
    pub struct Branch<F> {
        #[pin]
        fut: F,
        name: &'static str,
    }
}

/// Names one of several futures that are waited for together.
///
/// A [`crate::PollHook`] sees each poll of it, so that a profiler can tell which
/// of them a task waits for. [`crate::race`] and [`crate::join`] do this by
/// themselves; use it around the futures that go into a set of somebody else's.
///
/// # Cancel safety
///
/// As cancel safe as `fut`.
pub fn branch<F: Future>(name: &'static str, fut: F) -> Branch<F> {
    Branch { fut, name }
}

impl<F: Future> Future for Branch<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let this = self.project();
        hook::poll_branch(this.name, this.fut, cx)
    }
}
