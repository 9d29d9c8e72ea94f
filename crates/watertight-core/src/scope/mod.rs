//! The owner of tasks: a name, a deadline, cancellation, and a book of what runs.

mod book;
mod guard;
mod reason;
mod stragglers;
mod tracing;

pub use guard::ScopeGuard;
pub use reason::{CancelReason, Priority};
pub use stragglers::{Straggler, Stragglers};

use crate::series::{CANCELLED_WORK, TASK_CANCELS};
use crate::task::Kind;
use crate::{Deadline, Label, Traced, Tracer};
use book::{Book, Entries};
use reason::End;
use std::fmt;
use std::sync::atomic::{AtomicU16, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
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
    root: RootId,
    deadline: Option<Deadline>,
    trace: Option<Traced>,
    priority: Priority,
    /// Of a root: what records the jobs of its service.
    tracer: OnceLock<Tracer>,
    /// [`Label`], often known only after the scope was made.
    label: AtomicU16,
    /// Wakes those who wait; whether the scope is cancelled, `end` tells for less.
    token: CancellationToken,
    end: End,
    book: Book,
    parent: Option<Scope>,
}

impl Drop for Inner {
    // One after the other: dropping a long line of scopes within each other's
    // destructors would take the stack.
    fn drop(&mut self) {
        let mut next = self.parent.take();
        while let Some(scope) = next {
            next = Arc::into_inner(scope.inner).and_then(|mut last| last.parent.take());
        }
    }
}

/// Which root a scope descends from.
///
/// A root that is made under an ambient scope shares that scope's number, so
/// that all that a test or a job starts can be found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct RootId(u64);

impl RootId {
    fn next() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        Self(NEXT.fetch_add(1, Ordering::Relaxed))
    }
}

impl Scope {
    /// A scope of its own, with neither parent nor deadline.
    #[must_use]
    pub fn root(name: &'static str) -> Self {
        let root = crate::ambient::current_root().unwrap_or_else(RootId::next);
        Self {
            inner: Arc::new(Inner {
                name,
                root,
                deadline: None,
                trace: None,
                priority: Priority::default(),
                tracer: OnceLock::new(),
                label: AtomicU16::new(Label::NONE.number()),
                token: CancellationToken::new(),
                end: End::default(),
                book: Book::default(),
                parent: None,
            }),
        }
    }

    /// A child: cancelled and closed with this scope, and bound by its deadline.
    #[must_use]
    pub fn child(&self, name: &'static str) -> Self {
        self.make(Made {
            name,
            ..self.like()
        })
    }

    /// A child whose deadline is the earlier of `deadline` and this scope's own.
    ///
    /// The deadline is enforced by [`Scope::run`] and by whoever asks for it
    /// (clients, stores); tasks spawned on the child end with its
    /// *cancellation*. To bound a task, spawn `scope.with_deadline(d).run(fut)`.
    #[must_use]
    pub fn with_deadline(&self, deadline: Deadline) -> Self {
        self.make(Made {
            deadline: Some(self.earlier(deadline)),
            ..self.like()
        })
    }

    /// A child whose work is of this priority, as is that of its own children.
    #[must_use]
    pub fn with_priority(&self, priority: Priority) -> Self {
        self.make(Made {
            priority,
            ..self.like()
        })
    }

    /// [`Scope::with_deadline`] and [`Scope::with_trace`] in one: what each
    /// request begins with.
    #[must_use]
    pub fn for_request(&self, deadline: Deadline, trace: impl Into<Traced>) -> Self {
        self.make(Made {
            deadline: Some(self.earlier(deadline)),
            trace: Some(trace.into()),
            ..self.like()
        })
    }

    fn earlier(&self, deadline: Deadline) -> Deadline {
        let own = self.deadline();
        own.map_or(deadline, |own| own.min(deadline))
    }

    /// What a child gets from this scope if nobody says otherwise.
    fn like(&self) -> Made {
        Made {
            name: self.inner.name,
            deadline: self.inner.deadline,
            trace: self.inner.trace.clone(),
            priority: self.inner.priority,
        }
    }

    fn make(&self, made: Made) -> Self {
        Self {
            inner: Arc::new(Inner {
                name: made.name,
                root: self.inner.root,
                deadline: made.deadline,
                trace: made.trace,
                priority: made.priority,
                tracer: OnceLock::new(),
                label: AtomicU16::new(self.inner.label.load(Ordering::Relaxed)),
                token: self.inner.token.child_token(),
                end: End::default(),
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

    /// Which work goes first when there is too much of it.
    #[must_use]
    pub fn priority(&self) -> Priority {
        self.inner.priority
    }

    /// Whose work this is: a route, a job.
    #[must_use]
    pub fn label(&self) -> Label {
        Label::from_number(self.inner.label.load(Ordering::Relaxed))
    }

    /// Says whose work this is. Children made from now on inherit it.
    pub fn set_label(&self, label: Label) {
        self.inner.label.store(label.number(), Ordering::Relaxed);
    }

    /// The root it descends from.
    #[must_use]
    pub fn root_id(&self) -> RootId {
        self.inner.root
    }

    /// Whether this scope or an ancestor was cancelled.
    #[must_use]
    #[inline]
    pub fn is_cancelled(&self) -> bool {
        // By hand and not by `lineage`: it is asked before each poll.
        let mut scope = self;
        loop {
            if scope.inner.end.is_set() {
                return true;
            }
            match &scope.inner.parent {
                Some(parent) => scope = parent,
                None => return false,
            }
        }
    }

    /// Why this scope or its nearest cancelled ancestor was cancelled.
    #[must_use]
    pub fn cancel_reason(&self) -> Option<CancelReason> {
        self.lineage().find_map(|scope| scope.inner.end.reason())
    }

    /// How long ago this scope or the first of its ancestors was cancelled.
    #[must_use]
    pub fn cancelled_for(&self) -> Option<Duration> {
        self.lineage()
            .filter_map(|scope| scope.inner.end.ago())
            .max()
    }

    /// Whether this scope or an ancestor was closed or cancelled, so that
    /// [`Scope::spawn`] refuses.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.lineage()
            .any(|scope| scope.inner.end.is_set() || scope.inner.book.is_closed())
    }

    /// Cancels this scope and its children: every task is dropped at its next await.
    pub fn cancel(&self) {
        self.cancel_for(CancelReason::Shutdown);
    }

    /// [`Scope::cancel`], with the reason that metrics show.
    pub fn cancel_for(&self, reason: CancelReason) {
        self.inner.end.set(reason);
        self.inner.token.cancel();
        self.inner.book.tell_closing();
    }

    /// Waits until this scope takes no more tasks, because it or an ancestor was
    /// closed or cancelled: the time to finish what is under way.
    ///
    /// A task that only listens (to a channel, to a peer) races it against what it
    /// listens to, and has what is left of the grace period from then on. Ends at
    /// once if [`Scope::is_closed`]. A cancelled scope drops its tasks, those that
    /// wait here included: what must be done then belongs into a destructor, or
    /// into a scope of its own.
    ///
    /// # Cancel safety
    ///
    /// Safe: nothing is lost.
    pub async fn closing(&self) {
        // Created before the look: a change in between is not missed.
        let told: Vec<_> = self
            .lineage()
            .map(|scope| scope.inner.book.told_closing())
            .collect();
        if !self.is_closed() {
            crate::race_all(told).await;
        }
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
        self.inner.book.tasks()
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
    #[expect(
        clippy::disallowed_methods,
        reason = "closing has a time of its own, beyond the deadline of the scope that it closes"
    )]
    pub async fn close(&self, grace: Duration) -> Stragglers {
        let book = &self.inner.book;
        book.close();
        // Whether it went quiet in time or not, the next step is the same.
        let _quiet = tokio::time::timeout(grace, book.quiet()).await;
        self.cancel();
        crate::blocking::forget_cancelled();
        let _empty = tokio::time::timeout(CANCEL_WAIT, book.empty()).await;
        Stragglers::of(self)
    }

    /// Counts one task in this book and those of all ancestors, or in none.
    pub(crate) fn enter_task(&self, kind: Kind) -> bool {
        self.enter_all(Entries::of(kind))
    }

    pub(crate) fn leave_task(&self, kind: Kind) {
        self.leave_all(Entries::of(kind));
    }

    /// The same for one piece of work that closing waits for.
    pub(crate) fn begin_work(&self) -> bool {
        self.enter_all(Entries::WORK)
    }

    pub(crate) fn end_work(&self) {
        self.leave_all(Entries::WORK);
    }

    fn enter_all(&self, entries: Entries) -> bool {
        for (entered, scope) in self.lineage().enumerate() {
            if scope.inner.end.is_set() || !scope.inner.book.enter(entries) {
                let entered = self.lineage().take(entered);
                entered.for_each(|scope| scope.inner.book.leave(entries));
                return false;
            }
        }
        true
    }

    fn leave_all(&self, entries: Entries) {
        self.lineage()
            .for_each(|scope| scope.inner.book.leave(entries));
    }

    /// A child for work that goes on after `self`'s own, which is a service's.
    pub(crate) fn for_later(
        &self,
        deadline: Deadline,
        trace: Option<Traced>,
        priority: Priority,
        label: Label,
    ) -> Self {
        let scope = self.make(Made {
            deadline: Some(self.earlier(deadline)),
            trace: trace.or_else(|| self.inner.trace.clone()),
            priority,
            ..self.like()
        });
        scope.set_label(label);
        scope
    }

    /// A task was dropped because its scope was cancelled.
    pub(crate) fn count_cancelled(&self, task: &'static str) {
        TASK_CANCELS.with([task]).increment(1);
    }

    /// A task goes: what it did since its scope was cancelled was for nobody.
    pub(crate) fn count_wasted(&self) {
        // The usual end: nothing else needs to be looked at.
        if !self.is_cancelled() {
            return;
        }
        let (Some(wasted), Some(reason)) = (self.cancelled_for(), self.cancel_reason()) else {
            return;
        };
        if reason != CancelReason::Shutdown {
            let route = self.label().text().to_string();
            CANCELLED_WORK.with([route]).record(wasted.as_secs_f64());
        }
    }

    /// Whether `other` is this scope or one of its ancestors.
    pub(crate) fn belongs_to(&self, other: &Self) -> bool {
        self.lineage()
            .any(|scope| Arc::ptr_eq(&scope.inner, &other.inner))
    }

    /// The scope without a parent: that of the service.
    pub(crate) fn root_scope(&self) -> &Self {
        let mut scope = self;
        while let Some(parent) = &scope.inner.parent {
            scope = parent;
        }
        scope
    }

    /// This scope and its ancestors, nearest first.
    pub(crate) fn lineage(&self) -> impl Iterator<Item = &Self> {
        std::iter::successors(Some(self), |scope| scope.inner.parent.as_ref())
    }
}

/// What differs between a scope and its child.
struct Made {
    name: &'static str,
    deadline: Option<Deadline>,
    trace: Option<Traced>,
    priority: Priority,
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
