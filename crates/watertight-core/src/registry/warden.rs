//! Looks through all tasks for those that should not be there.

use super::{OWN_REFERENCES, Registry, SHARDS, TaskView};
use crate::task::{Entry, TaskState};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// What a cancelled task has to go, before it is called a straggler: it goes at
/// its next await.
const STRAGGLER_AFTER: Duration = Duration::from_secs(1);

/// A task that is parked for this many times as long as 99 of 100 waits at its
/// spawn site lasted is a suspect.
const SUSPECT_TIMES: u32 = 10;
/// Below this nobody is a suspect.
const SUSPECT_AFTER: Duration = Duration::from_secs(30);
/// With fewer waits than this a site has no history.
const SUSPECT_HISTORY: u64 = 20;

/// Tasks of one kind that are told by name in one look; the rest is counted.
const TOLD_MAX: usize = 32;

/// What one look through all tasks has found.
#[derive(Clone, Debug, Default)]
pub struct Found {
    /// Live tasks.
    pub live: usize,
    /// Those that can never run again.
    pub dead: usize,
    /// Those parked for far longer than others of their spawn site.
    pub suspects: usize,
    /// Those still there a second after their scope was cancelled.
    pub stragglers: usize,
    /// The dead that were not told before, at most 32.
    pub newly_dead: Vec<TaskView>,
    /// The stragglers that were not told before, at most 32.
    pub new_stragglers: Vec<TaskView>,
}

/// Goes through the registry in steps, so that nobody waits for it for long.
///
/// # Examples
///
/// ```
/// use watertight_core::Warden;
///
/// let found = Warden::default().look();
/// assert!(found.dead <= found.live);
/// ```
#[derive(Debug, Default)]
pub struct Warden {
    shard: usize,
    found: Found,
}

impl Warden {
    /// Looks at the next part of the tasks; tells what was found once the last
    /// part is done.
    pub fn step(&mut self) -> Option<Found> {
        let found = &mut self.found;
        Registry::global().each_of(self.shard, |entry| found.look_at(entry));
        self.shard = (self.shard + 1) % SHARDS;
        (self.shard == 0).then(|| std::mem::take(found))
    }

    /// Looks at all tasks.
    pub fn look(&mut self) -> Found {
        loop {
            if let Some(found) = self.step() {
                return found;
            }
        }
    }
}

impl Found {
    fn look_at(&mut self, entry: &Arc<Entry>) {
        self.live += 1;
        if is_straggler(entry) {
            self.stragglers += 1;
            tell(&mut self.new_stragglers, entry, &entry.told_straggler);
        } else if is_dead(entry) {
            self.dead += 1;
            tell(&mut self.newly_dead, entry, &entry.told_dead);
        } else if is_suspect(entry) {
            self.suspects += 1;
        }
    }
}

fn tell(list: &mut Vec<TaskView>, entry: &Entry, told: &std::sync::atomic::AtomicBool) {
    if list.len() < TOLD_MAX && !told.swap(true, Ordering::Relaxed) {
        list.push(TaskView::of(entry));
    }
}

/// Still there though its scope was cancelled a while ago.
pub(super) fn is_straggler(entry: &Entry) -> bool {
    let cancelled = entry.scope.cancelled_for();
    cancelled.is_some_and(|ago| ago >= STRAGGLER_AFTER)
}

/// Proved: it can never run again.
pub(super) fn is_dead(entry: &Arc<Entry>) -> bool {
    // A cancelled one is about to be dropped.
    !entry.scope.is_cancelled() && entry.is_dead(OWN_REFERENCES)
}

/// Not proved, but odd.
pub(super) fn is_suspect(entry: &Entry) -> bool {
    if !entry.kind.is_polled() || entry.state() != TaskState::Parked {
        return false;
    }
    let parked = entry.last().elapsed();
    if parked < SUSPECT_AFTER {
        return false;
    }
    let (waits, usual) = entry.site.history();
    waits >= SUSPECT_HISTORY && parked > usual * SUSPECT_TIMES
}
