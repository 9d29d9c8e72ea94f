//! Which traces are kept from their beginning.

use super::TraceId;
use std::time::{Duration, Instant};

/// Bits of a trace id that are random by W3C Trace Context, level 2.
const RANDOM_BITS: u32 = 56;
const RANDOM_MASK: u128 = (1 << RANDOM_BITS) - 1;
/// For so long the number of traces is counted before the share is set anew.
const WINDOW: Duration = Duration::from_secs(1);

/// How many of the traces that begin here are kept.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sampling {
    /// At most this share, 0 to 1.
    pub ratio: f64,
    /// At most so many a second.
    pub per_second: u32,
}

/// The share of traces as the smallest random number that is kept, so that
/// whoever decides by the same rule decides the same for a trace.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Threshold(pub(super) u64);

impl Threshold {
    pub(super) const NOTHING: Self = Self(1 << RANDOM_BITS);

    pub(super) fn of(ratio: f64) -> Self {
        let all = Self::NOTHING.0 as f64;
        let share = if ratio.is_finite() {
            ratio.clamp(0.0, 1.0)
        } else {
            0.0
        };
        #[expect(clippy::cast_possible_truncation, reason = "between 0 and 2^56")]
        Self(((1.0 - share) * all) as u64)
    }

    pub(super) fn keeps(self, trace: TraceId) -> bool {
        let random = (trace.get() & RANDOM_MASK) as u64;
        random >= self.0
    }
}

/// Lowers the share when more traces pass the ratio than may in a second.
///
/// Without that the first ones of each second would be kept and the rest not.
/// A rise of traffic is noticed after a second; until then the number bounds it.
#[derive(Debug)]
pub(super) struct Adaptive {
    ratio: f64,
    per_second: u32,
    threshold: Threshold,
    since: Option<Instant>,
    /// Of this window: those that passed the ratio, and those that were kept.
    passed: u32,
    kept: u32,
}

impl Adaptive {
    pub(super) fn new(sampling: Sampling) -> Self {
        Self {
            ratio: sampling.ratio,
            per_second: sampling.per_second,
            threshold: Threshold::of(sampling.ratio),
            since: None,
            passed: 0,
            kept: 0,
        }
    }

    /// Whether a trace that passed the ratio is kept.
    pub(super) fn keeps(&mut self, trace: TraceId, now: Instant) -> bool {
        let since = *self.since.get_or_insert(now);
        let age = now.saturating_duration_since(since);
        if age >= WINDOW {
            self.turn(age);
            self.since = Some(now);
        }
        self.passed = self.passed.saturating_add(1);
        let keeps = self.threshold.keeps(trace) && self.kept < self.per_second;
        self.kept += u32::from(keeps);
        keeps
    }

    fn turn(&mut self, age: Duration) {
        let rate = f64::from(self.passed) / age.as_secs_f64();
        let share = (f64::from(self.per_second) / rate.max(1.0)).min(1.0);
        self.threshold = Threshold::of(self.ratio * share);
        self.passed = 0;
        self.kept = 0;
    }
}

/// Counts what may be done so often in a second.
#[derive(Debug, Default)]
pub(super) struct PerSecond {
    since: Option<Instant>,
    count: u32,
}

impl PerSecond {
    pub(super) fn one_more(&mut self, max: u32, now: Instant) -> bool {
        let since = *self.since.get_or_insert(now);
        if now.saturating_duration_since(since) >= WINDOW {
            (self.since, self.count) = (Some(now), 0);
        }
        let may = self.count < max;
        self.count += u32::from(may);
        may
    }
}

#[cfg(test)]
mod tests {
    use super::super::ids::nth;
    use super::*;
    use crate::TraceContext;
    use proptest::prelude::*;

    fn trace(n: u64) -> TraceId {
        TraceContext::new(u128::from(nth(1, n)), 1).trace_id()
    }

    #[test]
    fn the_ratio_is_kept_and_decided_by_the_trace_id() {
        for ratio in [0.0, 0.01, 0.5, 1.0] {
            let threshold = Threshold::of(ratio);
            let kept = (0..100_000).filter(|&n| threshold.keeps(trace(n))).count();
            let share = kept as f64 / 100_000.0;
            assert!((share - ratio).abs() < 0.002, "{ratio}: {share}");
        }
        for wrong in [f64::NAN, f64::INFINITY, -1.0] {
            assert_eq!(Threshold::of(wrong), Threshold::NOTHING);
        }
        let (few, many) = (Threshold::of(0.01), Threshold::of(0.5));
        assert!((0..1_000).all(|n| !few.keeps(trace(n)) || many.keeps(trace(n))));
    }

    /// Traces that are kept of so many in each of some seconds.
    fn kept(sampling: Sampling, a_second: u32, seconds: u32) -> Vec<u32> {
        let mut adaptive = Adaptive::new(sampling);
        let ceiling = Threshold::of(sampling.ratio);
        let start = Instant::now();
        let mut in_second = |second: u32| -> u32 {
            let one = |n: u32| {
                let at = WINDOW * second + WINDOW * n / a_second;
                let trace = trace(u64::from(second * a_second + n));
                u32::from(ceiling.keeps(trace) && adaptive.keeps(trace, start + at))
            };
            (0..a_second).map(one).sum()
        };
        (0..seconds).map(&mut in_second).collect()
    }

    #[test]
    fn more_than_may_be_are_thinned_out_evenly() {
        let sampling = Sampling {
            ratio: 0.5,
            per_second: 10,
        };
        let kept = kept(sampling, 10_000, 10);
        assert!(kept.iter().all(|&kept| kept <= 10), "{kept:?}");
        // By the share, not by the bound: about as many as may be, all the time.
        assert!(kept.iter().sum::<u32>() >= 50, "{kept:?}");
        let mut adaptive = Adaptive::new(sampling);
        adaptive.passed = 5_000;
        adaptive.turn(WINDOW);
        assert_eq!(adaptive.threshold, Threshold::of(0.001));
    }

    #[test]
    fn few_traces_are_kept_as_the_ratio_says() {
        let sampling = Sampling {
            ratio: 1.0,
            per_second: 10,
        };
        assert_eq!(kept(sampling, 5, 4), [5; 4]);
    }

    #[test]
    fn a_second_later_there_is_room_again() {
        let (mut promoted, start) = (PerSecond::default(), Instant::now());
        let may: Vec<_> = (0..3).map(|_| promoted.one_more(2, start)).collect();
        assert_eq!(may, [true, true, false]);
        assert!(promoted.one_more(2, start + WINDOW));
    }

    proptest! {
        #[test]
        fn never_more_a_window_than_may_be(per_second in 0_u32..20, steps in prop::collection::vec(0_u64..300, 1..200)) {
            let mut adaptive = Adaptive::new(Sampling { ratio: 1.0, per_second });
            let mut now = Instant::now();
            let (mut window, mut kept) = (None, 0);
            for (n, ms) in steps.into_iter().enumerate() {
                now += Duration::from_millis(ms);
                let begin = *window.get_or_insert(now);
                if now - begin >= WINDOW {
                    (window, kept) = (Some(now), 0);
                }
                kept += u32::from(adaptive.keeps(trace(n as u64), now));
                prop_assert!(kept <= per_second);
            }
        }
    }
}
