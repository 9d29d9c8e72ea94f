//! All live tasks of the process.
//!
//! Split into shards, so that workers don't wait for each other: a thread
//! enters its tasks in one shard until that is full, and only tasks that end on
//! another thread cross over.

mod census;
mod listed;
mod view;
mod warden;
pub(crate) mod worker;

pub use census::{Census, Group, Query, census};
pub(crate) use listed::{Busy, Listed};
pub use view::TaskView;
pub use warden::{Found, Warden};
pub use worker::{Stall, stalls};

use crate::task::Entry;
use slab::Slab;
use std::cell::Cell;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};

const SHARD_BITS: u32 = 6;
const KEY_BITS: u32 = 15;
const SHARDS: usize = 1 << SHARD_BITS;
const SHARD_MAX: usize = 1 << KEY_BITS;

/// Tasks that are listed, at most (2,097,152). Those beyond run all the same
/// and are counted, but can't be shown.
pub const TASKS_LISTED_MAX: usize = SHARDS * SHARD_MAX;

/// What an empty shard may keep for later.
const SPARE: usize = 1024;

/// References to a listed entry that are not wakers which somebody else could
/// use: the registry's, the task's in its list entry, and the task's own waker.
const OWN_REFERENCES: usize = 3;

#[derive(Debug, Default)]
struct Shard(Mutex<Slab<Arc<Entry>>>);

impl Shard {
    fn lock(&self) -> MutexGuard<'_, Slab<Arc<Entry>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[derive(Debug)]
pub(crate) struct Registry {
    shards: Box<[Shard]>,
    /// Beyond [`TASKS_LISTED_MAX`].
    unlisted: AtomicUsize,
    /// Tells apart tasks that have had the same place.
    generation: AtomicU64,
}

static REGISTRY: LazyLock<Registry> = LazyLock::new(|| Registry {
    shards: (0..SHARDS).map(|_| Shard::default()).collect(),
    unlisted: AtomicUsize::new(0),
    generation: AtomicU64::new(0),
});

thread_local! {
    /// The shard that this thread enters its tasks in.
    static SHARD: Cell<Option<usize>> = const { Cell::new(None) };
}

/// Where in the registry the task with this id is.
fn place_of(id: u64) -> (usize, usize) {
    let shard = id as usize & (SHARDS - 1);
    let key = (id >> SHARD_BITS) as usize & (SHARD_MAX - 1);
    (shard, key)
}

fn id_of(generation: u64, shard: usize, key: usize) -> u64 {
    generation << (SHARD_BITS + KEY_BITS) | (key as u64) << SHARD_BITS | shard as u64
}

impl Registry {
    pub(crate) fn global() -> &'static Self {
        &REGISTRY
    }

    /// Lists a task that `make` makes from its id; not if there is no room.
    fn enter(&self, make: impl FnOnce(u64) -> Entry) -> (Arc<Entry>, bool) {
        let generation = self.generation.fetch_add(1, Ordering::Relaxed);
        let first = SHARD.try_with(Cell::get).ok().flatten();
        let first = first.unwrap_or(generation as usize % SHARDS);
        for shard in (first..first + SHARDS).map(|shard| shard % SHARDS) {
            let mut entries = self.shards[shard].lock();
            if entries.len() < SHARD_MAX {
                let _ending = SHARD.try_with(|own| own.set(Some(shard)));
                let free = entries.vacant_entry();
                let entry = Arc::new(make(id_of(generation, shard, free.key())));
                free.insert(Arc::clone(&entry));
                return (entry, true);
            }
        }
        self.unlisted.fetch_add(1, Ordering::Relaxed);
        (Arc::new(make(u64::MAX)), false)
    }

    fn leave(&self, id: u64) {
        let (shard, key) = place_of(id);
        let mut entries = self.shards[shard].lock();
        let gone = entries.try_remove(key);
        if entries.is_empty() && entries.capacity() > SPARE {
            *entries = Slab::new();
        }
        // Dropping an entry can drop a scope: not under the lock.
        drop(entries);
        drop(gone);
    }

    fn leave_unlisted(&self) {
        self.unlisted.fetch_sub(1, Ordering::Relaxed);
    }

    /// Calls `f` with the live task of this id.
    fn with<T>(&self, id: u64, f: impl FnOnce(&Arc<Entry>) -> T) -> Option<T> {
        let (shard, key) = place_of(id);
        let entries = self.shards[shard].lock();
        entries.get(key).filter(|entry| entry.id == id).map(f)
    }

    /// Calls `f` with each task; a shard is locked meanwhile, so be quick.
    pub(crate) fn each(&self, mut f: impl FnMut(&Arc<Entry>)) {
        for shard in 0..SHARDS {
            self.each_of(shard, &mut f);
        }
    }

    fn each_of(&self, shard: usize, mut f: impl FnMut(&Arc<Entry>)) {
        self.shards[shard]
            .lock()
            .iter()
            .for_each(|(_, entry)| f(entry));
    }

    /// Live tasks, listed or not, blocking closures included.
    fn len(&self) -> usize {
        let listed: usize = self.shards.iter().map(|shard| shard.lock().len()).sum();
        listed + self.unlisted.load(Ordering::Relaxed)
    }
}

/// How many tasks the process has at the moment, closures on blocking threads
/// not counted. A task that is just being spawned or dropped counts.
#[must_use]
pub fn live_tasks() -> usize {
    let blocking = crate::blocking::listed();
    Registry::global().len().saturating_sub(blocking)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_say_where_a_task_is() {
        let id = id_of(7, SHARDS - 1, SHARD_MAX - 1);
        assert_eq!(place_of(id), (SHARDS - 1, SHARD_MAX - 1));
        assert_eq!(place_of(id_of(u64::MAX >> 21, 3, 5)), (3, 5));
    }
}
