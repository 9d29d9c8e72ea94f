//! Figures that nobody counts as they change: they are read before somebody looks.

use std::fmt;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, PoisonError, Weak};

type Reading = dyn Fn() + Send + Sync;

static READINGS: Mutex<Vec<Weak<Reading>>> = Mutex::new(Vec::new());

/// Has figures read until it is dropped; see [`sample`].
#[must_use = "nothing is read once this is dropped"]
pub struct Sampled(#[expect(dead_code, reason = "held, so that it is read")] Arc<Reading>);

/// Has `read` called every few seconds and before each scrape, to set gauges to what
/// they show: the depth of a queue, the age of what waits longest.
///
/// It is called on the thread that answers probes and must not wait. It may be called
/// once more while the guard is being dropped. If it panics, the hook says so each
/// time, and the figures of others are read none the less.
pub fn sample(read: impl Fn() + Send + Sync + 'static) -> Sampled {
    let reading: Arc<Reading> = Arc::new(read);
    let mut readings = READINGS.lock().unwrap_or_else(PoisonError::into_inner);
    // Those whose owners are gone make room, so that there are never many.
    readings.retain(|reading| reading.strong_count() > 0);
    readings.push(Arc::downgrade(&reading));
    drop(readings);
    Sampled(reading)
}

/// Reads all figures now.
pub fn read_samples() {
    let readings = {
        let readings = READINGS.lock().unwrap_or_else(PoisonError::into_inner);
        readings.clone()
    };
    let readings = readings.iter().filter_map(Weak::upgrade);
    for reading in readings {
        // The hook has said what and where.
        let _panicked = std::panic::catch_unwind(AssertUnwindSafe(|| reading()));
    }
}

impl fmt::Debug for Sampled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sampled").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};

    #[test]
    fn one_that_panics_keeps_no_other_from_being_read() {
        let count = Arc::new(AtomicUsize::new(0));
        let counting = Arc::clone(&count);
        let _broken = sample(|| std::panic::resume_unwind(Box::new("a reading of the test")));
        let _after = sample(move || {
            counting.fetch_add(1, Ordering::Relaxed);
        });
        read_samples();
        assert!(count.load(Ordering::Relaxed) >= 1);
    }

    #[test]
    fn what_is_dropped_is_read_no_more_and_leaves_nothing() {
        let count = Arc::new(AtomicUsize::new(0));
        let counting = Arc::clone(&count);
        let sampled = sample(move || {
            counting.fetch_add(1, Ordering::Relaxed);
        });
        read_samples();
        let before = count.load(Ordering::Relaxed);
        assert!(before >= 1);
        drop(sampled);
        read_samples();
        assert_eq!(count.load(Ordering::Relaxed), before);
        for _ in 0..100 {
            drop(sample(|| {}));
        }
        let kept = READINGS.lock().unwrap().len();
        assert!(kept < 50, "{kept}");
    }
}
