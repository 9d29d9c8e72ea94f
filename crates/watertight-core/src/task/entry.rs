//! What is known of one task, shared by the task, the registry and its wakers.

use super::sched::{Sched, TaskState};
use super::{Kind, Site};
use crate::ticks::Ticks;
use futures_util::task::ArcWake;
use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering, fence};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::Waker;

/// One live task.
///
/// It is its own waker's content: a clone of the waker is a clone of the `Arc`,
/// and so the number of them says whether anybody could still wake the task.
///
/// Whoever keeps such a clone for ever keeps these few words and nothing else:
/// the scope is in the registry's and the task's hands, not in here, and the
/// runtime's waker goes with the task.
///
/// Numbers that the task alone writes are stored without read-modify-write.
pub(crate) struct Entry {
    pub(crate) id: u64,
    pub(crate) kind: Kind,
    pub(crate) site: &'static Site,
    pub(crate) born: Ticks,
    pub(crate) sched: Sched,
    /// Time spent in polls, in ticks.
    busy: AtomicU64,
    /// When the last poll began (while it runs) or ended.
    last: AtomicU64,
    /// Named in a report already: each task is told once for each reason.
    pub(crate) told_dead: AtomicBool,
    pub(crate) told_straggler: AtomicBool,
    /// The runtime's waker: set before the first poll ends, gone with the task.
    runtime: Mutex<Option<Waker>>,
}

impl Entry {
    pub(crate) fn new(id: u64, kind: Kind, site: &'static Site) -> Self {
        let born = Ticks::now();
        Self {
            id,
            kind,
            site,
            born,
            sched: Sched::queued(),
            busy: AtomicU64::new(0),
            last: AtomicU64::new(born.0),
            told_dead: AtomicBool::new(false),
            told_straggler: AtomicBool::new(false),
            runtime: Mutex::new(None),
        }
    }

    pub(crate) fn name(&self) -> &'static str {
        self.site.place.name
    }

    /// A poll begins.
    #[inline]
    pub(crate) fn begin(&self, now: Ticks) {
        let parked = now.0.saturating_sub(self.last.load(Ordering::Relaxed));
        self.site.waited(parked);
        self.last.store(now.0, Ordering::Relaxed);
        self.sched.begin();
    }

    /// A poll ended without a result. After one with a result nobody asks: the
    /// task goes, and what is told of it says that it runs.
    #[inline]
    pub(crate) fn spent(&self, now: Ticks) {
        let took = now.0.saturating_sub(self.last.load(Ordering::Relaxed));
        let busy = self.busy.load(Ordering::Relaxed);
        self.busy.store(busy.wrapping_add(took), Ordering::Relaxed);
        self.last.store(now.0, Ordering::Relaxed);
    }

    pub(crate) fn busy_ticks(&self) -> u64 {
        self.busy.load(Ordering::Relaxed)
    }

    /// When the poll under way began, or the last one ended.
    pub(crate) fn last(&self) -> Ticks {
        Ticks(self.last.load(Ordering::Relaxed))
    }

    /// Remembers how to wake the runtime's task.
    pub(crate) fn set_runtime(&self, waker: Option<Waker>) {
        let mut runtime = self.runtime.lock().unwrap_or_else(PoisonError::into_inner);
        let before = std::mem::replace(&mut *runtime, waker);
        // Dropping a waker can drop a task: not under the lock.
        drop(runtime);
        drop(before);
    }

    /// Whether nothing but its cancellation can make the task run again; see
    /// [`Sched::is_dead`]. `others` are the references that are known not to
    /// be wakers.
    pub(crate) fn is_dead(self: &Arc<Self>, others: usize) -> bool {
        self.kind.is_polled()
            && self.sched.is_dead(|| {
                let count = Arc::strong_count(self);
                // The count is read relaxed; the fence pairs with the release
                // of each clone that was dropped.
                fence(Ordering::Acquire);
                count > others
            })
    }

    /// A closure that waits for a thread.
    pub(crate) fn is_unbegun(&self) -> bool {
        self.kind == Kind::Blocking && self.sched.polls() == 0
    }

    pub(crate) fn state(&self) -> TaskState {
        self.sched.state()
    }
}

/// Why not `std::task::Wake`? With this one a poll borrows the task's own
/// reference as its waker, and needs none more that is counted.
impl ArcWake for Entry {
    fn wake_by_ref(entry: &Arc<Self>) {
        if !entry.sched.wake() {
            return;
        }
        let runtime = entry.runtime.lock().unwrap_or_else(PoisonError::into_inner);
        // Under the lock and by reference, for less than a clone would cost. The
        // one that stays here keeps the runtime's task, so that waking it, even
        // while the runtime shuts down, drops no future and calls no code but
        // the runtime's.
        if let Some(waker) = &*runtime {
            waker.wake_by_ref();
        }
    }
}

impl fmt::Debug for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Entry")
            .field("id", &self.id)
            .field("site", &self.site.place)
            .field("state", &self.state())
            .finish_non_exhaustive()
    }
}
