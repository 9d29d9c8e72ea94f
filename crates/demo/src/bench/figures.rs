//! What one run measured, and the spread over several.

use std::collections::BTreeMap;

use serde::Serialize;

/// Values by process; absent where nobody knows.
pub(super) type ByProcess = BTreeMap<&'static str, Option<f64>>;

/// One durable write of 4 KiB.
#[derive(Clone, Copy, Debug, Serialize)]
pub(super) struct Disk {
    pub(super) fsync_p50_ms: f64,
    pub(super) fsync_p99_ms: f64,
}

/// Orders at a rate that doesn't wait.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Steady {
    pub(super) orders_per_s: f64,
    pub(super) p50_ms: Option<f64>,
    pub(super) p99_ms: Option<f64>,
    pub(super) errors: u64,
    pub(super) cpu_us_per_order: ByProcess,
}

/// As many orders as so many customers get through.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Level {
    pub(super) in_flight: usize,
    pub(super) orders_per_s: f64,
    pub(super) p50_ms: Option<f64>,
    pub(super) p99_ms: Option<f64>,
    pub(super) errors: u64,
    pub(super) cpu_us_per_order: ByProcess,
    /// Share of all cores that the shop and its load used.
    pub(super) cpu_share: Option<f64>,
    pub(super) stores: BTreeMap<&'static str, StoreFigures>,
}

/// What a store did for each order.
#[derive(Clone, Copy, Debug, Serialize)]
pub(super) struct StoreFigures {
    pub(super) commands_per_order: f64,
    pub(super) commands_per_commit: f64,
    pub(super) commits_per_s: f64,
    pub(super) commit_ms: f64,
}

/// One run from an empty directory to a verification.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Run {
    pub(super) ready_ms: f64,
    pub(super) idle_rss_mib: ByProcess,
    pub(super) loaded_rss_mib: ByProcess,
    /// Before the shop was started.
    pub(super) disk: Disk,
    /// Beside the steady load, on the same disk.
    pub(super) disk_beside: Disk,
    pub(super) steady: Steady,
    pub(super) levels: Vec<Level>,
    pub(super) orders: u64,
    pub(super) invariants_ok: bool,
    pub(super) violations: BTreeMap<&'static str, u64>,
}

impl Run {
    /// The level with the most orders a second.
    pub(super) fn best(&self) -> Option<&Level> {
        self.levels
            .iter()
            .max_by(|a, b| a.orders_per_s.total_cmp(&b.orders_per_s))
    }

    /// Ten times the disk's p99 and ten milliseconds: what PlaceOrder's p99 at
    /// the steady rate is to stay below.
    pub(super) fn p99_bound_ms(&self) -> f64 {
        crate::report::round(10.0 * self.disk.fsync_p99_ms + 10.0)
    }
}

/// Lowest, middle, highest.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Spread {
    pub(super) min: f64,
    pub(super) median: f64,
    pub(super) max: f64,
}

impl Spread {
    /// Of some values; `None` of none.
    pub(super) fn of(values: impl IntoIterator<Item = f64>) -> Option<Self> {
        let mut values: Vec<_> = values.into_iter().collect();
        values.sort_by(f64::total_cmp);
        let (min, max) = (*values.first()?, *values.last()?);
        let (low, high) = (values[(values.len() - 1) / 2], values[values.len() / 2]);
        Some(Self {
            min,
            median: crate::report::round(f64::midpoint(low, high)),
            max,
        })
    }
}

impl std::fmt::Display for Spread {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} ({} to {})", self.median, self.min, self.max)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_middle_is_in_the_middle() {
        assert_eq!(Spread::of([]), None);
        let odd = Spread::of([3.0, 1.0, 2.0]).unwrap();
        assert_eq!(odd.to_string(), "2 (1 to 3)");
        assert_eq!(Spread::of([4.0, 1.0]).unwrap().median, 2.5);
    }
}
