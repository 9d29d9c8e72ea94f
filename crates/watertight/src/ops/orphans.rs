//! Tasks of the runtimes that nobody has registered: there should be none.

use super::runtimes::Runtimes;
use std::sync::{Mutex, PoisonError};
use watertight_core::live_tasks;

/// Readings that are kept: those of the last second.
const READINGS: usize = 20;

/// Compares what the runtimes have with what is registered.
///
/// The two can't be read at the same moment, and a task is entered in one book
/// before the other, and leaves them one after the other. So a single reading
/// may be off by the few tasks that come or go right then. An orphan is in every
/// reading: what counts is the least of many. The price: on a busy process one
/// may stay hidden for a second or two.
///
/// A task that runs on another runtime of the process is registered and not
/// among the runtimes' own, and so would hide an orphan. The chassis has two
/// runtimes; a service that makes a third blinds this count.
#[derive(Debug)]
pub(super) struct Orphans {
    runtimes: Runtimes,
    readings: Mutex<Readings>,
}

#[derive(Debug, Default)]
struct Readings {
    last: [Option<usize>; READINGS],
    next: usize,
}

impl Readings {
    fn add(&mut self, reading: usize) {
        self.last[self.next] = Some(reading);
        self.next = (self.next + 1) % READINGS;
    }

    fn least(&self) -> Option<usize> {
        self.last.iter().flatten().min().copied()
    }
}

impl Orphans {
    pub(super) fn of(runtimes: Runtimes) -> Self {
        Self {
            runtimes,
            readings: Mutex::default(),
        }
    }

    /// Tasks of the runtimes.
    pub(super) fn alive(&self) -> usize {
        self.runtimes.alive()
    }

    fn read(&self) -> usize {
        let before = live_tasks();
        let alive = self.alive();
        alive.saturating_sub(before.max(live_tasks()))
    }

    /// Takes a reading.
    pub(super) fn sample(&self) {
        let reading = self.read();
        let mut readings = self.readings.lock().unwrap_or_else(PoisonError::into_inner);
        readings.add(reading);
    }

    /// What is in every reading of the last second.
    pub(super) fn least(&self) -> usize {
        let now = self.read();
        let readings = self.readings.lock().unwrap_or_else(PoisonError::into_inner);
        readings.least().map_or(now, |least| least.min(now))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_counts_is_in_all_of_the_last_readings() {
        let mut readings = Readings::default();
        assert_eq!(readings.least(), None);
        readings.add(0);
        for _ in 0..READINGS - 1 {
            readings.add(3);
        }
        assert_eq!(readings.least(), Some(0));
        readings.add(4);
        assert_eq!(readings.least(), Some(3));
    }
}
