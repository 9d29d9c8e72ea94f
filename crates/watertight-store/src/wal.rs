//! When to move the write-ahead log into the database.

use std::time::{Duration, Instant};

/// What to do about the log now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Checkpoint {
    /// Nothing.
    No,
    /// Move what readers allow, wait for nobody.
    Passive,
    /// Wait for readers, move everything and cut the file.
    Truncate,
}

/// Decides; knows no file and no clock.
///
/// Passive at a quarter of the bound: cheap, and once it has caught up with no
/// reader in the way the next commit starts the log anew. Truncate above the
/// bound, which a reader can delay by its deadline at most; tries are spaced,
/// since each may wait. At twice the bound, nothing is written.
#[derive(Debug)]
pub(crate) struct Policy {
    bytes_max: u64,
    last_passive_bytes: u64,
    not_before: Option<Instant>,
}

/// Time between two tries to truncate.
const TRUNCATE_EVERY: Duration = Duration::from_secs(1);

impl Policy {
    pub(crate) fn new(bytes_max: u64) -> Self {
        Self {
            bytes_max,
            last_passive_bytes: 0,
            not_before: None,
        }
    }

    /// After a commit.
    pub(crate) fn after_commit(&mut self, log_bytes: u64, now: Instant) -> Checkpoint {
        if log_bytes < self.last_passive_bytes {
            // The log has started anew.
            self.last_passive_bytes = 0;
        }
        if log_bytes > self.bytes_max && self.not_before.is_none_or(|at| now >= at) {
            self.not_before = Some(now + TRUNCATE_EVERY);
            self.last_passive_bytes = log_bytes;
            return Checkpoint::Truncate;
        }
        if log_bytes - self.last_passive_bytes > self.bytes_max / 4 {
            self.last_passive_bytes = log_bytes;
            return Checkpoint::Passive;
        }
        Checkpoint::No
    }

    /// When nothing has come for a while.
    pub(crate) fn when_idle(&self, log_bytes: u64) -> Checkpoint {
        if log_bytes == 0 {
            Checkpoint::No
        } else {
            Checkpoint::Truncate
        }
    }

    /// Whether the log has outgrown its bound so far that writing must stop.
    pub(crate) fn must_refuse(&self, log_bytes: u64) -> bool {
        log_bytes > self.bytes_max.saturating_mul(2)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const MIB: u64 = 1 << 20;

    #[test]
    fn passive_each_quarter_then_truncate() {
        let now = Instant::now();
        let mut policy = Policy::new(64 * MIB);
        assert_eq!(policy.after_commit(MIB, now), Checkpoint::No);
        assert_eq!(policy.after_commit(17 * MIB, now), Checkpoint::Passive);
        assert_eq!(policy.after_commit(18 * MIB, now), Checkpoint::No);
        assert_eq!(
            policy.after_commit(MIB, now),
            Checkpoint::No,
            "started anew"
        );
        assert_eq!(policy.after_commit(65 * MIB, now), Checkpoint::Truncate);
        assert_eq!(policy.after_commit(66 * MIB, now), Checkpoint::No, "spaced");
        let later = now + TRUNCATE_EVERY;
        assert_eq!(policy.after_commit(66 * MIB, later), Checkpoint::Truncate);
        assert!(!policy.must_refuse(128 * MIB));
        assert!(policy.must_refuse(128 * MIB + 1));
    }

    proptest! {
        /// Whatever the sizes, a log above the bound is truncated within one spacing.
        #[test]
        fn above_the_bound_it_always_truncates_in_time(
            sizes in prop::collection::vec(0..200 * MIB, 1..50),
        ) {
            let mut now = Instant::now();
            let mut policy = Policy::new(64 * MIB);
            for bytes in sizes {
                now += TRUNCATE_EVERY;
                let decision = policy.after_commit(bytes, now);
                prop_assert_eq!(decision == Checkpoint::Truncate, bytes > 64 * MIB);
            }
        }
    }
}
