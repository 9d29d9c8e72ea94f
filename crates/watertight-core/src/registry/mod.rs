//! All live tasks of the process.
//!
//! Split into shards, so that workers don't wait for each other: a thread
//! enters its tasks in one shard until that is full, and only tasks that end on
//! another thread cross over.

mod census;
mod left;
mod listed;
mod view;
mod warden;
pub(crate) mod worker;

pub use census::{Census, CensusTaker, Group, Query, census};
pub use left::LeftBehind;
pub(crate) use listed::{Busy, Listed};
pub use view::TaskView;
pub use warden::{Found, Warden};
pub use worker::{Stall, stalls};

use crate::Scope;
use crate::task::Entry;
use slab::Slab;
use std::cell::Cell;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

const SHARD_BITS: u32 = 6;
const KEY_BITS: u32 = 15;
const SHARDS: usize = 1 << SHARD_BITS;
const SHARD_MAX: usize = 1 << KEY_BITS;
const SHARD_MASK: u64 = (1 << SHARD_BITS) - 1;
const KEY_MASK: u64 = (1 << KEY_BITS) - 1;

/// Tasks that are listed, at most (2,097,152). Those beyond run all the same
/// and are counted, but can't be shown.
pub const TASKS_LISTED_MAX: usize = SHARDS * SHARD_MAX;

/// What an empty shard may keep for later.
const SPARE: usize = 1024;

/// Places looked at under one lock: whoever spawns waits for so many at most.
const STEP: usize = 4096;

/// The id of all tasks beyond [`TASKS_LISTED_MAX`].
const UNLISTED: u64 = u64::MAX;

/// References to a listed entry that are not wakers which somebody else could
/// use: the registry's, and the task's in its list entry. The waker that the
/// task's future is polled with borrows the latter.
const OWN_REFERENCES: usize = 2;

/// A task in the registry.
///
/// Its scope is here and not in the entry: whoever keeps a waker for ever would
/// keep the scope and all its ancestors, too.
#[derive(Debug)]
pub(crate) struct Live {
    pub(crate) entry: Arc<Entry>,
    pub(crate) scope: Scope,
}

/// Bounded by [`SHARD_MAX`]; what it took at its largest it gives back once it
/// is empty, so one task that stays can hold on to 1 MiB.
///
/// Each is on cache lines of its own: neighbours belong to different workers.
#[derive(Debug)]
#[repr(align(128))]
struct Shard(Mutex<Shelf>);

#[derive(Debug)]
struct Shelf {
    tasks: Slab<Live>,
    /// Tells apart tasks that have had the same place.
    generation: u64,
}

impl Shard {
    const fn new() -> Self {
        Self(Mutex::new(Shelf {
            tasks: Slab::new(),
            generation: 0,
        }))
    }

    fn lock(&self) -> MutexGuard<'_, Shelf> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[derive(Debug)]
pub(crate) struct Registry {
    shards: [Shard; SHARDS],
    /// Beyond [`TASKS_LISTED_MAX`].
    unlisted: AtomicUsize,
    /// Threads that were given a shard.
    threads: AtomicUsize,
}

static REGISTRY: Registry = Registry::new();

/// How far a walk through the registry has come.
#[derive(Clone, Copy, Debug, Default)]
struct Cursor {
    shard: usize,
    key: usize,
}

thread_local! {
    /// The shard that this thread enters its tasks in.
    static SHARD: Cell<Option<usize>> = const { Cell::new(None) };
}

/// Where in the registry the task with this id is.
fn place_of(id: u64) -> (usize, usize) {
    let shard = (id & SHARD_MASK) as usize;
    let key = ((id >> SHARD_BITS) & KEY_MASK) as usize;
    (shard, key)
}

fn id_of(generation: u64, shard: usize, key: usize) -> u64 {
    generation << (SHARD_BITS + KEY_BITS) | (key as u64) << SHARD_BITS | shard as u64
}

impl Registry {
    const fn new() -> Self {
        Self {
            shards: [const { Shard::new() }; SHARDS],
            unlisted: AtomicUsize::new(0),
            threads: AtomicUsize::new(0),
        }
    }

    pub(crate) fn global() -> &'static Self {
        &REGISTRY
    }

    /// Lists a task that `make` makes from its id; without room it is counted only.
    fn enter(&self, scope: &Scope, make: impl FnOnce(u64) -> Entry) -> Arc<Entry> {
        let own = SHARD.get();
        let first = own.unwrap_or_else(|| self.threads.fetch_add(1, Ordering::Relaxed) % SHARDS);
        for shard in (first..first + SHARDS).map(|shard| shard % SHARDS) {
            let mut shelf = self.shards[shard].lock();
            if shelf.tasks.len() < SHARD_MAX {
                if own != Some(shard) {
                    SHARD.set(Some(shard));
                }
                shelf.generation += 1;
                let generation = shelf.generation;
                let free = shelf.tasks.vacant_entry();
                let entry = Arc::new(make(id_of(generation, shard, free.key())));
                free.insert(Live {
                    entry: Arc::clone(&entry),
                    scope: scope.clone(),
                });
                return entry;
            }
        }
        self.unlisted.fetch_add(1, Ordering::Relaxed);
        Arc::new(make(UNLISTED))
    }

    fn leave(&self, id: u64) {
        if id == UNLISTED {
            self.unlisted.fetch_sub(1, Ordering::Relaxed);
            return;
        }
        let (shard, key) = place_of(id);
        let mut shelf = self.shards[shard].lock();
        let gone = shelf.tasks.try_remove(key);
        if shelf.tasks.is_empty() && shelf.tasks.capacity() > SPARE {
            shelf.tasks = Slab::new();
        }
        // Dropping an entry can drop a scope: not under the lock.
        drop(shelf);
        drop(gone);
    }

    /// Whether there are more tasks than can be shown.
    pub(crate) fn has_unlisted(&self) -> bool {
        self.unlisted.load(Ordering::Relaxed) > 0
    }

    /// Calls `f` with the live task of this id.
    fn with<T>(&self, id: u64, f: impl FnOnce(&Live) -> T) -> Option<T> {
        let (shard, key) = place_of(id);
        let shelf = self.shards[shard].lock();
        shelf
            .tasks
            .get(key)
            .filter(|live| live.entry.id == id)
            .map(f)
    }

    /// Calls `f` with each task; a shard is locked meanwhile, so be quick.
    pub(crate) fn each(&self, mut f: impl FnMut(&Live)) {
        let mut cursor = Cursor::default();
        while !self.step(&mut cursor, &mut f) {}
    }

    /// The same with the next part of the tasks; `true` after the last one, and
    /// then the cursor is at the beginning again.
    fn step(&self, cursor: &mut Cursor, f: impl FnMut(&Live)) -> bool {
        let shelf = self.shards[cursor.shard].lock();
        let places = shelf.tasks.capacity();
        let end = places.min(cursor.key + STEP);
        (cursor.key..end)
            .filter_map(|key| shelf.tasks.get(key))
            .for_each(f);
        drop(shelf);
        if end < places {
            cursor.key = end;
            return false;
        }
        *cursor = Cursor {
            shard: (cursor.shard + 1) % SHARDS,
            key: 0,
        };
        cursor.shard == 0
    }

    /// Live tasks, listed or not, blocking closures included.
    fn len(&self) -> usize {
        let listed: usize = self
            .shards
            .iter()
            .map(|shard| shard.lock().tasks.len())
            .sum();
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
    use crate::task::{Kind, Site};
    use std::collections::BTreeSet;
    use std::panic::Location;

    #[test]
    fn ids_say_where_a_task_is() {
        let id = id_of(7, SHARDS - 1, SHARD_MAX - 1);
        assert_eq!(place_of(id), (SHARDS - 1, SHARD_MAX - 1));
        assert_eq!(place_of(id_of(u64::MAX >> 21, 3, 5)), (3, 5));
    }

    /// Enters so many tasks; their ids.
    fn enter(registry: &Registry, tasks: usize) -> Vec<u64> {
        let (scope, site) = (Scope::root("test"), Site::of("burst", Location::caller()));
        let enter = |_| registry.enter(&scope, |id| Entry::new(id, Kind::Work, site));
        (0..tasks).map(|task| enter(task).id).collect()
    }

    /// What the shards keep room for.
    fn places(registry: &Registry) -> usize {
        let places = registry.shards.iter().map(|shard| shard.lock());
        places.map(|shelf| shelf.tasks.capacity()).sum()
    }

    #[test]
    fn a_shard_gives_back_what_a_burst_took_once_it_is_empty() {
        const BURST: usize = 4 * SPARE;
        let registry = Registry::new();
        let ids = enter(&registry, BURST);
        assert!(places(&registry) >= BURST);
        let (stays, go) = (ids[BURST / 2], ids.iter().copied());
        go.filter(|&id| id != stays)
            .for_each(|id| registry.leave(id));
        assert_eq!(registry.len(), 1);
        assert!(registry.with(stays, |_| ()).is_some());
        registry.leave(stays);
        assert_eq!((registry.len(), places(&registry)), (0, 0));

        // What few tasks took is kept for the next few, and no id comes twice.
        let few = enter(&registry, SPARE / 2);
        few.iter().for_each(|&id| registry.leave(id));
        assert!((SPARE / 2..=SPARE).contains(&places(&registry)));
        let all: BTreeSet<u64> = ids.iter().chain(&few).copied().collect();
        assert_eq!(all.len(), BURST + SPARE / 2);
    }

    #[test]
    fn a_burst_beyond_one_shard_goes_to_the_next_and_comes_back_from_it() {
        let registry = Registry::new();
        let ids = enter(&registry, SHARD_MAX + 1);
        let shards: BTreeSet<usize> = ids.iter().map(|&id| place_of(id).0).collect();
        assert_eq!(shards.len(), 2);
        ids.into_iter().for_each(|id| registry.leave(id));
        assert_eq!(registry.len(), 0);
        assert!(places(&registry) <= SPARE);
    }
}
