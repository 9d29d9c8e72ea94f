//! Where the transport crates' own tasks go: to a scope, and with yields that
//! let calls leave together.

use crate::Scope;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};

/// From this poll on, a task is taken for one of the connection's own. Tasks
/// that the transport makes for each call are polled two or three times; to
/// hold those up would cost and gather nothing.
const POLLS_OF_A_CALL: u8 = 8;

/// An executor that gives the tasks of one connection an owner.
#[derive(Clone, Debug)]
pub(super) struct ScopeExec {
    pub(super) scope: Scope,
    /// Calls on the connection whose tasks yield; `None`: they don't.
    pub(super) calls: Option<Calls>,
}

impl<F> hyper::rt::Executor<F> for ScopeExec
where
    F: Future<Output = ()> + Send + 'static,
{
    fn execute(&self, fut: F) {
        const NAME: &str = "client connection";
        match self.calls.clone() {
            Some(calls) => self.scope.spawn_idle(NAME, Batched::new(fut, calls)),
            None => self.scope.spawn_idle(NAME, fut),
        }
    }
}

/// The number of calls under way on one connection.
#[derive(Clone, Debug, Default)]
pub(super) struct Calls(Arc<AtomicUsize>);

impl Calls {
    /// Counts one more until the guard is dropped.
    pub(super) fn begin(&self) -> Call {
        self.0.fetch_add(1, Ordering::Relaxed);
        Call(self.clone())
    }

    fn are_several(&self) -> bool {
        self.0.load(Ordering::Relaxed) > 1
    }
}

/// One call under way.
#[derive(Debug)]
pub(super) struct Call(Calls);

impl Drop for Call {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Ordering::Relaxed);
    }
}

pin_project_lite::pin_project! {
    /// Answers each wake-up by yielding once before the poll, while several
    /// calls are under way: callers that are ready to run get to hand over
    /// their requests, and all leave in one system call. The client's side of
    /// what the server does for responses.
    ///
    /// With a single call there is nothing to wait for.
    struct Batched<F> {
        #[pin]
        fut: F,
        calls: Calls,
        polls: u8,
        yielded: bool,
    }
}

impl<F> Batched<F> {
    fn new(fut: F, calls: Calls) -> Self {
        Self {
            fut,
            calls,
            polls: 0,
            yielded: false,
        }
    }
}

impl<F: Future> Future for Batched<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let this = self.project();
        let is_connection = *this.polls >= POLLS_OF_A_CALL;
        if is_connection && !*this.yielded && this.calls.are_several() {
            *this.yielded = true;
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        *this.yielded = false;
        *this.polls = this.polls.saturating_add(1);
        this.fut.poll(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::task::Waker;

    /// Polls of the inner future that so many polls of the outer one make.
    fn polls(calls: &Calls, times: usize) -> usize {
        let inner = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&inner);
        let counting = std::future::poll_fn(move |_| {
            count.fetch_add(1, Ordering::Relaxed);
            Poll::<()>::Pending
        });
        let mut batched = Box::pin(Batched::new(counting, calls.clone()));
        for _ in 0..times {
            assert!(
                batched
                    .as_mut()
                    .poll(&mut Context::from_waker(Waker::noop()))
                    .is_pending()
            );
        }
        inner.load(Ordering::Relaxed)
    }

    #[test]
    fn only_a_connection_with_several_calls_yields() {
        let calls = Calls::default();
        let first = calls.begin();
        let few = usize::from(POLLS_OF_A_CALL);
        assert_eq!(polls(&calls, few + 10), few + 10, "a single call");
        let second = calls.begin();
        assert_eq!(polls(&calls, few), few, "a task of a call");
        assert_eq!(polls(&calls, few + 10), few + 5, "every other one");
        drop((first, second));
        assert_eq!(polls(&calls, few + 10), few + 10, "no call");
    }
}
