//! What was measured, as it goes into the page and into JSON.

use serde::Serialize;

use crate::{load::Sample, system::Machine};

/// All that was measured; a part that wasn't asked for is empty.
#[derive(Debug, Serialize)]
pub(crate) struct Figures {
    pub(crate) machine: Machine,
    pub(crate) runs: usize,
    pub(crate) seconds: f64,
    pub(crate) http: Vec<Comparison>,
    pub(crate) grpc: Vec<Comparison>,
    pub(crate) server_yield: Vec<Comparison>,
    pub(crate) client_yield: Vec<Comparison>,
    pub(crate) idle: Vec<Idle>,
    pub(crate) attacks: Vec<Attack>,
}

/// Two variants under the same load, in turn.
#[derive(Debug, Serialize)]
pub(crate) struct Comparison {
    pub(crate) load: String,
    /// What is measured, and what it is measured against.
    pub(crate) names: [&'static str; 2],
    pub(crate) pairs: Vec<[Sample; 2]>,
}

impl Comparison {
    /// A figure of one of the two, over all pairs.
    pub(crate) fn of(&self, which: usize, value: fn(&Sample) -> f64) -> Option<Spread> {
        Spread::of(self.pairs.iter().map(|pair| value(&pair[which])))
    }

    /// The first's share of the second, pair by pair.
    pub(crate) fn ratio(&self, value: fn(&Sample) -> f64) -> Option<Spread> {
        Spread::of(self.pairs.iter().map(|[a, b]| value(a) / value(b)))
    }

    /// What the first has more than the second, pair by pair.
    pub(crate) fn difference(&self, value: fn(&Sample) -> f64) -> Option<Spread> {
        Spread::of(self.pairs.iter().map(|[a, b]| value(a) - value(b)))
    }
}

/// Memory of connections on which nothing happens.
#[derive(Debug, Serialize)]
pub(crate) struct Idle {
    pub(crate) server: &'static str,
    pub(crate) protocol: &'static str,
    pub(crate) asked: usize,
    /// Open when the memory was read.
    pub(crate) open: usize,
    pub(crate) before_bytes: u64,
    pub(crate) after_bytes: u64,
}

impl Idle {
    /// KiB of one connection.
    pub(crate) fn kib_each(&self) -> f64 {
        let growth = self.after_bytes.saturating_sub(self.before_bytes);
        growth as f64 / 1024.0 / self.open.max(1) as f64
    }
}

/// One attack on one server.
#[derive(Debug, Serialize)]
pub(crate) struct Attack {
    pub(crate) name: &'static str,
    pub(crate) server: &'static str,
    pub(crate) seconds: f64,
    pub(crate) before_bytes: u64,
    pub(crate) peak_bytes: u64,
    pub(crate) later_bytes: u64,
    /// By how much the kernel's memory for sockets grew, on both sides.
    pub(crate) sockets_bytes: u64,
    /// The server's memory passed the limit, and the attack was ended.
    pub(crate) stopped: bool,
    /// The server itself ended.
    pub(crate) died: bool,
    pub(crate) opened: u64,
    pub(crate) cut: u64,
    pub(crate) sent_bytes: u64,
    /// Share of one core that the attacker used.
    pub(crate) attacker_cores: f64,
    /// A healthy client beside the attack, and beside as much harmless work.
    pub(crate) healthy: Option<Healthy>,
}

/// What a healthy client saw.
#[derive(Debug, Serialize)]
pub(crate) struct Healthy {
    pub(crate) attacked: Sample,
    pub(crate) busy: Sample,
}

impl Healthy {
    pub(crate) fn ratio(&self) -> f64 {
        self.attacked.p99_us / self.busy.p99_us
    }
}

/// Lowest, middle, highest.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Spread {
    pub(crate) min: f64,
    pub(crate) median: f64,
    pub(crate) max: f64,
}

impl Spread {
    /// Of some values; `None` of none.
    pub(crate) fn of(values: impl IntoIterator<Item = f64>) -> Option<Self> {
        let mut values: Vec<_> = values.into_iter().collect();
        values.sort_by(f64::total_cmp);
        let (min, max) = (*values.first()?, *values.last()?);
        let (low, high) = (values[(values.len() - 1) / 2], values[values.len() / 2]);
        Some(Self {
            min,
            median: f64::midpoint(low, high),
            max,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_middle_is_in_the_middle() {
        assert_eq!(Spread::of([]), None);
        let odd = Spread::of([3.0, 1.0, 2.0]).unwrap();
        assert_eq!((odd.min, odd.median, odd.max), (1.0, 2.0, 3.0));
        assert_eq!(Spread::of([4.0, 1.0]).unwrap().median, 2.5);
    }
}
