//! jemalloc: its figures, and how it is made to give empty pages back.

use super::{Asked, Held};
use std::sync::{Mutex, PoisonError};
use tikv_jemalloc_ctl::{Access, AsName, Result, arenas as all, epoch, stats};
use tikv_jemallocator::Jemalloc;

#[global_allocator]
static ALLOCATOR: Jemalloc = Jemalloc;

/// 4096 is `MALLCTL_ARENAS_ALL`: the sum over all arenas.
const ALL_ARENAS_KEPT: &str = "stats.arenas.4096.tcache_bytes\0";

/// Two purges of one arena must not take the other's 0 for the setting to
/// come back to.
static PURGE: Mutex<()> = Mutex::new(());

/// What the allocator has at this moment.
pub(crate) fn held() -> Option<Held> {
    let read = || -> Result<Held> {
        // Its figures are those of the last epoch.
        epoch::advance()?;
        let allocated: usize = stats::allocated::read()?;
        Ok(Held {
            allocated: allocated.saturating_sub(kept_by_threads()),
            active: stats::active::read()?,
            resident: stats::resident::read()?,
            mapped: stats::mapped::read()?,
            retained: stats::retained::read()?,
            metadata: stats::metadata::read()?,
        })
    };
    read().ok()
}

/// Freed objects that threads keep for their next allocations. jemalloc counts
/// them as allocated, though the program has given them back: some hundred KiB
/// that depend on which thread freed last.
fn kept_by_threads() -> usize {
    ALL_ARENAS_KEPT.name().read().unwrap_or(0)
}

/// All arenas together, in names of figures (`MALLCTL_ARENAS_ALL`).
const ALL: u32 = 4096;

/// What was asked for since the start, by the figures of the last [`held`]: each
/// class of sizes counts how often it was asked for.
///
/// A thread takes small objects from a cache of its own and reports to its arena when
/// that is looked through, so the newest are missing.
pub(crate) fn asked() -> Option<Asked> {
    let classes = |of: &str, counts: &str, count: u32| -> Result<Asked> {
        let mut asked = Asked::default();
        for class in 0..count {
            let requests = format!("stats.arenas.{ALL}.{counts}.{class}.nrequests\0");
            let requests: u64 = requests.name().read()?;
            let size: usize = format!("arenas.{of}.{class}.size\0").name().read()?;
            asked.requests += requests;
            asked.bytes += requests * size as u64;
        }
        Ok(asked)
    };
    let all = || -> Result<Asked> {
        let small = classes("bin", "bins", "arenas.nbins\0".name().read()?)?;
        let large = classes("lextent", "lextents", "arenas.nlextents\0".name().read()?)?;
        Ok(Asked {
            requests: small.requests + large.requests,
            bytes: small.bytes + large.bytes,
        })
    };
    all().ok()
}

/// How many arenas there are.
pub(crate) fn arenas() -> u32 {
    all::narenas::read().unwrap_or(0)
}

/// Gives the empty pages of one arena back to the system.
///
/// `arena.<i>.purge` takes no value, and to call that is unsafe. To set the time
/// after which empty pages go to 0 does the same: jemalloc gives back at once
/// what is older. Then the time is set back.
pub(crate) fn purge(arena: u32) {
    let _one_at_a_time = PURGE.lock().unwrap_or_else(PoisonError::into_inner);
    for pages in ["dirty", "muzzy"] {
        let name = format!("arena.{arena}.{pages}_decay_ms\0");
        let after: Result<isize> = name.name().update(0);
        // An arena that no thread uses has no setting.
        let Ok(after) = after else { continue };
        if let Err(error) = name.name().write(after) {
            tracing::error!(arena, %error, "the allocator has lost its setting");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_asked_for_is_counted_also_when_it_was_freed() {
        let figures = || {
            held().unwrap();
            asked().unwrap()
        };
        let before = figures();
        for _ in 0..100 {
            // Too large for any cache of a thread.
            std::hint::black_box(vec![1_u8; 1 << 20]);
        }
        let after = figures();
        assert!(
            after.bytes >= before.bytes + (100 << 20),
            "{before:?} {after:?}"
        );
        assert!(
            after.requests >= before.requests + 100,
            "{before:?} {after:?}"
        );
        let now = held().unwrap();
        assert!(now.metadata > 0 && now.mapped >= now.active, "{now:?}");
    }

    #[test]
    fn a_purge_gives_back_what_was_freed_and_leaves_the_settings() {
        let decay = || -> isize { "arena.0.dirty_decay_ms\0".name().read().unwrap() };
        let before = decay();
        let large = vec![1_u8; 64 << 20];
        let with = held().unwrap();
        assert!(with.allocated >= large.len() && with.resident >= large.len());
        assert!(with.active >= with.allocated);
        drop(large);
        (0..arenas()).for_each(purge);
        let without = held().unwrap();
        // Other tests allocate meanwhile, but not as much.
        assert!(
            without.resident + (32 << 20) < with.resident,
            "{with:?} {without:?}"
        );
        assert_eq!(decay(), before);
    }
}
