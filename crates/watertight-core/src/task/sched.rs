//! Whether a task runs, waits for its turn, or is parked: one byte, two bits.
//!
//! The runtime knows this too, but tells nobody, and a copy kept beside it
//! would be wrong now and then: between the runtime's step and ours there is
//! always a window. So ours is not a copy but the authority: *the runtime is
//! woken by this state machine alone, once for each time the task becomes
//! queued*. The same two bits as in tokio's own header, for the same reasons.
//!
//! ```text
//!            wake (wakes the runtime)         poll begins
//!   PARKED ───────────────────────► QUEUED ───────────────► RUNNING
//!     ▲                               ▲                      │    │ wake
//!     │ poll ends                     │ poll ends            │    ▼
//!     └───────────────────────────────┼──────────────────────┘  RUNNING, WOKEN
//!                                     └──────────────────────────────┘
//!                                       (wakes the runtime again)
//! ```
//!
//! A new task is QUEUED. The runtime may poll a task that is PARKED (its scope
//! was cancelled, and that wakes it past this machine); that poll is the last.
//!
//! This file uses nothing but `super::sync`, so that loom can try it.

use super::sync::{AtomicU8, AtomicU64, Ordering};

const RUNNING: u8 = 1;
const WOKEN: u8 = 2;

/// What a task does at the moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum TaskState {
    /// It waits for something.
    Parked,
    /// It can go on, and waits for a worker.
    Queued,
    /// A worker polls it.
    Running,
}

/// The state machine of one task.
#[derive(Debug)]
pub(crate) struct Sched {
    bits: AtomicU8,
    /// Polls begun. Written by the task alone.
    polls: AtomicU64,
}

impl Sched {
    /// A task that has just been given to the runtime.
    pub(crate) fn queued() -> Self {
        Self {
            bits: AtomicU8::new(WOKEN),
            polls: AtomicU64::new(0),
        }
    }

    /// A wake-up has come; `true` if the runtime must be woken now.
    ///
    /// Read-modify-write even if nothing changes: whoever skips because the
    /// task is queued already must be sure that the poll to come sees what he
    /// did before.
    #[must_use]
    pub(crate) fn wake(&self) -> bool {
        self.bits.fetch_or(WOKEN, Ordering::AcqRel) == 0
    }

    /// The task is about to be polled.
    pub(crate) fn begin(&self) {
        let next = self.polls.load(Ordering::Relaxed).wrapping_add(1);
        self.polls.store(next, Ordering::Relaxed);
        self.bits.swap(RUNNING, Ordering::AcqRel);
    }

    /// The poll ended without a result; `true` if the runtime must be woken
    /// now, because a wake-up came meanwhile.
    #[must_use]
    pub(crate) fn end(&self) -> bool {
        self.bits.fetch_and(!RUNNING, Ordering::AcqRel) & WOKEN != 0
    }

    pub(crate) fn state(&self) -> TaskState {
        match self.bits.load(Ordering::Acquire) {
            0 => TaskState::Parked,
            WOKEN => TaskState::Queued,
            _ => TaskState::Running,
        }
    }

    /// How often the task has been polled.
    pub(crate) fn polls(&self) -> u64 {
        self.polls.load(Ordering::Relaxed)
    }

    /// Whether the task can never be polled again, but for its cancellation:
    /// it is parked and nobody has a waker. `has_wakers` looks whether a clone
    /// of the task's waker is alive, with *acquire* ordering against the drop
    /// of those that aren't.
    ///
    /// This is a proof, not a guess. Let t1 < t2 < t3 be the first look at the
    /// state, the look at the wakers, and the second look at the state.
    ///
    /// 1. Parked at t1 and t3, and no poll between them (the count of polls is
    ///    the same): so parked at t2. For a wake-up in between would have left
    ///    WOKEN, which only a poll takes away.
    /// 2. At t2 there is no clone. New ones are made from old ones, of which
    ///    there is none, or by the task while it is polled, which it isn't. So
    ///    from t2 on nobody can call [`Sched::wake`].
    /// 3. No wake-up is under way at t2 either: [`Sched::wake`] and the wake of
    ///    the runtime that follows it are called through a clone, which lives
    ///    until both are done. And one that was done before t2 is seen at t3,
    ///    because it happened before the drop of its clone.
    /// 4. The runtime has no poll in store: it is woken only by a change from
    ///    PARKED or RUNNING to QUEUED, once, and polls once for that, which
    ///    takes the machine out of QUEUED. At t2 it was PARKED.
    ///
    /// What it can't see: a waker that is kept alive where nobody will use it
    /// (in the task's own future, in a channel that was leaked).
    #[must_use]
    pub(crate) fn is_dead(&self, has_wakers: impl FnOnce() -> bool) -> bool {
        let polls = self.polls();
        self.state() == TaskState::Parked
            && !has_wakers()
            && self.state() == TaskState::Parked
            && self.polls() == polls
            && polls > 0
    }
}
