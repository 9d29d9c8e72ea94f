//! Why work was cancelled, and how important it was.

use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::time::Duration;

use crate::ticks::Ticks;

/// Why a scope was cancelled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CancelReason {
    /// Nobody waits any more: the caller left, or has its answer.
    Client,
    /// The deadline passed.
    Deadline,
    /// The owner ends: the service shuts down, or a job is done with its parts.
    Shutdown,
}

impl CancelReason {
    /// As metrics name it: `client`, `deadline`, `shutdown`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Client => "client",
            Self::Deadline => "deadline",
            Self::Shutdown => "shutdown",
        }
    }
}

/// Which work is refused first when there is too much.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub enum Priority {
    /// May be refused: prefetching, reports.
    Sheddable,
    /// What most requests are.
    #[default]
    Default,
    /// Is refused last: health, payments under way.
    Critical,
}

/// Whether, why and when a scope was cancelled itself; ancestors not counted.
#[derive(Debug, Default)]
pub(super) struct End {
    /// 0: not cancelled.
    reason: AtomicU8,
    at: AtomicU64,
}

impl End {
    /// Notes the end; the first reason stays.
    pub(super) fn set(&self, reason: CancelReason) {
        if self.is_set() {
            return;
        }
        // Before the reason, so that whoever sees the one sees the other.
        self.at.store(Ticks::now().0, Ordering::Relaxed);
        let number = match reason {
            CancelReason::Client => 1,
            CancelReason::Deadline => 2,
            CancelReason::Shutdown => 3,
        };
        let _first = self
            .reason
            .compare_exchange(0, number, Ordering::AcqRel, Ordering::Relaxed);
    }

    #[inline]
    pub(super) fn is_set(&self) -> bool {
        self.reason.load(Ordering::Acquire) != 0
    }

    pub(super) fn reason(&self) -> Option<CancelReason> {
        match self.reason.load(Ordering::Acquire) {
            0 => None,
            1 => Some(CancelReason::Client),
            2 => Some(CancelReason::Deadline),
            _ => Some(CancelReason::Shutdown),
        }
    }

    /// How long ago.
    pub(super) fn ago(&self) -> Option<Duration> {
        self.is_set()
            .then(|| Ticks(self.at.load(Ordering::Relaxed)).elapsed())
    }
}
