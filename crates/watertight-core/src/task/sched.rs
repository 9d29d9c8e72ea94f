//! Whether a task runs, waits for its turn, or is parked: one word.
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
//! A new task is QUEUED. From the poll that gives the result on, or from the
//! moment the runtime drops it, a task stays RUNNING. The runtime may poll one
//! that is PARKED: its scope was cancelled, and that wakes it past this machine.
//! That poll is the last, and doesn't reach the future.
//!
//! The same word counts the polls, so that two looks that find the same number
//! have found the same moment: it never comes back.
//!
//! This file uses nothing but `super::sync`, so that loom can try it
//! (`tests/loom.rs`).

use super::sync::{AtomicU64, Ordering};

const RUNNING: u64 = 1;
const WOKEN: u64 = 2;
const STATE: u64 = RUNNING | WOKEN;
/// One poll; the count has the 62 bits above the state.
const POLL: u64 = 4;

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

/// The state machine of one task, and the count of its polls.
#[derive(Debug)]
pub(crate) struct Sched {
    word: AtomicU64,
}

impl Sched {
    /// A task that has just been given to the runtime.
    pub(crate) fn queued() -> Self {
        Self {
            word: AtomicU64::new(WOKEN),
        }
    }

    /// A wake-up has come; `true` if the runtime must be woken now.
    ///
    /// Read-modify-write even if nothing changes: whoever skips because the
    /// task is queued already must be sure that the poll to come sees what he
    /// did before.
    #[must_use]
    #[inline]
    pub(crate) fn wake(&self) -> bool {
        self.word.fetch_or(WOKEN, Ordering::AcqRel) & STATE == 0
    }

    /// The task is about to be polled.
    #[inline]
    pub(crate) fn begin(&self) {
        // Others change the state at any time, but nobody else the count.
        let polls = self.word.load(Ordering::Relaxed) & !STATE;
        self.word
            .swap(polls.wrapping_add(POLL) | RUNNING, Ordering::AcqRel);
    }

    /// The poll ended without a result; `true` if the runtime must be woken
    /// now, because a wake-up came meanwhile.
    #[must_use]
    #[inline]
    pub(crate) fn end(&self) -> bool {
        self.word.fetch_and(!RUNNING, Ordering::AcqRel) & WOKEN != 0
    }

    /// The task is about to be dropped, without a result.
    pub(crate) fn over(&self) {
        self.word.fetch_or(RUNNING, Ordering::AcqRel);
    }

    pub(crate) fn state(&self) -> TaskState {
        match self.word.load(Ordering::Acquire) & STATE {
            0 => TaskState::Parked,
            WOKEN => TaskState::Queued,
            _ => TaskState::Running,
        }
    }

    /// How often the task has been polled.
    pub(crate) fn polls(&self) -> u64 {
        self.word.load(Ordering::Relaxed) / POLL
    }

    /// Whether the task can never be polled again, but for its cancellation:
    /// it is parked and nobody has a waker. `has_wakers` looks whether a clone
    /// of the task's waker is alive, with *acquire* ordering against the drop
    /// of those that aren't, and says no only if there is none but the task's
    /// own.
    ///
    /// This is a proof, not a guess. Let `n` be the count of polls.
    ///
    /// 1. Both looks at the word find "PARKED after poll n". The count only
    ///    grows and a wake-up leaves WOKEN until the next poll, so the word has
    ///    this value once: it is the end of poll n that both have read.
    /// 2. Everything done in poll n happened before the look at the wakers,
    ///    clones of the waker included.
    /// 3. Suppose the future is polled once more. The first such poll begins
    ///    with a call of [`Sched::wake`] after the end of poll n: the runtime is
    ///    woken by this machine alone, once for each poll, and has had its poll
    ///    for each wake-up before. That call goes through a clone Z, which lives
    ///    until the runtime has been woken.
    /// 4. If Z was dropped before the wakers were counted, then the count read
    ///    that drop and its wake-up happened before the second look, which would
    ///    have found WOKEN. If Z was alive at that moment, it was counted. If it
    ///    was made later, then from another clone, of which the same holds, or by
    ///    the task while it is polled, which by 3 needs Z first. So there is no Z.
    /// 5. A task that is being dropped says so ([`Sched::over`]) before it drops
    ///    the first of its wakers; who counts without them sees it as RUNNING.
    ///
    /// What it can't see: a waker that is kept alive where nobody will use it
    /// (in the task's own future, in a channel that was leaked). Such a task is
    /// not found; it may be a suspect.
    #[must_use]
    pub(crate) fn is_dead(&self, has_wakers: impl FnOnce() -> bool) -> bool {
        let seen = self.word.load(Ordering::Acquire);
        seen & STATE == 0 && !has_wakers() && self.word.load(Ordering::Acquire) == seen
    }
}
