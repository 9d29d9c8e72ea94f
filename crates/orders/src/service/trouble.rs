//! Troubles that last: said once, not each time they are met.

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use shop_types::OrderId;

/// How many orders with one trouble are remembered.
const TOLD_MAX: usize = 1_024;

/// Orders with a trouble that people must end: told once for each, until the
/// process restarts.
///
/// # Limits
///
/// 1,024. One more is neither told nor remembered.
#[derive(Debug, Default)]
pub(super) struct Told(Mutex<HashSet<OrderId>>);

impl Told {
    /// Remembers an order; false if it was known before or there is no room.
    pub(super) fn add(&self, id: OrderId) -> bool {
        let mut ids = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        ids.len() < TOLD_MAX && ids.insert(id)
    }

    pub(super) fn contains(&self, id: OrderId) -> bool {
        let ids = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        ids.contains(&id)
    }

    pub(super) fn len(&self) -> usize {
        let ids = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        ids.len()
    }
}

/// Whether something that is done again and again fails at the moment.
#[derive(Debug, Default)]
pub(super) struct Failing(AtomicBool);

/// What a run says that the one before didn't.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Change {
    /// It fails now.
    Fails,
    /// It works again.
    Works,
}

impl Failing {
    /// Notes how a run went.
    pub(super) fn note(&self, fails: bool) -> Option<Change> {
        match (self.0.swap(fails, Ordering::AcqRel), fails) {
            (false, true) => Some(Change::Fails),
            (true, false) => Some(Change::Works),
            (false, false) | (true, true) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_changes_are_told() {
        let failing = Failing::default();
        let told = [false, true, true, false, false, true].map(|fails| failing.note(fails));
        let (fails, works) = (Some(Change::Fails), Some(Change::Works));
        assert_eq!(told, [None, fails, None, works, None, fails]);
    }

    #[test]
    fn orders_in_trouble_are_remembered_up_to_the_bound() {
        let told = Told::default();
        assert!(told.add(OrderId::from_bytes([7; 16])));
        assert!(!told.add(OrderId::from_bytes([7; 16])), "known");
        for i in 0..2_000_u128 {
            told.add(OrderId::from_bytes(i.to_be_bytes()));
        }
        assert_eq!(told.len(), TOLD_MAX);
        assert!(told.contains(OrderId::from_bytes([7; 16])));
        assert!(!told.add(OrderId::from_bytes([8; 16])), "full");
    }
}
