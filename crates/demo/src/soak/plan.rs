//! Who is killed when: drawn from a seed, so that a run can be repeated.

use std::time::Duration;

use rand::{RngExt, SeedableRng, rngs::StdRng};

use crate::{
    services::{CRASH_POINTS, Service, service_of},
    supervise::CrashAt,
};

/// The longest wait before a random kill, in milliseconds.
const WAIT_MS_MAX: u64 = 1_500;

/// A point is armed to crash the process when it comes by for up to the so
/// many-th time.
const NTH_MAX: u32 = 12;

/// The same for points that only orders that turn back come by.
const NTH_RARE_MAX: u32 = 4;

/// How a process is killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum How {
    /// From outside, after a wait.
    Random(Duration),
    /// By itself, at a point between two steps.
    Point(CrashAt),
}

/// One kill.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Cycle {
    pub(super) victim: Service,
    pub(super) how: How,
}

/// The kills of a run: every other one at random, the others at each of the
/// crash points in turn, beginning anywhere.
pub(super) fn cycles(count: usize, seed: u64) -> Vec<Cycle> {
    let mut rng = StdRng::seed_from_u64(seed);
    let first = rng.random_range(0..CRASH_POINTS.len());
    let cycle = |number: usize| {
        if number.is_multiple_of(2) {
            let victim = Service::ALL[rng.random_range(0..Service::ALL.len())];
            let wait = Duration::from_millis(rng.random_range(0..=WAIT_MS_MAX));
            return Cycle {
                victim,
                how: How::Random(wait),
            };
        }
        // A stride that shares no factor with the number of points, so that
        // short runs see points of different services.
        let point = CRASH_POINTS[(first + number / 2 * 5) % CRASH_POINTS.len()];
        let rare = point.contains("refund") || point.contains("release");
        let nth = rng.random_range(1..=if rare { NTH_RARE_MAX } else { NTH_MAX });
        // Every point belongs to a service: a test says so.
        let victim = service_of(point).unwrap_or(Service::Orders);
        Cycle {
            victim,
            how: How::Point(CrashAt { point, nth }),
        }
    };
    (0..count).map(cycle).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn the_same_seed_kills_the_same_way_and_visits_every_point() {
        assert_eq!(cycles(50, 3), cycles(50, 3));
        assert_ne!(cycles(50, 3), cycles(50, 4));
        let plan = cycles(2 * CRASH_POINTS.len(), 9);
        let points: BTreeSet<_> = plan
            .iter()
            .filter_map(|cycle| match cycle.how {
                How::Point(crash) => Some(crash.point),
                How::Random(_) => None,
            })
            .collect();
        assert_eq!(points.len(), CRASH_POINTS.len());
        let random = plan
            .iter()
            .filter(|cycle| matches!(cycle.how, How::Random(_)))
            .count();
        assert_eq!(random, CRASH_POINTS.len());
    }
}
