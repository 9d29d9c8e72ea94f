//! Which thread polls which task, and since when.

use super::{Registry, TaskView};
use crate::task::Entry;
use crate::ticks::Ticks;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock, Mutex, PoisonError, Weak};
use std::time::Duration;

/// Threads that are watched, at most; the process has a few times its cores.
const WORKERS_MAX: usize = 1024;
/// No task.
const NONE: u64 = u64::MAX;

/// One thread that polls tasks.
#[derive(Debug)]
struct Worker {
    thread: String,
    /// The task it polls.
    task: AtomicU64,
    /// Since when.
    since: AtomicU64,
    /// The poll that was reported last.
    told: AtomicU64,
}

static WORKERS: LazyLock<Mutex<Vec<Weak<Worker>>>> = LazyLock::new(Mutex::default);

thread_local! {
    static WORKER: Option<Arc<Worker>> = Worker::of_this_thread();
}

impl Worker {
    fn of_this_thread() -> Option<Arc<Self>> {
        let mut workers = WORKERS.lock().unwrap_or_else(PoisonError::into_inner);
        workers.retain(|worker| worker.strong_count() > 0);
        if workers.len() >= WORKERS_MAX {
            return None;
        }
        let thread = std::thread::current()
            .name()
            .unwrap_or("unnamed")
            .to_owned();
        let worker = Arc::new(Self {
            thread,
            task: AtomicU64::new(NONE),
            since: AtomicU64::new(0),
            told: AtomicU64::new(0),
        });
        workers.push(Arc::downgrade(&worker));
        Some(worker)
    }

    /// `since` first: who sees the task sees since when, or later. On the way out
    /// it is the other way round, see [`BusyWith`].
    #[inline]
    fn poll(&self, task: u64, since: u64) {
        self.since.store(since, Ordering::Relaxed);
        self.task.store(task, Ordering::Release);
    }
}

/// This thread polls a task until this is dropped.
pub(crate) struct BusyWith {
    /// The task around it, and since when: a runtime within `block_in_place`
    /// polls its tasks on a thread that polls one already.
    outer: (u64, u64),
}

/// Marks this thread as polling `entry`.
#[inline]
pub(crate) fn busy_with(entry: &Entry, now: Ticks) -> BusyWith {
    let outer = WORKER.try_with(|worker| {
        let worker = worker.as_ref()?;
        let outer = (
            worker.task.load(Ordering::Relaxed),
            worker.since.load(Ordering::Relaxed),
        );
        worker.poll(entry.id, now.0);
        Some(outer)
    });
    BusyWith {
        // A thread that is ending is not watched any more.
        outer: outer.ok().flatten().unwrap_or((NONE, 0)),
    }
}

impl Drop for BusyWith {
    #[inline]
    fn drop(&mut self) {
        let _ending = WORKER.try_with(|worker| {
            let Some(worker) = worker else { return };
            let (task, since) = self.outer;
            // The other way round than on entry: whoever saw the old task with the
            // new time would take it for one poll since then, or since the start.
            worker.task.store(task, Ordering::Release);
            if task != NONE {
                worker.since.store(since, Ordering::Relaxed);
            }
        });
    }
}

/// A worker that doesn't get on, because a task doesn't give it back.
#[derive(Clone, Debug)]
pub struct Stall {
    /// The thread's name.
    pub thread: String,
    /// The task that it polls.
    pub task: TaskView,
    /// How long the poll has been going on.
    pub polling: Duration,
    /// Whether [`stalls`] tells this poll for the first time.
    pub is_new: bool,
}

/// The polls that have been going on for longer than `limit`.
#[must_use]
pub fn stalls(limit: Duration) -> Vec<Stall> {
    let workers: Vec<Arc<Worker>> = {
        let workers = WORKERS.lock().unwrap_or_else(PoisonError::into_inner);
        workers.iter().filter_map(Weak::upgrade).collect()
    };
    let stall = |worker: Arc<Worker>| {
        let id = worker.task.load(Ordering::Acquire);
        let since = worker.since.load(Ordering::Relaxed);
        let polling = Ticks(since).elapsed();
        if id == NONE || polling < limit {
            return None;
        }
        let task = Registry::global().with(id, |live| TaskView::of(&live.entry, &live.scope))?;
        // The same poll still, or what was read belongs to two.
        let same = worker.task.load(Ordering::Acquire) == id
            && worker.since.load(Ordering::Relaxed) == since;
        same.then(|| Stall {
            thread: worker.thread.clone(),
            task,
            polling,
            is_new: worker.told.swap(since, Ordering::Relaxed) != since,
        })
    };
    workers.into_iter().filter_map(stall).collect()
}
