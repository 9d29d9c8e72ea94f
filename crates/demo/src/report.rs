//! The objects that programs read, and the same for people.

use std::{collections::BTreeMap, time::Duration};

use serde::Serialize;

use crate::{
    check::{Book, Findings, Invariant},
    console::Console,
    load::Window,
    stage::Verified,
};

/// The last line of `demo --json`.
#[derive(Debug, Default, Serialize)]
pub(crate) struct RunReport {
    pub(crate) orders_placed: u64,
    pub(crate) orders_confirmed: u64,
    pub(crate) orders_rejected: u64,
    pub(crate) orders_cancelled: u64,
    pub(crate) orders_lost: u64,
    pub(crate) oversold: u64,
    pub(crate) double_charged: u64,
    pub(crate) errors: BTreeMap<&'static str, u64>,
    pub(crate) p50_ms: Option<f64>,
    pub(crate) p99_ms: Option<f64>,
    pub(crate) read_p99_ms: Option<f64>,
    pub(crate) orders_per_s: f64,
    pub(crate) calls_per_s: f64,
    /// `null` where the system doesn't say.
    pub(crate) rss_mib: BTreeMap<&'static str, Option<f64>>,
    /// Processor time of the load's time, by order placed.
    pub(crate) cpu_us_per_order: BTreeMap<&'static str, Option<f64>>,
    pub(crate) ready_ms: u64,
    pub(crate) restarts: u64,
    pub(crate) unknown_resolved: u64,
    pub(crate) settle_s: f64,
    pub(crate) violations: BTreeMap<&'static str, u64>,
    pub(crate) invariants_ok: bool,
}

/// Orders of a run by where they ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Ends {
    pub(crate) placed: u64,
    pub(crate) confirmed: u64,
    pub(crate) rejected: u64,
    pub(crate) cancelled: u64,
}

impl Ends {
    /// Of the last run in a book.
    pub(crate) fn of(book: &Book) -> Self {
        let tally = book.tally();
        Self {
            placed: tally.placed(),
            confirmed: tally.confirmed,
            rejected: tally.rejected,
            cancelled: tally.cancelled,
        }
    }
}

impl RunReport {
    /// Takes over where the orders of this run ended.
    pub(crate) fn ends(&mut self, ends: Ends) {
        self.orders_placed = ends.placed;
        self.orders_confirmed = ends.confirmed;
        self.orders_rejected = ends.rejected;
        self.orders_cancelled = ends.cancelled;
    }

    /// Takes over rates and latencies.
    pub(crate) fn window(&mut self, window: &Window, load: Duration) {
        let per_s = |count: u64| round(count as f64 / load.as_secs_f64().max(0.001));
        self.orders_per_s = per_s(window.orders);
        self.calls_per_s = per_s(window.calls);
        self.p50_ms = window.place.ms(0.5);
        self.p99_ms = window.place.ms(0.99);
        self.read_p99_ms = window.read.ms(0.99);
        self.errors.clone_from(&window.errors);
    }

    /// Takes over what the verification found.
    pub(crate) fn verified(&mut self, verified: &Verified) {
        let findings = &verified.findings;
        self.orders_lost = findings.orders_lost();
        self.oversold = findings.count(Invariant::Oversold);
        self.double_charged = findings.count(Invariant::DoubleCharged);
        self.unknown_resolved = verified.settled.unknown_resolved;
        self.settle_s = seconds(verified.settled.took);
        self.violations = findings.by_name();
        self.invariants_ok = findings.is_ok();
    }

    /// The summary for people.
    pub(crate) fn print(&self, console: &Console) {
        let ms = |ms: Option<f64>| ms.map_or("-".to_owned(), |ms| format!("{ms} ms"));
        console.line(format_args!(
            "\norders     {} placed: {} confirmed, {} rejected, {} cancelled; {} lost",
            self.orders_placed,
            self.orders_confirmed,
            self.orders_rejected,
            self.orders_cancelled,
            self.orders_lost
        ));
        console.line(format_args!(
            "PlaceOrder {}/s, p50 {}, p99 {}; reads p99 {}; {} calls/s in all",
            self.orders_per_s,
            ms(self.p50_ms),
            ms(self.p99_ms),
            ms(self.read_p99_ms),
            self.calls_per_s
        ));
        console.line(format_args!(
            "errors     {}; restarts {}; unknown outcomes resolved {}",
            counts(&self.errors),
            self.restarts,
            self.unknown_resolved
        ));
        console.line(format_args!(
            "started in {} ms; settled in {} s; rss MiB {}",
            self.ready_ms,
            self.settle_s,
            mib(&self.rss_mib)
        ));
    }
}

/// Says whether the invariants hold, and shows examples where they don't.
pub(crate) fn print_findings(console: &Console, findings: &Findings) {
    if findings.is_ok() {
        console.line("invariants all hold: nothing lost, nothing doubled, nothing oversold");
        return;
    }
    console.line(format_args!(
        "invariants VIOLATED: {}",
        counts(&findings.by_name())
    ));
    for example in findings.examples() {
        console.line(format_args!("  {example}"));
    }
}

/// `a 1, b 2`, or `none`.
pub(crate) fn counts(counts: &BTreeMap<&'static str, u64>) -> String {
    if counts.is_empty() {
        return "none".to_owned();
    }
    let each: Vec<_> = counts
        .iter()
        .map(|(name, count)| format!("{name} {count}"))
        .collect();
    each.join(", ")
}

/// `orders 14.1, payments 12.3`; a dash where nobody knows.
pub(crate) fn mib(rss: &BTreeMap<&'static str, Option<f64>>) -> String {
    let one = |mib: &Option<f64>| mib.map_or("-".to_owned(), |mib| format!("{mib:.1}"));
    let each: Vec<_> = rss
        .iter()
        .map(|(name, mib)| format!("{name} {}", one(mib)))
        .collect();
    each.join(" ")
}

/// Processor microseconds by order; absent where it isn't known or where a
/// process was restarted meanwhile.
pub(crate) fn cpu_us_per_order(
    before: &BTreeMap<&'static str, Option<Duration>>,
    after: &BTreeMap<&'static str, Option<Duration>>,
    orders: u64,
) -> BTreeMap<&'static str, Option<f64>> {
    let used = |name: &&'static str| {
        after
            .get(name)?
            .as_ref()?
            .checked_sub((*before.get(name)?)?)
    };
    let each = |name: &&'static str| {
        let used = used(name).filter(|_used| orders > 0);
        (
            *name,
            used.map(|used| round(used.as_secs_f64() * 1e6 / orders as f64)),
        )
    };
    after.keys().map(each).collect()
}

/// To two digits behind the point.
pub(crate) fn round(value: f64) -> f64 {
    (value * 100.0).round() / 100.0
}

/// Seconds to two digits behind the point.
pub(crate) fn seconds(time: Duration) -> f64 {
    round(time.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn processor_time_is_by_order_and_absent_after_a_restart() {
        let ms = |ms| Some(Duration::from_millis(ms));
        let before = BTreeMap::from([("a", ms(100)), ("b", ms(100)), ("c", None)]);
        let after = BTreeMap::from([("a", ms(200)), ("b", ms(10)), ("c", ms(5))]);
        let used = cpu_us_per_order(&before, &after, 50);
        assert_eq!(
            used,
            BTreeMap::from([("a", Some(2_000.0)), ("b", None), ("c", None)])
        );
        assert_eq!(cpu_us_per_order(&before, &after, 0)["a"], None);
    }

    #[test]
    fn the_object_has_every_promised_field() {
        let object = serde_json::to_value(RunReport::default()).unwrap();
        for field in [
            "orders_placed",
            "orders_confirmed",
            "orders_rejected",
            "orders_lost",
            "oversold",
            "double_charged",
            "errors",
            "p50_ms",
            "p99_ms",
            "orders_per_s",
            "rss_mib",
            "ready_ms",
            "invariants_ok",
        ] {
            assert!(object.get(field).is_some(), "{field}");
        }
    }
}
