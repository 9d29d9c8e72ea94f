//! From samples to views.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
    time::Duration,
};

use super::{
    history::History,
    view::{Event, Phase, Places, ProcessRow, Rate, View},
};
use crate::{
    check::{Findings, Tally},
    load::{Quantiles, Seen, Window},
    supervise::Process,
};

/// Seconds over which the shown latencies go: at 50 orders a second fewer say
/// nothing of a p99.
pub(super) const LATENCY_S: usize = 10;

/// Rates kept: five minutes.
const RATES_MAX: usize = 300;

/// Seconds between two values of a process's memory.
const RSS_EVERY_S: u64 = 5;

/// Values of memory kept: ten minutes.
const RSS_MAX: usize = 120;

/// What is looked at once a second.
#[derive(Debug)]
pub(super) struct Sample {
    /// Since the screen came up.
    pub(super) at: Duration,
    pub(super) phase: Phase,
    /// Since the last sample.
    pub(super) window: Window,
    /// Of the run before that: p50, p90, p99 of PlaceOrder and reads, errors.
    pub(super) place_all: Quantiles,
    pub(super) read_all: Quantiles,
    pub(super) errors_all: BTreeMap<&'static str, u64>,
    /// `None` while the book is away for the audit.
    pub(super) tally: Option<Tally>,
    pub(super) seen: Seen,
    pub(super) findings: Findings,
    pub(super) processes: Vec<Process>,
    pub(super) events: Vec<Event>,
}

/// Remembers what a screen shows of the past.
///
/// # Limits
///
/// Five minutes of rates, ten of memory, ten seconds of latencies, whatever the
/// length of the run.
#[derive(Debug)]
pub(super) struct Model {
    places: Arc<Places>,
    last: Duration,
    orders: History,
    calls: History,
    windows: VecDeque<Window>,
    tally: Tally,
    processes: BTreeMap<&'static str, Memory>,
}

/// What is remembered of one process.
#[derive(Debug)]
struct Memory {
    rss: History,
    sampled: Option<u64>,
    pid: Option<u32>,
    cpu: Option<Duration>,
}

impl Default for Memory {
    fn default() -> Self {
        Self {
            rss: History::new(RSS_MAX),
            sampled: None,
            pid: None,
            cpu: None,
        }
    }
}

impl Model {
    pub(super) fn new(places: Places) -> Self {
        Self {
            places: Arc::new(places),
            last: Duration::ZERO,
            orders: History::new(RATES_MAX),
            calls: History::new(RATES_MAX),
            windows: VecDeque::with_capacity(LATENCY_S),
            tally: Tally::default(),
            processes: BTreeMap::new(),
        }
    }

    /// Takes a sample in, gives what is to be seen.
    pub(super) fn tick(&mut self, sample: Sample) -> View {
        let passed = sample.at.saturating_sub(self.last).as_secs_f64().max(0.001);
        self.last = sample.at;
        let (orders, calls) = (
            sample.window.orders as f64 / passed,
            sample.window.calls as f64 / passed,
        );
        if sample.phase == Phase::Selling {
            self.orders.push(orders);
            self.calls.push(calls);
        }
        if let Some(tally) = sample.tally {
            self.tally = tally;
        }
        let errors = errors(&sample.window.errors, &sample.errors_all);
        let (place, read) = self.latencies(sample.window);
        let processes = sample.processes.into_iter();
        let processes = processes
            .map(|process| self.process(process, sample.at, passed))
            .collect();
        View {
            phase: sample.phase,
            elapsed: sample.at,
            orders: Rate {
                per_s: orders,
                history: self.orders.values(),
            },
            calls: Rate {
                per_s: calls,
                history: self.calls.values(),
            },
            errors,
            place,
            read,
            place_all: sample.place_all,
            read_all: sample.read_all,
            processes,
            tally: self.tally,
            shelves: sample.seen.shelves,
            till: sample.seen.till,
            violations: sample.findings.by_name().into_iter().collect(),
            examples: sample.findings.examples().to_vec(),
            events: sample.events,
            places: self.places.clone(),
        }
    }

    /// Quantiles over the last seconds, this one included.
    fn latencies(&mut self, window: Window) -> (Quantiles, Quantiles) {
        if self.windows.len() == LATENCY_S {
            self.windows.pop_front();
        }
        self.windows.push_back(window);
        let mut sum = Window::default();
        self.windows.iter().for_each(|window| sum.add(window));
        (sum.place.quantiles(), sum.read.quantiles())
    }

    fn process(&mut self, process: Process, at: Duration, passed: f64) -> ProcessRow {
        let memory = self.processes.entry(process.name).or_default();
        let turn = at.as_secs() / RSS_EVERY_S;
        if let Some(bytes) = process.rss_bytes
            && memory.sampled != Some(turn)
        {
            memory.sampled = Some(turn);
            memory.rss.push(mib(bytes));
        }
        // Another process's time says nothing of this one's.
        let before = memory.cpu.filter(|_| memory.pid == process.pid);
        let used = process.cpu_time.zip(before);
        let cpu_percent = used.and_then(|(now, before)| {
            Some(now.checked_sub(before)?.as_secs_f64() / passed * 100.0)
        });
        (memory.pid, memory.cpu) = (process.pid, process.cpu_time);
        ProcessRow {
            process,
            cpu_percent,
            rss_history: memory.rss.values(),
        }
    }
}

/// Bytes as MiB.
pub(super) fn mib(bytes: u64) -> f64 {
    bytes as f64 / 1_048_576.0
}

/// By kind: of the last second, of the whole run; the most frequent first.
fn errors(
    now: &BTreeMap<&'static str, u64>,
    all: &BTreeMap<&'static str, u64>,
) -> Vec<(&'static str, u64, u64)> {
    let count = |counts: &BTreeMap<_, u64>, kind| counts.get(kind).copied().unwrap_or(0);
    let kinds: std::collections::BTreeSet<_> = now.keys().chain(all.keys()).copied().collect();
    let mut errors: Vec<_> = kinds
        .into_iter()
        .map(|kind| (kind, count(now, kind), count(all, kind)))
        .collect();
    errors.sort_by_key(|&(_, _, all)| std::cmp::Reverse(all));
    errors
}
