//! The owner of tasks: a name, a deadline, cancellation, and a book of what runs.

use crate::tasks::{Book, Stragglers};
use crate::{Deadline, TraceContext};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};

/// How long cancelled tasks get to be dropped before they count as stragglers.
///
/// A cancelled task goes at its next await; one that is still there a second
/// later is stuck inside a poll, and waiting longer wouldn't help.
const CANCEL_WAIT: Duration = Duration::from_secs(1);

/// The owner of tasks, and what they share: name, deadline, trace, cancellation.
///
/// A service has one root scope; a request, a connection and a background job
/// each have a child of it. Cloning is cheap and gives the *same* scope.
///
/// Life of a scope: *open* (tasks may be spawned) → *closed* (new ones are
/// refused, [`Scope::close`] waits for those that run) → *cancelled* (each task
/// is dropped at its next await). [`Scope::cancel`] goes straight to the last
/// state. Children follow their ancestors, never the other way round. Dropping
/// the handles of a scope changes nothing: its tasks still belong to its
/// ancestors' books.
///
/// Why not `tokio::task::JoinSet`? Its owner must be `&mut`, it tells nobody
/// which task is stuck, and finished tasks pile up in it until somebody looks.
#[derive(Clone)]
pub struct Scope {
    inner: Arc<Inner>,
}

struct Inner {
    name: &'static str,
    deadline: Option<Deadline>,
    trace: Option<TraceContext>,
    token: CancellationToken,
    book: Book,
    parent: Option<Scope>,
}

impl Scope {
    /// A scope of its own, with neither parent nor deadline.
    #[must_use]
    pub fn root(name: &'static str) -> Self {
        Self {
            inner: Arc::new(Inner {
                name,
                deadline: None,
                trace: None,
                token: CancellationToken::new(),
                book: Book::default(),
                parent: None,
            }),
        }
    }

    /// A child: cancelled and closed with this scope, and bound by its deadline.
    #[must_use]
    pub fn child(&self, name: &'static str) -> Self {
        self.make(name, self.deadline(), self.trace())
    }

    /// A child whose deadline is the earlier of `deadline` and this scope's own.
    ///
    /// The deadline is enforced by [`Scope::run`] and by whoever asks for it
    /// (clients, stores); tasks spawned on the child end with its
    /// *cancellation*. To bound a task, spawn `scope.with_deadline(d).run(fut)`.
    #[must_use]
    pub fn with_deadline(&self, deadline: Deadline) -> Self {
        self.make(self.inner.name, Some(self.earlier(deadline)), self.trace())
    }

    /// A child that belongs to `trace`, as do its own children.
    #[must_use]
    pub fn with_trace(&self, trace: TraceContext) -> Self {
        self.make(self.inner.name, self.deadline(), Some(trace))
    }

    /// A child in the trace of the calling code, for work that a request asks for
    /// but that outlives it; this scope itself if the caller has no trace.
    #[must_use]
    pub fn in_current_trace(&self) -> Self {
        crate::current_trace().map_or_else(|| self.clone(), |trace| self.with_trace(trace))
    }

    /// [`Scope::with_deadline`] and [`Scope::with_trace`] in one: what each
    /// request begins with.
    #[must_use]
    pub fn for_request(&self, deadline: Deadline, trace: TraceContext) -> Self {
        self.make(self.inner.name, Some(self.earlier(deadline)), Some(trace))
    }

    fn earlier(&self, deadline: Deadline) -> Deadline {
        let own = self.deadline();
        own.map_or(deadline, |own| own.min(deadline))
    }

    fn make(
        &self,
        name: &'static str,
        deadline: Option<Deadline>,
        trace: Option<TraceContext>,
    ) -> Self {
        Self {
            inner: Arc::new(Inner {
                name,
                deadline,
                trace,
                token: self.inner.token.child_token(),
                book: Book::default(),
                parent: Some(self.clone()),
            }),
        }
    }

    /// The name given at creation.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.inner.name
    }

    /// When nobody waits for this scope's work any more.
    #[must_use]
    pub fn deadline(&self) -> Option<Deadline> {
        self.inner.deadline
    }

    /// The trace that this scope's work belongs to; `None` for work that no
    /// request asked for.
    #[must_use]
    pub fn trace(&self) -> Option<TraceContext> {
        self.inner.trace
    }

    /// Whether this scope or an ancestor was cancelled.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.inner.token.is_cancelled()
    }

    /// Whether this scope or an ancestor was closed or cancelled, so that
    /// [`Scope::spawn`] refuses.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.is_cancelled() || self.lineage().any(|scope| scope.inner.book.is_closed())
    }

    /// Cancels this scope and its children: every task is dropped at its next await.
    pub fn cancel(&self) {
        self.inner.token.cancel();
    }

    /// Waits until the scope is cancelled.
    ///
    /// # Cancel safety
    ///
    /// Safe: nothing is lost.
    pub async fn cancelled(&self) {
        self.inner.token.cancelled().await;
    }

    pub(crate) fn cancelled_owned(&self) -> WaitForCancellationFutureOwned {
        self.inner.token.clone().cancelled_owned()
    }

    /// How many tasks this scope and its descendants own at the moment.
    #[must_use]
    pub fn tasks(&self) -> usize {
        self.inner.book.len()
    }

    /// Closes the scope: refuses new tasks, waits up to `grace` for those that
    /// run, cancels them, and reports whatever is still there a second later.
    ///
    /// Periodic tasks ([`Scope::every`]) are waited for only while an iteration
    /// runs. Closing twice is harmless.
    ///
    /// # Limits
    ///
    /// Takes at most `grace` plus one second.
    ///
    /// # Cancel safety
    ///
    /// The scope stays closed; it may not have been cancelled yet. Call again.
    pub async fn close(&self, grace: Duration) -> Stragglers {
        self.inner.book.close();
        // Whether it went quiet in time or not, the next step is the same.
        let _quiet = tokio::time::timeout(grace, self.inner.book.quiet()).await;
        self.cancel();
        let _empty = tokio::time::timeout(CANCEL_WAIT, self.inner.book.empty()).await;
        self.inner.book.stragglers()
    }

    pub(crate) fn book(&self) -> &Book {
        &self.inner.book
    }

    /// This scope and its ancestors, nearest first.
    pub(crate) fn lineage(&self) -> impl Iterator<Item = &Self> {
        std::iter::successors(Some(self), |scope| scope.inner.parent.as_ref())
    }
}

impl fmt::Debug for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scope")
            .field("name", &self.inner.name)
            .field("deadline", &self.inner.deadline)
            .field("cancelled", &self.is_cancelled())
            .field("tasks", &self.tasks())
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn children_belong_to_the_trace() {
        let trace = TraceContext::new(1, 2);
        let root = Scope::root("test");
        let request = root.for_request(Deadline::after(Duration::from_secs(1)), trace);
        assert_eq!((root.trace(), request.trace()), (None, Some(trace)));
        assert_eq!(request.child("child").trace(), Some(trace));
        let sooner = request.with_deadline(Deadline::after(Duration::ZERO));
        assert_eq!(sooner.trace(), Some(trace));
        assert!(request.deadline() > sooner.deadline());

        assert_eq!(crate::current_trace(), None);
        let service = Scope::root("service");
        assert_eq!(service.in_current_trace().trace(), None);
        request.enter(|| {
            assert_eq!(crate::current_trace(), Some(trace));
            let outliving = service.in_current_trace();
            assert_eq!(outliving.trace(), Some(trace));
            request.cancel();
            assert!(!outliving.is_cancelled());
        });
    }
}
