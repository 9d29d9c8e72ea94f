//! What comes before the first request that counts, so that nothing is taken for a
//! leak that only fills up to its bound.

use super::verdict::MEMORY_FROM;

/// Of a short run's requests, this part comes on top, at the same rate.
const SHORT: usize = 4;

/// Requests as fast as the shop takes them, twice: of clients who leave, and of
/// clients who wait. As many are under way then as ever may be, so what takes its
/// size from the busiest moment has it afterwards: tables of streams, tasks and
/// sockets, and the frames that wait on an HTTP/2 connection (a few tables each,
/// which double and never shrink).
const RUSH: usize = 10_000;

/// Then as many orders as may be under way at once, so often over. When the machine
/// holds the storm up for a moment, what has queued meanwhile is committed in one
/// step, and all those orders call payments together.
const ORDERS: usize = 4_000;

/// After that the storm itself, once over: so many of its requests at most. What
/// is left behind by each request that is left shows as growth of the second
/// storm over the first; what the first has filled once, doesn't.
const STEADY_MAX: usize = 100_000;

/// Some of the clients before the storm.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Phase {
    pub(super) requests: usize,
    /// Requests a second.
    pub(super) rps: f64,
    /// Whether they wait, also where those of the storm leave.
    pub(super) patient: bool,
    /// Whether only those count who place an order.
    pub(super) orders: bool,
}

/// What comes before, one after the other.
#[derive(Clone, Copy, Debug)]
pub(super) struct WarmUp([Phase; 4]);

impl WarmUp {
    /// What a run of so many requests needs: where memory isn't judged, little.
    pub(super) fn before(requests: usize, rps: f64) -> Self {
        let (rush, orders, steady) = if requests >= MEMORY_FROM {
            (RUSH, ORDERS, requests.min(STEADY_MAX))
        } else {
            (0, 0, requests / SHORT)
        };
        let leave = |requests, rps| Phase {
            requests,
            rps,
            patient: false,
            orders: false,
        };
        let wait = |requests, orders| Phase {
            patient: true,
            orders,
            ..leave(requests, f64::INFINITY)
        };
        Self([
            leave(rush, f64::INFINITY),
            wait(rush, false),
            wait(orders, true),
            leave(steady, rps),
        ])
    }

    /// In order.
    pub(super) fn phases(self) -> [Phase; 4] {
        self.0
    }

    /// In all.
    pub(super) fn requests(&self) -> usize {
        self.0.iter().map(|phase| phase.requests).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_run_that_judges_memory_warms_up_for_long() {
        let short = WarmUp::before(MEMORY_FROM - 1, 20.0);
        assert!(short.requests() < MEMORY_FROM / 2);
        let long = WarmUp::before(MEMORY_FROM, 20.0);
        let [leave, wait, orders, storm] = long.phases();
        assert!(!leave.patient && wait.patient && leave.requests == wait.requests);
        assert!(orders.orders && orders.patient && orders.rps == f64::INFINITY);
        let same = (storm.requests, storm.rps, storm.patient, storm.orders);
        assert_eq!(same, (MEMORY_FROM, 20.0, false, false), "the storm itself");
        let longest = WarmUp::before(1_000_000, 20.0);
        assert_eq!(longest.requests(), 2 * RUSH + ORDERS + STEADY_MAX);
    }
}
