//! Where tasks are spawned: one place in the code, with the history of its tasks.

use crate::ticks;
use std::cell::Cell;
use std::collections::HashMap;
use std::fmt;
use std::panic::Location;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{LazyLock, Mutex, OnceLock, PoisonError};
use std::time::Duration;

/// Places that have a history of their own; all beyond share one.
const SITES_MAX: usize = 4096;
/// Places that a thread remembers, to find them without a lock.
const REMEMBERED: usize = 64;
/// Waits shorter than this say nothing about being stuck.
const WAIT_MIN: Duration = Duration::from_millis(1);
/// Classes of waits: from 1 ms, each twice as long as the one before.
const CLASSES: usize = 32;

/// A name and the place in the code that gave it to a task.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct SpawnSite {
    /// The name of the tasks.
    pub name: &'static str,
    /// Where they are spawned.
    pub location: &'static Location<'static>,
}

impl SpawnSite {
    /// Whether it is the same, as far as can be seen without reading it.
    fn is(self, other: Self) -> bool {
        std::ptr::eq(self.location, other.location) && std::ptr::eq(self.name, other.name)
    }
}

impl fmt::Display for SpawnSite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, location } = self;
        write!(f, "{name} ({}:{})", location.file(), location.line())
    }
}

impl fmt::Debug for SpawnSite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

/// A spawn site and what its tasks have done so far.
#[derive(Debug)]
pub(crate) struct Site {
    pub(crate) place: SpawnSite,
    /// Polls of tasks that have ended, but for the first of each: before each of
    /// them was a wait.
    polls: AtomicU64,
    /// Waits of at least a millisecond that came to an end, by their length.
    waits: [AtomicU32; CLASSES],
}

/// All sites, in the order they came: memory that is never touched is never taken,
/// and what is static is shared by all workers without counting who uses it.
static SITES: [OnceLock<Site>; SITES_MAX] = [const { OnceLock::new() }; SITES_MAX];
static KNOWN: LazyLock<Mutex<HashMap<SpawnSite, &'static Site>>> = LazyLock::new(Mutex::default);
static OTHER: LazyLock<Site> = LazyLock::new(|| {
    Site::new(SpawnSite {
        name: "other",
        location: Location::caller(),
    })
});
static WAIT_MIN_TICKS: LazyLock<u64> = LazyLock::new(|| ticks::ticks(WAIT_MIN));

/// A place as it was asked for, and its site: the compiler may have the same place
/// more than once, at different addresses.
type Near = Cell<Option<(SpawnSite, &'static Site)>>;

thread_local! {
    static NEAR: [Near; REMEMBERED] = const { [const { Cell::new(None) }; REMEMBERED] };
}

impl Site {
    fn new(place: SpawnSite) -> Self {
        Self {
            place,
            polls: AtomicU64::new(0),
            waits: [const { AtomicU32::new(0) }; CLASSES],
        }
    }

    /// The site of a place: made at the first call.
    ///
    /// # Limits
    ///
    /// 4,096 sites; whatever comes after them is called "other".
    pub(crate) fn of(name: &'static str, location: &'static Location<'static>) -> &'static Self {
        let place = SpawnSite { name, location };
        let slot = std::ptr::from_ref(location).addr() / align_of::<Location<'_>>() % REMEMBERED;
        NEAR.with(|near| {
            if let Some((asked, site)) = near[slot].get()
                && asked.is(place)
            {
                return site;
            }
            let site = Self::look_up(place);
            near[slot].set(Some((place, site)));
            site
        })
    }

    fn look_up(place: SpawnSite) -> &'static Self {
        let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(site) = known.get(&place) {
            return site;
        }
        let Some(free) = SITES.get(known.len()) else {
            return &OTHER;
        };
        let site = free.get_or_init(|| Self::new(place));
        known.insert(place, site);
        site
    }

    /// A task went on after having been parked for so many ticks.
    #[inline]
    pub(crate) fn waited(&self, ticks: u64) {
        if ticks >= *WAIT_MIN_TICKS {
            self.waited_long(ticks);
        }
    }

    /// Out of the way of the many waits that are short.
    #[cold]
    fn waited_long(&self, ticks: u64) {
        let times = ticks.checked_div(*WAIT_MIN_TICKS).unwrap_or(ticks);
        let class = times.checked_ilog2().unwrap_or(0) as usize;
        self.waits[class.min(CLASSES - 1)].fetch_add(1, Ordering::Relaxed);
    }

    /// A task has ended after so many polls.
    pub(crate) fn ended(&self, polls: u64) {
        // Many never wait, and say nothing about waits.
        if polls > 1 {
            self.polls.fetch_add(polls - 1, Ordering::Relaxed);
        }
    }

    /// How many waits were seen to end, and the length that 99 of 100 did not
    /// exceed (rounded up to a power of two of milliseconds). Those shorter than
    /// a millisecond are known only from tasks that have ended: counting them as
    /// they come would have all workers write to one place in each poll.
    pub(crate) fn history(&self) -> (u64, Duration) {
        let counts = self
            .waits
            .each_ref()
            .map(|count| u64::from(count.load(Ordering::Relaxed)));
        let long: u64 = counts.iter().sum();
        let total = self.polls.load(Ordering::Relaxed).max(long);
        let mut seen = total - long;
        if seen * 100 >= total * 99 {
            return (total, WAIT_MIN);
        }
        let mut usual = WAIT_MIN;
        for count in counts {
            seen += count;
            usual = usual.saturating_mul(2);
            if seen * 100 >= total * 99 {
                break;
            }
        }
        (total, usual)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_has_one_site_and_two_names_have_two() {
        let here = Location::caller();
        let site = Site::of("one", here);
        assert!(std::ptr::eq(site, Site::of("one", here)));
        assert!(!std::ptr::eq(site, Site::of("two", here)));
        assert!(std::ptr::eq(site, Site::look_up(site.place)));
        assert!(
            site.place.to_string().starts_with("one ("),
            "{}",
            site.place
        );
    }

    #[test]
    fn the_history_knows_what_nearly_all_waits_kept_to() {
        let site = Site::new(SpawnSite {
            name: "waits",
            location: Location::caller(),
        });
        assert_eq!(site.history(), (0, WAIT_MIN));
        site.waited(ticks::ticks(Duration::from_micros(900)));
        assert_eq!(site.history().0, 0);
        for _ in 0..99 {
            site.waited(ticks::ticks(Duration::from_millis(12)));
        }
        site.waited(ticks::ticks(Duration::from_secs(100)));
        assert_eq!(site.history(), (100, Duration::from_millis(16)));
        site.waited(u64::MAX);
        assert_eq!(site.history().0, 101);
        site.ended(1);
        site.ended(100_001);
        assert_eq!(site.history(), (100_000, WAIT_MIN));
    }
}
