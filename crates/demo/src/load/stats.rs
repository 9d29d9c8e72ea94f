//! How the calls went: counts, latencies, errors by kind.

use std::{collections::BTreeMap, time::Duration};

use hdrhistogram::Histogram;

/// The longest latency that is told apart, in microseconds: two minutes.
const LATENCY_US_MAX: u64 = 120_000_000;

/// Latencies of one kind of call, to three digits.
#[derive(Clone, Debug)]
pub(crate) struct Latency(Histogram<u64>);

impl Default for Latency {
    fn default() -> Self {
        // Fails for bounds that make no sense, and these do.
        let bounded = Histogram::new_with_bounds(1, LATENCY_US_MAX, 3);
        #[expect(clippy::expect_used, reason = "constant bounds, tested below")]
        Self(bounded.expect("constant bounds"))
    }
}

impl Latency {
    fn record(&mut self, latency: Duration) {
        let us = u64::try_from(latency.as_micros()).unwrap_or(u64::MAX);
        self.0.saturating_record(us.max(1));
    }

    /// Milliseconds that a share of the calls stayed below; `None` without
    /// calls.
    pub(crate) fn ms(&self, quantile: f64) -> Option<f64> {
        let us = self.0.value_at_quantile(quantile) as f64;
        (!self.0.is_empty()).then_some((us / 10.0).round() / 100.0)
    }

    /// What half, nine tenths and 99 % of the calls stayed below.
    pub(crate) fn quantiles(&self) -> Quantiles {
        Quantiles([0.5, 0.9, 0.99].map(|quantile| self.ms(quantile)))
    }

    /// Calls that were measured.
    #[cfg(test)]
    fn count(&self) -> u64 {
        self.0.len()
    }
}

/// p50, p90 and p99 in milliseconds; `None` without calls.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Quantiles(pub(crate) [Option<f64>; 3]);

/// Counts and latencies over some time.
///
/// # Limits
///
/// Kinds of errors are names from the code, so there are few.
#[derive(Clone, Debug, Default)]
pub(crate) struct Window {
    /// Calls that were answered, one way or the other.
    pub(crate) calls: u64,
    /// Orders that were acknowledged.
    pub(crate) orders: u64,
    /// PlaceOrder, from when it was due.
    pub(crate) place: Latency,
    /// Reads, from when they were due.
    pub(crate) read: Latency,
    /// Errors by kind.
    pub(crate) errors: BTreeMap<&'static str, u64>,
}

impl Window {
    fn error(&mut self, kind: &'static str) {
        *self.errors.entry(kind).or_default() += 1;
    }

    /// Errors of all kinds.
    pub(crate) fn errors_total(&self) -> u64 {
        self.errors.values().sum()
    }

    /// Adds what happened in another time.
    pub(crate) fn add(&mut self, other: &Self) {
        self.calls += other.calls;
        self.orders += other.orders;
        // Adding fails if the bounds differ, and they don't.
        self.place.0.add(&other.place.0).unwrap_or_default();
        self.read.0.add(&other.read.0).unwrap_or_default();
        for (kind, count) in &other.errors {
            *self.errors.entry(kind).or_default() += count;
        }
    }
}

/// What is being counted now, and everything before.
#[derive(Clone, Debug, Default)]
pub(crate) struct Stats {
    now: Window,
    before: Window,
}

impl Stats {
    /// A PlaceOrder was answered this long after it was due.
    pub(crate) fn place(&mut self, latency: Duration) {
        self.now.calls += 1;
        self.now.place.record(latency);
    }

    /// A read was answered.
    pub(crate) fn read(&mut self, latency: Duration) {
        self.now.calls += 1;
        self.now.read.record(latency);
    }

    /// Another call was answered.
    pub(crate) fn other(&mut self) {
        self.now.calls += 1;
    }

    /// An order was acknowledged for the first time.
    pub(crate) fn order(&mut self) {
        self.now.orders += 1;
    }

    /// Something went wrong.
    pub(crate) fn error(&mut self, kind: &'static str) {
        self.now.error(kind);
    }

    /// What happened since the last time this was asked.
    pub(crate) fn turn(&mut self) -> Window {
        let window = std::mem::take(&mut self.now);
        self.before.add(&window);
        window
    }

    /// What happened before the last [`Stats::turn`].
    pub(crate) const fn before(&self) -> &Window {
        &self.before
    }

    /// What happened in all.
    pub(crate) fn total(&mut self) -> Window {
        self.turn();
        self.before.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_add_up() {
        let mut stats = Stats::default();
        for ms in 1..=100 {
            stats.place(Duration::from_millis(ms));
            stats.order();
        }
        stats.error("unavailable");
        let window = stats.turn();
        assert_eq!(
            (window.calls, window.orders, window.errors_total()),
            (100, 100, 1)
        );
        let p50 = window.place.ms(0.5).unwrap();
        assert!((49.9..50.2).contains(&p50), "{p50}");
        assert_eq!(stats.turn().place.ms(0.5), None);
        stats.read(Duration::from_secs(9_999));
        stats.error("unavailable");
        let total = stats.total();
        assert_eq!(
            (total.calls, total.place.count(), total.read.count()),
            (101, 100, 1)
        );
        assert_eq!(total.errors["unavailable"], 2);
    }
}
