//! A spawned future and all that happens around its polls.

use super::{Entry, TaskError};
use crate::ambient::Slot;
use crate::hook;
use crate::registry::Listed;
use crate::registry::worker;
use crate::series::TASK_PANICS;
use crate::ticks::Ticks;
use futures_util::task::waker_ref;
use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio_util::sync::WaitForCancellationFutureOwned;

pin_project_lite::pin_project! {
    /// A spawned future: ambient scope, cancellation, panics, its entry in the
    /// registry, and a waker of its own.
    ///
    /// Around each poll:
    ///
    /// 1. Look whether the scope was cancelled; if so, drop the future (not a driver's).
    /// 2. Take the time, mark the task as running and this thread as busy with it.
    /// 3. Poll with the entry as waker. The future knows no other waker.
    /// 4. With a result, drop the future. Without one, take the time again; if a
    ///    wake-up came meanwhile, wake the runtime.
    ///
    /// Cancellation is waited for with the *runtime's* waker. With the entry's,
    /// it would hold a clone in every task, and no task could be proved dead.
    ///
    /// This is generic, and so compiled in the crates that spawn; what a poll calls
    /// is not, and would be a dozen calls across crates. That is why those
    /// functions are `#[inline]`: without, a poll costs 18 ns more.
    pub(crate) struct Task<F> {
        #[pin]
        fut: Option<F>,
        // Set up at the first wait, with the runtime's waker: many tasks never do,
        // and a task is moved a few times on its way to the runtime.
        cancelled: Option<Pin<Box<WaitForCancellationFutureOwned>>>,
        waited: bool,
        // After `fut`: the books must not forget a task that is still being dropped.
        listed: Listed,
    }

    impl<F> PinnedDrop for Task<F> {
        fn drop(this: Pin<&mut Self>) {
            let this = this.project();
            let (entry, scope) = this.listed.parts();
            // Before it had a result: the runtime shuts down, or never took it.
            if this.fut.is_some() {
                entry.sched.over();
                end(this.fut, entry, scope);
            }
            if *this.waited {
                entry.set_runtime(None);
            }
        }
    }
}

impl<F: Future> Task<F> {
    pub(crate) fn new(listed: Listed, fut: F) -> Self {
        Self {
            fut: Some(fut),
            cancelled: None,
            waited: false,
            listed,
        }
    }
}

impl<F: Future> Future for Task<F> {
    type Output = Result<F::Output, TaskError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        let (entry, slot) = this.listed.parts();
        let ends_with_scope = entry.kind.ends_with_scope();
        let Some(scope) = slot.get().filter(|_| this.fut.is_some()) else {
            return Poll::Pending;
        };
        // Cancellation first: "dropped at the next await" has no exceptions.
        if ends_with_scope && scope.is_cancelled() {
            scope.count_cancelled(entry.name());
            // Before its wakers go: the warden may have looked at the scope before
            // it was cancelled, and would count none.
            entry.sched.over();
            end(this.fut, entry, slot);
            return Poll::Ready(Err(TaskError::Cancelled));
        }
        let view = hook::view(entry, scope);
        let Some(fut) = this.fut.as_mut().as_pin_mut() else {
            return Poll::Pending;
        };
        let begin = Ticks::now();
        entry.begin(begin);
        let waker = waker_ref(entry);
        let mut own = Context::from_waker(&waker);
        let ambient = slot.entered();
        let busy = worker::busy_with(entry, begin);
        let poll = || hook::poll(view.as_ref(), fut, &mut own);
        let polled = catch_unwind(AssertUnwindSafe(poll));
        let dropped = if matches!(polled, Ok(Poll::Pending)) {
            Ok(())
        } else {
            catch_unwind(AssertUnwindSafe(|| this.fut.set(None)))
        };
        drop(busy);
        drop(ambient);
        let out = match polled {
            Ok(Poll::Ready(out)) => Ok(out),
            Ok(Poll::Pending) => {
                entry.spent(Ticks::now());
                if !*this.waited
                    && let Some(scope) = slot.get()
                {
                    *this.waited = true;
                    // Its waker never changes: the runtime's task has one.
                    entry.set_runtime(Some(cx.waker().clone()));
                    if ends_with_scope {
                        let cancelled = this.cancelled.insert(Box::pin(scope.cancelled_owned()));
                        if cancelled.as_mut().poll(cx).is_ready() {
                            cx.waker().wake_by_ref();
                        }
                    }
                }
                // Not before the runtime's waker is known.
                if entry.sched.end() {
                    cx.waker().wake_by_ref();
                }
                return Poll::Pending;
            }
            Err(payload) => {
                report_panic(entry.name(), payload.as_ref());
                Err(TaskError::Panicked)
            }
        };
        if let Err(payload) = dropped {
            report_panic(entry.name(), payload.as_ref());
        }
        Poll::Ready(out)
    }
}

/// Drops the future under its scope, and reports a panic of its destructors
/// under its name.
///
/// Not for the usual end: that is within the poll which gave the result.
fn end<F>(mut fut: Pin<&mut Option<F>>, entry: &Entry, scope: &mut Slot) {
    let drop = AssertUnwindSafe(|| fut.set(None));
    if let Err(payload) = scope.enter(|| catch_unwind(drop)) {
        report_panic(entry.name(), payload.as_ref());
    }
}

/// Logs and counts a panic that was caught in the task `name`.
pub(crate) fn report_panic(name: &'static str, payload: &(dyn Any + Send)) {
    let message = payload
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| payload.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("(no message)");
    tracing::error!(task = name, message, "task panicked");
    TASK_PANICS.with([name]).increment(1);
}
