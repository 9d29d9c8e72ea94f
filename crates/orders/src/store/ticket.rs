//! Who has the last word on a record: the caller that leaves, or the store.

use std::sync::{
    Arc,
    atomic::{AtomicU8, Ordering},
};

const OPEN: u8 = 0;
const TAKEN: u8 = 1;
const LEFT: u8 = 2;

/// The caller of a record. Dropping it means that nobody waits any more: if the
/// record was not taken before, it never happens.
#[derive(Debug)]
pub struct Caller(Arc<AtomicU8>);

/// Goes with the record to where it becomes durable.
#[derive(Clone, Debug)]
pub struct Ticket(Arc<AtomicU8>);

impl Caller {
    /// A caller that waits, and the ticket for its record.
    #[must_use]
    pub fn new() -> (Self, Ticket) {
        let state = Arc::new(AtomicU8::new(OPEN));
        (Self(Arc::clone(&state)), Ticket(state))
    }
}

impl Ticket {
    /// Takes the record: true unless the caller has left, and then for good.
    /// Called in the step that records, before anything is written.
    #[must_use]
    pub fn take(&self) -> bool {
        settle(&self.0, TAKEN) != LEFT
    }
}

impl Drop for Caller {
    fn drop(&mut self) {
        let _who_was_first = settle(&self.0, LEFT);
    }
}

/// Settles the question if it is open; answers how it is settled.
fn settle(state: &AtomicU8, to: u8) -> u8 {
    match state.compare_exchange(OPEN, to, Ordering::AcqRel, Ordering::Acquire) {
        Ok(_open) => to,
        Err(settled) => settled,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_decides() {
        let (caller, ticket) = Caller::new();
        drop(caller);
        assert!(!ticket.take());

        let (caller, ticket) = Caller::new();
        assert!(ticket.take());
        drop(caller);
        assert!(ticket.take(), "a record that was taken stays taken");
    }
}
