//! The owner of tasks: a name, a deadline, cancellation, and a book of what runs.

use crate::Deadline;
use crate::tasks::{Book, Stragglers};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};

/// How long cancelled tasks get to be dropped before they count as stragglers.
///
/// A cancelled task goes at its next await; one that is still there a second
/// later is stuck inside a poll, and waiting longer wouldn't help.
const CANCEL_WAIT: Duration = Duration::from_secs(1);

/// The owner of tasks, and what they share: name, deadline, cancellation.
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
    token: CancellationToken,
    book: Book,
    parent: Option<Scope>,
}

impl Scope {
    /// A scope of its own, with neither parent nor deadline.
    #[must_use]
    pub fn root(name: &'static str) -> Self {
        Self::new(name, None, CancellationToken::new(), None)
    }

    /// A child: cancelled and closed with this scope, and bound by its deadline.
    #[must_use]
    pub fn child(&self, name: &'static str) -> Self {
        self.make(name, self.deadline())
    }

    /// A child whose deadline is the earlier of `deadline` and this scope's own.
    ///
    /// The deadline is enforced by [`Scope::run`] and by whoever asks for it
    /// (clients, stores); tasks spawned on the child end with its
    /// *cancellation*. To bound a task, spawn `scope.with_deadline(d).run(fut)`.
    #[must_use]
    pub fn with_deadline(&self, deadline: Deadline) -> Self {
        let own = self.deadline();
        self.make(
            self.inner.name,
            Some(own.map_or(deadline, |own| own.min(deadline))),
        )
    }

    fn make(&self, name: &'static str, deadline: Option<Deadline>) -> Self {
        Self::new(
            name,
            deadline,
            self.inner.token.child_token(),
            Some(self.clone()),
        )
    }

    fn new(
        name: &'static str,
        deadline: Option<Deadline>,
        token: CancellationToken,
        parent: Option<Self>,
    ) -> Self {
        Self {
            inner: Arc::new(Inner {
                name,
                deadline,
                token,
                book: Book::default(),
                parent,
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
