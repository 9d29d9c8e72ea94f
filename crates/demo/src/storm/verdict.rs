//! What was measured, what is promised, and which promise broke.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{
    latency::{Kind, Latency},
    look::ByProcess,
    run::{ALLOCATED_MAX, Ran},
    runner::Count,
};
use crate::report::round;

/// Runs of fewer requests say nothing of memory: caches are still filling.
pub(super) const MEMORY_FROM: usize = 50_000;

/// Resident memory of runs without cancels spreads by this much at least: a
/// page here and there.
const SPREAD_MIN: f64 = 0.01;

/// The last line of `demo storm --json`.
#[derive(Debug, Default, Serialize)]
pub(super) struct StormReport {
    /// Requests before the first that counts.
    pub(super) warm_up: usize,
    pub(super) requests: u64,
    pub(super) cancelled: u64,
    pub(super) answered: u64,
    pub(super) failed: u64,
    /// Tasks of requests a second after the last client has left.
    pub(super) live_tasks_after: u64,
    /// How long it took until there were none.
    pub(super) settle_ms: u64,
    pub(super) orphans: u64,
    pub(super) dead_tasks: u64,
    pub(super) stragglers: u64,
    /// The worse of both kinds; `null` if it wasn't measured.
    pub(super) cancel_p50_ms: Option<f64>,
    pub(super) cancel_p99_ms: Option<f64>,
    pub(super) cancel: BTreeMap<&'static str, Latency>,
    /// The process that grew most.
    pub(super) allocated_ratio: Option<f64>,
    /// Resident memory of all processes, in parts of the largest of the runs
    /// without cancels.
    pub(super) rss_ratio: Option<f64>,
    /// From the smallest to the largest of those, in parts of the smallest.
    pub(super) rss_spread: Option<f64>,
    pub(super) rss_mib: ByProcess,
    pub(super) rss_mib_without_cancels: Vec<ByProcess>,
    pub(super) allocated_mib_before: ByProcess,
    pub(super) allocated_mib_after: ByProcess,
    /// Whether enough was sent to say something of memory.
    pub(super) memory_judged: bool,
    pub(super) wires: BTreeMap<&'static str, Count>,
    pub(super) errors: BTreeMap<&'static str, u64>,
    pub(super) unknown_resolved: u64,
    pub(super) violations: BTreeMap<&'static str, u64>,
    pub(super) invariants_ok: bool,
    pub(super) seconds: f64,
    pub(super) seed: u64,
    /// Promises that were broken, for people.
    pub(super) broken: Vec<String>,
}

impl StormReport {
    /// Takes everything over and judges it.
    pub(super) fn of(
        storm: &Ran,
        without: &[Ran],
        latencies: &[(Kind, Latency)],
        seed: u64,
    ) -> Self {
        let sum = |of| storm.counts.sum(of);
        let worst = |of: fn(&Latency) -> f64| {
            let each = latencies.iter().map(|(_, latency)| of(latency));
            each.max_by(f64::total_cmp)
        };
        let requests = sum(|count: &Count| count.requests);
        let (rss_ratio, rss_spread) = rss(storm, without).unzip();
        let ratio = storm.after.allocated_ratio(&storm.before);
        let mut report = Self {
            warm_up: storm.warm_up,
            requests,
            cancelled: sum(|count| count.cancelled),
            answered: sum(|count| count.answered),
            failed: sum(|count| count.failed),
            live_tasks_after: storm.live,
            settle_ms: u64::try_from(storm.settle.as_millis()).unwrap_or(u64::MAX),
            orphans: storm.orphans,
            dead_tasks: storm.dead,
            stragglers: storm.stragglers,
            cancel_p50_ms: worst(|latency| latency.p50_ms),
            cancel_p99_ms: worst(|latency| latency.p99_ms),
            cancel: latencies
                .iter()
                .map(|(kind, latency)| (kind.name(), *latency))
                .collect(),
            allocated_ratio: ratio.map(thousandths),
            rss_ratio: rss_ratio.map(thousandths),
            rss_spread: rss_spread.map(thousandths),
            rss_mib: mib(&storm.after.rss),
            rss_mib_without_cancels: without.iter().map(|ran| mib(&ran.after.rss)).collect(),
            allocated_mib_before: mib(&storm.before.allocated),
            allocated_mib_after: mib(&storm.after.allocated),
            memory_judged: usize::try_from(requests).is_ok_and(|sent| sent >= MEMORY_FROM),
            wires: storm.counts.wires.clone(),
            errors: storm.counts.errors.clone(),
            unknown_resolved: storm.unknown_resolved,
            violations: storm.findings.by_name(),
            invariants_ok: storm.findings.is_ok(),
            seconds: round(storm.took.as_secs_f64()),
            seed,
            broken: Vec::new(),
        };
        report.broken = report.judge(storm, without);
        report
    }

    fn judge(&self, storm: &Ran, without: &[Ran]) -> Vec<String> {
        let mut broken = Vec::new();
        let mut must = |holds: bool, what: String| {
            if !holds {
                broken.push(what);
            }
        };
        let live = self.live_tasks_after;
        must(
            live == 0,
            format!(
                "{live} tasks of requests are left: {}",
                storm.left.join(", ")
            ),
        );
        must(self.orphans == 0, format!("{} orphans", self.orphans));
        must(
            self.dead_tasks == 0,
            format!("{} dead tasks", self.dead_tasks),
        );
        must(
            self.stragglers == 0,
            format!("{} stragglers", self.stragglers),
        );
        must(
            self.invariants_ok,
            format!("invariants: {:?}", self.violations),
        );
        let others = without.iter().all(|ran| ran.findings.is_ok());
        must(others, "invariants, though nobody left".to_owned());
        let forgotten: u64 = self.cancel.values().map(|latency| latency.forgotten).sum();
        must(
            forgotten == 0,
            format!("{forgotten} handlers were never dropped"),
        );
        if self.memory_judged {
            must(
                !storm.restless && without.iter().all(|ran| !ran.restless),
                "memory was looked at while jobs or connections were still there".to_owned(),
            );
            let ratio = self.allocated_ratio.unwrap_or(f64::INFINITY);
            let back = ratio <= ALLOCATED_MAX;
            must(
                back,
                format!("allocated bytes are {ratio} times what they were"),
            );
            let limit = 1.0 + self.rss_spread.unwrap_or(0.0).max(SPREAD_MIN);
            // Without runs to compare with nothing is promised.
            let within = self.rss_ratio.is_none_or(|ratio| ratio <= limit);
            must(
                within,
                format!("resident memory is {:?}, not {limit}", self.rss_ratio),
            );
        }
        broken
    }
}

/// Resident memory in parts of the largest without cancels, and their spread.
fn rss(storm: &Ran, without: &[Ran]) -> Option<(f64, f64)> {
    let sums = || without.iter().map(|ran| ran.after.rss_sum());
    let (low, high) = (
        sums().min_by(f64::total_cmp)?,
        sums().max_by(f64::total_cmp)?,
    );
    (low > 0.0).then(|| (storm.after.rss_sum() / high, high / low - 1.0))
}

fn thousandths(value: f64) -> f64 {
    (value * 1e3).round() / 1e3
}

fn mib(bytes: &ByProcess) -> ByProcess {
    let mib = |(name, bytes): (&&'static str, &f64)| (*name, round(bytes / 1_048_576.0));
    bytes.iter().map(mib).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        check::{Findings, Invariant},
        storm::look::Memory,
    };

    fn ran(allocated: f64, rss: f64) -> Ran {
        let memory = |allocated, rss| Memory {
            allocated: ByProcess::from([("orders", allocated)]),
            rss: ByProcess::from([("orders", rss)]),
        };
        let mut ran = Ran {
            before: memory(1e6, 1e7),
            after: memory(allocated, rss),
            ..Ran::default()
        };
        let count = Count {
            requests: 100_000,
            cancelled: 60_000,
            ..Count::default()
        };
        ran.counts.wires.insert("grpc", count);
        ran
    }

    fn report(storm: &Ran) -> StormReport {
        let without = [ran(1e6, 1.0e7), ran(1e6, 1.04e7), ran(1e6, 1.02e7)];
        let latency = |p99_ms| Latency {
            samples: 1_000,
            p99_ms,
            ..Latency::default()
        };
        let latencies = [
            (Kind::StalledRead, latency(1.5)),
            (Kind::Watch, latency(1.0)),
        ];
        StormReport::of(storm, &without, &latencies, 7)
    }

    #[test]
    fn a_storm_that_left_nothing_keeps_every_promise() {
        let report = report(&ran(1.01e6, 1.05e7));
        assert_eq!(report.broken, [""; 0]);
        assert_eq!((report.requests, report.cancelled), (100_000, 60_000));
        assert_eq!(report.cancel_p99_ms, Some(1.5));
        assert_eq!(report.allocated_ratio, Some(1.01));
        assert_eq!(
            (report.rss_ratio, report.rss_spread),
            (Some(1.01), Some(0.04))
        );
        let json = serde_json::to_value(&report).unwrap();
        for field in [
            "requests",
            "cancelled",
            "live_tasks_after",
            "orphans",
            "cancel_p50_ms",
            "cancel_p99_ms",
            "rss_ratio",
            "invariants_ok",
        ] {
            assert!(json.get(field).is_some(), "{field}");
        }
    }

    #[test]
    fn each_promise_breaks_by_itself() {
        let broken = |change: &dyn Fn(&mut Ran)| {
            let mut storm = ran(1e6, 1e7);
            change(&mut storm);
            report(&storm).broken
        };
        assert_eq!(broken(&|_| {}), [""; 0]);
        for change in [
            &(|ran: &mut Ran| ran.live = 1) as &dyn Fn(&mut Ran),
            &|ran| ran.orphans = 1,
            &|ran| ran.dead = 1,
            &|ran| ran.stragglers = 1,
            &|ran| ran.findings.add(Invariant::Lost, "one"),
            &|ran| ran.after = self::ran(1.03e6, 1e7).after,
            &|ran| ran.after = self::ran(1e6, 1.1e7).after,
            &|ran| ran.after.allocated.clear(),
        ] {
            assert_eq!(broken(change).len(), 1);
        }
    }

    #[test]
    fn a_short_storm_says_nothing_of_memory() {
        let mut storm = ran(9e6, 9e7);
        storm.counts.wires.clear();
        storm.counts.wires.insert(
            "grpc",
            Count {
                requests: 3_000,
                ..Count::default()
            },
        );
        let report = report(&storm);
        assert!(!report.memory_judged && report.broken.is_empty());
        let mut findings = Findings::default();
        findings.add(Invariant::Lost, "one");
        assert!(!findings.is_ok());
    }
}
