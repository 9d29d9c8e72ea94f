//! What comes before the first request that counts, so that nothing is taken for a
//! leak that only fills up to its bound.

use super::verdict::MEMORY_FROM;

/// Of a short run's requests, this part comes on top, at the same rate.
const SHORT: usize = 4;

/// Requests as fast as the shop takes them. As many are under way then as ever may
/// be, so what takes its size from the busiest moment (tables of streams and tasks,
/// pools) has it afterwards.
const RUSH: usize = 10_000;

/// After that, so many at a steady rate. Each HTTP/2 connection has a table of
/// header fields it has sent and one of those it got, 4,096 bytes each (RFC 7541,
/// 4.2). `date` is a new field each second and counts 65 bytes, so the tables are
/// full after 63 seconds and not before, however many requests come: from then on
/// the oldest goes. Between gateway and orders there are 67 such connections,
/// and a full table takes some 8 KiB at either end.
const STEADY: usize = 70_000;

/// The rate of those, so that they take 70 seconds; each of the 63 connections for
/// watches has two or three in each.
const STEADY_RPS: f64 = 1_000.0;

/// How many requests, and how fast.
#[derive(Clone, Copy, Debug)]
pub(super) struct WarmUp {
    /// As fast as they can.
    pub(super) rush: usize,
    /// At `rps`.
    pub(super) steady: usize,
    pub(super) rps: f64,
}

impl WarmUp {
    /// What a run of so many requests needs: where memory isn't judged, little.
    pub(super) fn before(requests: usize, rps: f64) -> Self {
        if requests < MEMORY_FROM {
            return Self {
                rush: 0,
                steady: requests / SHORT,
                rps,
            };
        }
        Self {
            rush: RUSH,
            steady: STEADY,
            rps: STEADY_RPS,
        }
    }

    /// In all.
    pub(super) fn requests(&self) -> usize {
        self.rush + self.steady
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_run_that_judges_memory_warms_up_for_long() {
        let short = WarmUp::before(MEMORY_FROM - 1, 20.0);
        assert!(short.requests() < MEMORY_FROM / 2 && short.rps == 20.0);
        let long = WarmUp::before(MEMORY_FROM, 20.0);
        assert!(long.rush > 0 && long.steady as f64 / long.rps > 64.0);
    }
}
