//! One run of customers against one shop.

use std::{
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use tokio_util::sync::CancellationToken;

use super::{Keeper, Stats};
use crate::{
    check::{JournalError, Shelves, Till},
    shop::Shop,
};

/// What all calls share: connections, memory, counts.
#[derive(Debug)]
pub(crate) struct Session {
    shops: Vec<Shop>,
    turn: AtomicUsize,
    pub(crate) keeper: Keeper,
    stats: Mutex<Stats>,
    /// Cancelled when the load shall stop; what is in flight goes on.
    pub(crate) stop: CancellationToken,
    broken: Mutex<Option<JournalError>>,
    seen: Mutex<Seen>,
}

/// What the shop's keeper saw when it looked last.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Seen {
    /// `None` if stock couldn't be read.
    pub(crate) shelves: Option<Shelves>,
    /// `None` if the provider's ledger couldn't be read.
    pub(crate) till: Option<Till>,
}

impl Session {
    /// A session over one or more sets of connections, used in turn.
    pub(crate) fn new(shops: Vec<Shop>, keeper: Keeper) -> Self {
        Self {
            shops,
            turn: AtomicUsize::new(0),
            keeper,
            stats: Mutex::default(),
            stop: CancellationToken::new(),
            broken: Mutex::default(),
            seen: Mutex::default(),
        }
    }

    /// The next set of connections.
    pub(crate) fn shop(&self) -> &Shop {
        let turn = self.turn.fetch_add(1, Ordering::Relaxed);
        &self.shops[turn % self.shops.len()]
    }

    /// The counts.
    pub(crate) fn stats(&self) -> MutexGuard<'_, Stats> {
        self.stats.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Stops the load for good: without its journal the checker can't go on.
    pub(crate) fn break_off(&self, error: JournalError) {
        self.broken
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get_or_insert(error);
        self.stop.cancel();
    }

    /// Why the load broke off, if it did.
    pub(crate) fn take_broken(&self) -> Option<JournalError> {
        self.broken
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take()
    }

    /// What the keeper saw last.
    pub(crate) fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes the outcome of something the journal has to hold.
    pub(super) fn durable<T>(&self, outcome: Result<T, JournalError>) -> Option<T> {
        outcome.map_err(|error| self.break_off(error)).ok()
    }
}

/// Milliseconds since a call was due.
pub(super) fn since(due: tokio::time::Instant) -> Duration {
    tokio::time::Instant::now().saturating_duration_since(due)
}
