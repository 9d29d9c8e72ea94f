//! Places that are taken and given back; how many there are may change.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// A number of places. Nobody waits for one: it is free, or it isn't.
#[derive(Clone, Debug)]
pub(super) struct Places {
    counts: Arc<Counts>,
}

#[derive(Debug)]
struct Counts {
    taken: AtomicUsize,
    max: AtomicUsize,
}

/// A place that is taken, until this is dropped.
#[derive(Debug)]
pub(super) struct Place {
    counts: Arc<Counts>,
}

impl Places {
    pub(super) fn new(max: usize) -> Self {
        Self {
            counts: Arc::new(Counts {
                taken: AtomicUsize::new(0),
                max: AtomicUsize::new(max),
            }),
        }
    }

    /// A place, if one is free.
    pub(super) fn take(&self) -> Option<Place> {
        let (taken, max) = (&self.counts.taken, self.max());
        let one_more = |taken: usize| (taken < max).then(|| taken + 1);
        taken
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, one_more)
            .ok()?;
        Some(Place {
            counts: Arc::clone(&self.counts),
        })
    }

    pub(super) fn max(&self) -> usize {
        self.counts.max.load(Ordering::Acquire)
    }

    /// With fewer than are taken, nobody loses one, and nobody gets one before
    /// enough have been given back.
    pub(super) fn set_max(&self, max: usize) {
        self.counts.max.store(max, Ordering::Release);
    }

    pub(super) fn taken(&self) -> usize {
        self.counts.taken.load(Ordering::Acquire)
    }

    pub(super) fn free(&self) -> usize {
        self.max().saturating_sub(self.taken())
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.counts.taken.fetch_sub(1, Ordering::AcqRel);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fewer_places_take_none_away() {
        let places = Places::new(2);
        let (first, second) = (places.take().unwrap(), places.take().unwrap());
        assert!(places.take().is_none());
        places.set_max(1);
        assert_eq!((places.taken(), places.free()), (2, 0));
        drop(first);
        assert!(places.take().is_none(), "one is still too many");
        drop(second);
        let _third = places.take().unwrap();
        assert!(places.take().is_none());
        places.set_max(3);
        assert_eq!(places.free(), 2);
    }
}
