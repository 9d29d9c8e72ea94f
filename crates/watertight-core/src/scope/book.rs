//! The book a scope keeps: how many tasks it has, and how much work is under way.
//!
//! Work is counted in the book of its scope and of every ancestor, so that
//! closing any of them sees it. Which tasks these are, the registry knows.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

/// One scope's book.
///
/// Counting first and looking at `closed` second, against closing first and
/// looking at the counts second: one of the two sees the other. Both need the
/// order of `SeqCst`.
#[derive(Debug, Default)]
pub(super) struct Book {
    closed: AtomicBool,
    tasks: AtomicUsize,
    /// Work that has something to finish; periodic tasks count only while an
    /// iteration runs, or closing would wait for them for ever.
    busy: AtomicUsize,
    /// Told when a count comes to zero while the book is closed.
    zero: Notify,
    /// Cancelled when the book is closed.
    closing: CancellationToken,
}

impl Book {
    /// Counts a task, unless the book is closed.
    pub(super) fn enter(&self) -> bool {
        self.add(&self.tasks)
    }

    pub(super) fn leave(&self) {
        self.subtract(&self.tasks);
    }

    /// Counts one piece of work that closing should wait for, unless the book
    /// is closed.
    pub(super) fn begin(&self) -> bool {
        self.add(&self.busy)
    }

    pub(super) fn end(&self) {
        self.subtract(&self.busy);
    }

    fn add(&self, count: &AtomicUsize) -> bool {
        count.fetch_add(1, Ordering::SeqCst);
        let open = !self.is_closed();
        if !open {
            self.subtract(count);
        }
        open
    }

    fn subtract(&self, count: &AtomicUsize) {
        if count.fetch_sub(1, Ordering::SeqCst) == 1 && self.is_closed() {
            self.zero.notify_waiters();
        }
    }

    pub(super) fn close(&self) {
        self.closed.store(true, Ordering::SeqCst);
        self.closing.cancel();
    }

    pub(super) fn is_closed(&self) -> bool {
        self.closed.load(Ordering::SeqCst)
    }

    /// Waits until the book is closed.
    pub(super) async fn closing(&self) {
        self.closing.cancelled().await;
    }

    pub(super) fn tasks(&self) -> usize {
        self.tasks.load(Ordering::SeqCst)
    }

    /// Waits until no work is under way. The book must be closed.
    pub(super) async fn quiet(&self) {
        self.until_zero(&self.busy).await;
    }

    /// Waits until every task has left. The book must be closed.
    pub(super) async fn empty(&self) {
        self.until_zero(&self.tasks).await;
    }

    async fn until_zero(&self, count: &AtomicUsize) {
        loop {
            // Created before the look: a change in between is not missed.
            let zero = self.zero.notified();
            if count.load(Ordering::SeqCst) == 0 {
                return;
            }
            zero.await;
        }
    }
}
