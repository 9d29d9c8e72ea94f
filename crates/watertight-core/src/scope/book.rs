//! The book a scope keeps: how many tasks it has, and how much work is under way.
//!
//! Both are counted in the book of their scope and of every ancestor, so that
//! closing any of them sees them. Which tasks these are, the registry knows.

use crate::task::Kind;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::sync::Notify;
use tokio::sync::futures::Notified;

/// One task; they have the low 32 bits.
const TASK: u64 = 1;
const TASKS: u64 = WORK - 1;
/// One piece of work that closing waits for; they have 31 bits.
const WORK: u64 = 1 << 32;
/// Nothing new is counted any more.
const CLOSED: u64 = 1 << 63;

/// What is counted.
#[derive(Clone, Copy, Debug)]
pub(super) struct Entries(u64);

impl Entries {
    /// Work that is no task: an iteration of a periodic one. The task itself
    /// isn't work, or closing would wait for it for ever.
    pub(super) const WORK: Self = Self(WORK);

    pub(super) fn of(kind: Kind) -> Self {
        Self(if kind.is_waited_for() {
            TASK | WORK
        } else {
            TASK
        })
    }
}

/// One scope's book.
///
/// Both counts and whether it is closed are one word, so that each change sees
/// all changes before it: whoever is counted was counted before the closing, and
/// whoever waits for zero afterwards waits for him.
#[derive(Debug, Default)]
pub(super) struct Book {
    word: AtomicU64,
    /// Told when a count comes to zero while the book is closed.
    zero: Notify,
    /// Told when the book is closed, or its scope cancelled.
    closing: Notify,
}

fn tasks_of(word: u64) -> u64 {
    word & TASKS
}

fn work_of(word: u64) -> u64 {
    (word & !CLOSED) / WORK
}

impl Book {
    /// Counts, unless the book is closed.
    pub(super) fn enter(&self, entries: Entries) -> bool {
        let open = self.word.fetch_add(entries.0, Ordering::AcqRel) & CLOSED == 0;
        if !open {
            self.leave(entries);
        }
        open
    }

    pub(super) fn leave(&self, entries: Entries) {
        let before = self.word.fetch_sub(entries.0, Ordering::AcqRel);
        let after = before - entries.0;
        let ended = |count: fn(u64) -> u64| count(before) > 0 && count(after) == 0;
        if before & CLOSED != 0 && (ended(tasks_of) || ended(work_of)) {
            self.zero.notify_waiters();
        }
    }

    pub(super) fn close(&self) {
        self.word.fetch_or(CLOSED, Ordering::AcqRel);
        self.tell_closing();
    }

    pub(super) fn tell_closing(&self) {
        self.closing.notify_waiters();
    }

    pub(super) fn is_closed(&self) -> bool {
        self.word.load(Ordering::Acquire) & CLOSED != 0
    }

    /// Ends at the next [`Book::tell_closing`] after this call.
    pub(super) fn told_closing(&self) -> Notified<'_> {
        self.closing.notified()
    }

    pub(super) fn tasks(&self) -> usize {
        (self.word.load(Ordering::Acquire) & TASKS) as usize
    }

    /// Waits until no work is under way. The book must be closed.
    pub(super) async fn quiet(&self) {
        self.until_zero(work_of).await;
    }

    /// Waits until every task has left. The book must be closed.
    pub(super) async fn empty(&self) {
        self.until_zero(tasks_of).await;
    }

    async fn until_zero(&self, count: fn(u64) -> u64) {
        loop {
            // Created before the look: a change in between is not missed.
            let zero = self.zero.notified();
            if count(self.word.load(Ordering::Acquire)) == 0 {
                return;
            }
            zero.await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_counts_do_not_touch_each_other() {
        let book = Book::default();
        let (work, idle) = (Entries::of(Kind::Work), Entries::of(Kind::Idle));
        assert!(book.enter(work) && book.enter(idle) && book.enter(Entries::WORK));
        let word = book.word.load(Ordering::Relaxed);
        assert_eq!((tasks_of(word), work_of(word)), (2, 2));
        book.close();
        assert!(!book.enter(work) && book.is_closed());
        assert_eq!(book.tasks(), 2);
        for entries in [work, idle, Entries::WORK] {
            book.leave(entries);
        }
        assert_eq!(book.word.load(Ordering::Relaxed), CLOSED);
    }
}
