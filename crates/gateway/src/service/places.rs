//! Places for what lasts: streams, imports.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Counts who holds a place; how many there are is said each time one is asked
/// for, since that may change while the process runs. With fewer places than
/// are held, those who hold one keep it and nobody gets another.
#[derive(Clone, Debug, Default)]
pub struct Places {
    held: Arc<AtomicUsize>,
}

/// A place; dropped, it is free again.
#[derive(Debug)]
pub struct Place {
    held: Arc<AtomicUsize>,
}

impl Places {
    /// A place, if fewer than `max` are held.
    #[must_use]
    pub fn take(&self, max: usize) -> Option<Place> {
        // Only the count itself is decided upon, so no order with other memory matters.
        let one_more = |held: usize| (held < max).then_some(held + 1);
        let taken = self
            .held
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_more);
        taken.is_ok().then(|| Place {
            held: Arc::clone(&self.held),
        })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.held.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_come_back_and_their_number_may_change() {
        let places = Places::default();
        let first = places.take(2);
        let second = places.take(2);
        assert!(first.is_some() && second.is_some());
        assert!(places.take(2).is_none());
        let third = places.take(3);
        assert!(third.is_some());
        drop((first, third));
        assert!(places.take(1).is_none(), "one is held");
        drop(second);
        assert!(places.take(1).is_some());
    }
}
