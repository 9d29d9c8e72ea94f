//! Looks through all tasks for those that should not be there.

use super::{Cursor, Live, OWN_REFERENCES, Registry, TaskView};
use crate::task::TaskState;
use std::sync::atomic::{AtomicBool, Ordering};
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
    cursor: Cursor,
    found: Found,
}

impl Warden {
    /// Looks at the next part of the tasks, 4,096 at most; tells what was found
    /// once the last part is done.
    pub fn step(&mut self) -> Option<Found> {
        let found = &mut self.found;
        let done = Registry::global().step(&mut self.cursor, |live| found.look_at(live));
        done.then(|| std::mem::take(found))
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
    fn look_at(&mut self, live: &Live) {
        self.live += 1;
        if is_straggler(live) {
            self.stragglers += 1;
            tell(&mut self.new_stragglers, live, &live.entry.told_straggler);
        } else if is_dead(live) {
            self.dead += 1;
            tell(&mut self.newly_dead, live, &live.entry.told_dead);
        } else if is_suspect(live) {
            self.suspects += 1;
        }
    }
}

fn tell(list: &mut Vec<TaskView>, live: &Live, told: &AtomicBool) {
    if list.len() < TOLD_MAX && !told.swap(true, Ordering::Relaxed) {
        list.push(TaskView::of(&live.entry, &live.scope));
    }
}

/// Still there though its scope was cancelled a while ago.
pub(super) fn is_straggler(live: &Live) -> bool {
    let cancelled = live.scope.cancelled_for();
    cancelled.is_some_and(|ago| ago >= STRAGGLER_AFTER) && !live.entry.is_unbegun()
}

/// Proved: it can never run again.
pub(super) fn is_dead(live: &Live) -> bool {
    // A cancelled one is about to be dropped.
    !live.scope.is_cancelled() && live.entry.is_dead(OWN_REFERENCES)
}

/// Not proved, but odd.
pub(super) fn is_suspect(live: &Live) -> bool {
    let entry = &live.entry;
    entry.kind.is_polled()
        && entry.state() == TaskState::Parked
        && is_odd(entry.last().elapsed(), || entry.site.history())
}

/// Whether being parked that long is odd, where so many waits have come to an
/// end and 99 of 100 of them didn't last longer than the other number.
fn is_odd(parked: Duration, history: impl FnOnce() -> (u64, Duration)) -> bool {
    parked >= SUSPECT_AFTER && {
        let (waits, usual) = history();
        waits >= SUSPECT_HISTORY && parked > usual.saturating_mul(SUSPECT_TIMES)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Scope;
    use crate::task::{Entry, Kind, Site};
    use crate::ticks::{Ticks, ticks};
    use std::panic::Location;
    use std::sync::Arc;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn a_wait_is_odd_beside_those_before_it() {
        let odd = |parked: u32, waits, usual: u32| {
            let history = (waits, SECOND * usual);
            is_odd(SECOND * parked, || history)
        };
        assert!(odd(31, 20, 3));
        assert!(!odd(29, 20, 1), "too short to look at");
        assert!(!odd(31, 19, 1), "no history");
        assert!(!odd(31, 1_000, 4), "not ten times as long");
        assert!(!odd(u32::MAX, 1_000, u32::MAX));
    }

    /// A task that was polled once, and then parked so long.
    fn parked_for(kind: Kind, site: &'static Site, parked: Duration) -> Live {
        let entry = Entry::new(1, kind, site);
        entry.begin(Ticks::now());
        let then = Ticks::now().0.saturating_sub(ticks(parked));
        entry.spent(Ticks(then));
        assert!(!entry.sched.end());
        Live {
            entry: Arc::new(entry),
            scope: Scope::root("test"),
        }
    }

    #[test]
    fn a_suspect_is_parked_far_longer_than_others_of_its_site() {
        let site = Site::of("suspects", Location::caller());
        let parked = |parked| parked_for(Kind::Work, site, parked);
        assert!(!is_suspect(&parked(SECOND * 40)), "the first of its site");
        for _ in 0..SUSPECT_HISTORY {
            site.waited(ticks(SECOND));
        }
        assert!(is_suspect(&parked(SECOND * 40)));
        assert!(!is_suspect(&parked(SECOND * 19)));
        let blocking = parked_for(Kind::Blocking, site, SECOND * 40);
        assert!(!is_suspect(&blocking), "a closure is never parked");
        let woken = parked(SECOND * 40);
        assert!(woken.entry.sched.wake());
        assert!(!is_suspect(&woken), "it waits for a worker");
    }
}
