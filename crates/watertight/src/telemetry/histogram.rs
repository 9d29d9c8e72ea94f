//! A histogram of fixed size.

use metrics::HistogramFn;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

/// Parts that a histogram's numbers are counted in, so that two workers seldom
/// write to the same cache line for each request.
const STRIPES: usize = 4;
/// Numbers that fill a cache line, and the one that is fetched with it.
const LINE: usize = 128 / size_of::<AtomicU64>();

thread_local! {
    static STRIPE: usize = {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        NEXT.fetch_add(1, Ordering::Relaxed) % STRIPES
    };
}

/// Counts by bucket, and their sum.
///
/// # Limits
///
/// For each stripe as many numbers as bounds and two more, rounded up to whole lines,
/// whatever is recorded: a value is added when it comes. Libraries that keep the values until somebody asks for
/// them grow by each of them where nobody does (67 → 702 MiB in metrics#467).
#[derive(Debug)]
pub(super) struct Buckets {
    bounds: &'static [f64],
    /// For each stripe the sum, one for each bound, and one for what is above all of
    /// them; not cumulative.
    numbers: Box<[AtomicU64]>,
}

/// What a histogram had at one moment.
pub(super) struct Snapshot<'a> {
    /// Upper bound and how many were at most that, ascending; +Inf isn't among them.
    pub(super) below: Vec<(&'a f64, u64)>,
    pub(super) count: u64,
    pub(super) sum: f64,
}

impl Buckets {
    pub(super) fn new(bounds: &'static [f64]) -> Self {
        let numbers = STRIPES * Self::stride(bounds);
        Self {
            bounds,
            numbers: (0..numbers).map(|_| AtomicU64::new(0)).collect(),
        }
    }

    fn stride(bounds: &[f64]) -> usize {
        (bounds.len() + 2).next_multiple_of(LINE)
    }

    /// The sum of one stripe, and its counts.
    fn stripe(&self, stripe: usize) -> (&AtomicU64, &[AtomicU64]) {
        let first = stripe * Self::stride(self.bounds);
        let counts = first + 1..first + self.bounds.len() + 2;
        (&self.numbers[first], &self.numbers[counts])
    }

    fn add(&self, value: f64, times: u64) {
        // While a thread ends it has no number; any will do.
        let own = STRIPE.try_with(|stripe| *stripe).unwrap_or_default();
        let (sum, counts) = self.stripe(own);
        // Prometheus' bounds are inclusive. What is no number is above all.
        let slot = self
            .bounds
            .partition_point(|bound| value > *bound || value.is_nan());
        counts[slot].fetch_add(times, Ordering::Relaxed);
        let more = |sum: u64| Some((f64::from_bits(sum) + value * times as f64).to_bits());
        let (set, fetch) = (Ordering::Relaxed, Ordering::Relaxed);
        // Never fails: the closure always has a value.
        let _before = sum.fetch_update(set, fetch, more);
    }

    pub(super) fn snapshot(&self) -> Snapshot<'_> {
        // Each number is read once, so that the count is the buckets', whoever counts meanwhile.
        let (mut count, mut sum) = (0, 0.0);
        let mut below = Vec::with_capacity(self.bounds.len());
        for slot in 0..=self.bounds.len() {
            count += (0..STRIPES)
                .map(|stripe| self.stripe(stripe).1[slot].load(Ordering::Relaxed))
                .sum::<u64>();
            if let Some(bound) = self.bounds.get(slot) {
                below.push((bound, count));
            }
        }
        for stripe in 0..STRIPES {
            sum += f64::from_bits(self.stripe(stripe).0.load(Ordering::Relaxed));
        }
        Snapshot { below, count, sum }
    }
}

impl HistogramFn for Buckets {
    fn record(&self, value: f64) {
        self.add(value, 1);
    }

    fn record_many(&self, value: f64, count: usize) {
        self.add(value, u64::try_from(count).unwrap_or(u64::MAX));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn below(buckets: &Buckets) -> Vec<u64> {
        let snapshot = buckets.snapshot();
        snapshot.below.iter().map(|(_, count)| *count).collect()
    }

    #[test]
    fn bounds_are_inclusive_and_what_is_no_number_is_above_all() {
        let buckets = Buckets::new(&[1.0, 2.0]);
        for value in [-1.0, 1.0, 1.5, 2.0, 2.5] {
            buckets.record(value);
        }
        buckets.record_many(1.0, 3);
        assert_eq!(below(&buckets), [5, 7]);
        let snapshot = buckets.snapshot();
        assert_eq!((snapshot.count, snapshot.sum), (8, 9.0));
        buckets.record(f64::NAN);
        assert_eq!((below(&buckets), buckets.snapshot().count), (vec![5, 7], 9));
    }

    #[test]
    fn no_value_is_lost_between_threads() {
        let buckets = Buckets::new(&[1.0, 2.0]);
        std::thread::scope(|threads| {
            for _ in 0..4 {
                threads.spawn(|| (0..10_000).for_each(|i| buckets.record(f64::from(i % 3))));
            }
        });
        let snapshot = buckets.snapshot();
        assert_eq!(snapshot.count, 40_000);
        assert!(
            (snapshot.sum - 4.0 * 9_999.0).abs() < 1.0,
            "{}",
            snapshot.sum
        );
        assert_eq!(below(&buckets), [4 * 6_667, 40_000]);
    }

    #[test]
    fn a_million_values_that_nobody_asks_for_take_no_memory() {
        let histogram = metrics::Histogram::from_arc(std::sync::Arc::new(Buckets::new(
            watertight_core::catalogue::LATENCY,
        )));
        testkit::assert_no_leaks(1_000, async || {
            (0..1_000).for_each(|i| histogram.record(f64::from(i) / 100.0));
        });
    }

    proptest! {
        #[test]
        fn each_value_is_in_all_buckets_that_it_fits(values in prop::collection::vec(-1.0..100.0, 0..50)) {
            let bounds: &'static [f64] = &[0.5, 1.0, 10.0, 50.0];
            let buckets = Buckets::new(bounds);
            values.iter().for_each(|value| buckets.record(*value));
            let expected: Vec<u64> = bounds
                .iter()
                .map(|bound| values.iter().filter(|value| *value <= bound).count() as u64)
                .collect();
            prop_assert_eq!(below(&buckets), expected);
            prop_assert_eq!(buckets.snapshot().count, values.len() as u64);
        }
    }
}
