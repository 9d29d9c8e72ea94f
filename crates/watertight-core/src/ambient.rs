//! The ambient scope: a thread-local that follows a future from poll to poll.
//!
//! Explicit `&Scope` is the API. The ambient one serves code that can't be
//! handed a scope: generated clients and logs.

use crate::scope::RootId;
use crate::{Scope, TraceContext, Traced};
use std::cell::RefCell;
use std::pin::Pin;
use std::task::{Context, Poll};

thread_local! {
    static CURRENT: RefCell<Option<Scope>> = const { RefCell::new(None) };
}

/// The scope under which the calling code runs, if any.
///
/// Set while a future is polled under [`Scope::run`], [`Scope::spawn`] or
/// [`Scope::every`], and restored after each poll, so that it follows the
/// future across threads. Threads started by hand don't inherit it.
#[must_use]
pub fn current() -> Option<Scope> {
    let scope = |current: &RefCell<Option<Scope>>| current.try_borrow().ok()?.clone();
    CURRENT.try_with(scope).ok().flatten()
}

/// The trace of the scope under which the calling code runs, if it has one.
///
/// Why not `current()?.trace()`? This costs no reference counting, so that each
/// line of the log can ask; and it may be called at any time, also from a
/// panic hook or while the thread ends.
#[must_use]
pub fn current_trace() -> Option<TraceContext> {
    let trace = |current: &RefCell<Option<Scope>>| current.try_borrow().ok()?.as_ref()?.trace();
    CURRENT.try_with(trace).ok().flatten()
}

/// The same with where its spans go.
#[must_use]
pub fn current_traced() -> Option<Traced> {
    let traced =
        |current: &RefCell<Option<Scope>>| current.try_borrow().ok()?.as_ref()?.traced().cloned();
    CURRENT.try_with(traced).ok().flatten()
}

/// The root of the calling code's scope, if it has one.
pub(crate) fn current_root() -> Option<RootId> {
    let root =
        |current: &RefCell<Option<Scope>>| Some(current.try_borrow().ok()?.as_ref()?.root_id());
    CURRENT.try_with(root).ok().flatten()
}

/// Nothing on a thread that is ending: what is still dropped there has no
/// ambient scope.
#[inline]
fn swap(slot: &mut Option<Scope>) {
    let _ending = CURRENT.try_with(|current| std::mem::swap(&mut *current.borrow_mut(), slot));
}

/// Puts a scope in place for one poll and takes it back afterwards.
///
/// The scope is moved, not cloned: a poll costs two thread-local swaps and no
/// reference counting.
pub(crate) struct Entered<'a>(&'a mut Slot);

/// Where a future keeps its scope between polls.
///
/// While polled it holds the scope that was current before.
#[derive(Debug)]
pub(crate) struct Slot(Option<Scope>);

impl Slot {
    pub(crate) fn new(scope: Scope) -> Self {
        Self(Some(scope))
    }

    /// The scope; `None` only during a poll of the future that owns the slot.
    #[inline]
    pub(crate) fn get(&self) -> Option<&Scope> {
        self.0.as_ref()
    }

    /// Puts the scope in place until the guard is dropped.
    #[inline]
    pub(crate) fn entered(&mut self) -> Entered<'_> {
        swap(&mut self.0);
        Entered(self)
    }

    pub(crate) fn enter<T>(&mut self, f: impl FnOnce() -> T) -> T {
        let _entered = self.entered();
        f()
    }
}

impl Drop for Entered<'_> {
    // Also on unwinding: a panic must not leave its scope behind on the thread.
    #[inline]
    fn drop(&mut self) {
        swap(&mut self.0.0);
    }
}

pin_project_lite::pin_project! {
    /// A future polled with a scope as the ambient one; see [`Scope::ambient`].
    ///
    /// Neither deadline nor cancellation end it; that is what [`Scope::run`] is for.
    #[derive(Debug)]
    #[must_use = "futures do nothing unless polled"]
    pub struct Ambient<F> {
        #[pin]
        fut: F,
        slot: Slot,
    }
}

impl<F> Ambient<F> {
    pub(crate) fn new(scope: Scope, fut: F) -> Self {
        Self {
            fut,
            slot: Slot::new(scope),
        }
    }
}

impl<F: Future> Future for Ambient<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let this = self.project();
        let fut = this.fut;
        this.slot.enter(|| fut.poll(cx))
    }
}

impl Scope {
    /// Polls `fut` with this scope as [`current`], without ending it at the
    /// scope's deadline or cancellation.
    ///
    /// # Cancel safety
    ///
    /// As cancel safe as `fut`.
    pub fn ambient<F: Future>(&self, fut: F) -> Ambient<F> {
        Ambient::new(self.clone(), fut)
    }

    /// Calls `f` with this scope as [`current`].
    pub fn enter<T>(&self, f: impl FnOnce() -> T) -> T {
        Slot::new(self.clone()).enter(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name() -> Option<&'static str> {
        current().map(|scope| scope.name())
    }

    #[tokio::test]
    async fn nested_scopes_are_restored() {
        let outer = Scope::root("outer");
        let inner = outer.child("inner");
        assert_eq!(name(), None);
        let seen = outer
            .run(async {
                let before = name();
                let within = inner.run(async { name() }).await;
                tokio::task::yield_now().await;
                (before, within, name())
            })
            .await;
        assert_eq!(seen, Ok((Some("outer"), Ok(Some("inner")), Some("outer"))));
        assert_eq!(name(), None);
    }

    #[test]
    fn a_panic_does_not_leave_its_scope_behind() {
        let scope = Scope::root("doomed");
        let caught = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            scope.enter(|| std::panic::resume_unwind(Box::new(())));
        }));
        assert!(caught.is_err());
        assert_eq!(name(), None);
    }
}
