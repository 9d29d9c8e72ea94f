//! The book a scope keeps of its tasks.
//!
//! A task is entered in the book of its scope and of every ancestor, so that
//! closing any of them sees it. Spawning is rare next to polling, and scopes
//! are two to four deep: a few uncontended locks per spawn.

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::Notify;

/// One scope's book.
#[derive(Debug, Default)]
pub(crate) struct Book {
    state: Mutex<State>,
    /// Told whenever a task leaves or becomes idle.
    changed: Notify,
    /// Counts the tasks that a root and its descendants have had.
    ids: AtomicU64,
}

#[derive(Debug, Default)]
struct State {
    closed: bool,
    /// Tasks that have something to finish; periodic tasks count only while
    /// an iteration runs, or closing would wait for them for ever.
    busy: usize,
    tasks: HashMap<u64, Entry>,
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    name: &'static str,
    born: Instant,
}

impl Book {
    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing in here panics halfway, so a poisoned book is still right.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A number that no other task of this book gets.
    pub(crate) fn next_id(&self) -> u64 {
        self.ids.fetch_add(1, Ordering::Relaxed)
    }

    /// Enters a task, unless the book is closed.
    pub(crate) fn enter(&self, id: u64, name: &'static str) -> bool {
        let mut state = self.lock();
        if state.closed {
            return false;
        }
        state.tasks.insert(
            id,
            Entry {
                name,
                born: Instant::now(),
            },
        );
        true
    }

    pub(crate) fn leave(&self, id: u64) {
        self.lock().tasks.remove(&id);
        self.changed.notify_waiters();
    }

    /// Counts one piece of work that closing should wait for.
    pub(crate) fn begin(&self) -> bool {
        let mut state = self.lock();
        if state.closed {
            return false;
        }
        state.busy += 1;
        true
    }

    pub(crate) fn end(&self) {
        self.lock().busy -= 1;
        self.changed.notify_waiters();
    }

    pub(crate) fn close(&self) {
        self.lock().closed = true;
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.lock().closed
    }

    pub(crate) fn len(&self) -> usize {
        self.lock().tasks.len()
    }

    /// Waits until no work is under way.
    pub(crate) async fn quiet(&self) {
        self.until(|state| state.busy == 0).await;
    }

    /// Waits until every task has left.
    pub(crate) async fn empty(&self) {
        self.until(|state| state.tasks.is_empty()).await;
    }

    async fn until(&self, done: impl Fn(&State) -> bool) {
        loop {
            // Created before the look: a change in between is not missed.
            let changed = self.changed.notified();
            if done(&self.lock()) {
                return;
            }
            changed.await;
        }
    }

    pub(crate) fn stragglers(&self) -> Stragglers {
        let mut tasks: Vec<_> = self
            .lock()
            .tasks
            .values()
            .map(|entry| Straggler {
                name: entry.name,
                age: entry.born.elapsed(),
            })
            .collect();
        tasks.sort_by_key(|task| std::cmp::Reverse(task.age));
        Stragglers { tasks }
    }
}

/// A task that did not end in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Straggler {
    /// The name it was spawned under.
    pub name: &'static str,
    /// How long ago it was spawned.
    pub age: Duration,
}

/// The tasks that were left when a scope had been closed, oldest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stragglers {
    tasks: Vec<Straggler>,
}

impl Stragglers {
    /// Whether every task ended in time.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.tasks.is_empty()
    }

    /// How many tasks were left.
    #[must_use]
    pub fn len(&self) -> usize {
        self.tasks.len()
    }

    /// The tasks, oldest first.
    pub fn iter(&self) -> impl Iterator<Item = &Straggler> {
        self.tasks.iter()
    }
}

impl fmt::Display for Stragglers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A log line is bounded, whatever the number of tasks.
        const SHOWN_MAX: usize = 16;
        for (i, task) in self.tasks.iter().take(SHOWN_MAX).enumerate() {
            let comma = if i == 0 { "" } else { ", " };
            write!(f, "{comma}{} ({:.1} s)", task.name, task.age.as_secs_f64())?;
        }
        if self.tasks.len() > SHOWN_MAX {
            write!(f, " and {} more", self.tasks.len() - SHOWN_MAX)?;
        }
        Ok(())
    }
}
