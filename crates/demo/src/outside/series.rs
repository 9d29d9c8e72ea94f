//! What the load counts, as metrics.

use std::collections::BTreeMap;

use crate::{
    check::{Findings, Invariant},
    load::{Seen, Window},
    series::{CALLS, CHECKS, ERRORS, MONEY, ORDERS, PERIODS, STOCK, VIOLATIONS},
};

/// Publishes what happened since the last time.
///
/// # Metrics
///
/// `load_calls_total`, `load_orders_total` (acknowledged), `load_errors_total{kind}`,
/// `load_checks_total{what}` (looks that saw something), `load_violations_total{invariant}`,
/// `load_stock_pieces{state}`, `load_money_cents{kind}`.
#[derive(Debug, Default)]
pub(super) struct Series {
    violations: BTreeMap<&'static str, u64>,
}

impl Series {
    /// Makes every series exist: a violation that appears must be an increase,
    /// not a new series that no rate sees.
    pub(super) fn new() -> Self {
        for invariant in Invariant::ALL {
            VIOLATIONS.with([invariant.name()]).absolute(0);
        }
        for counters in [&CALLS, &ORDERS, &PERIODS] {
            counters.get().absolute(0);
        }
        Self::default()
    }

    /// One second of calls.
    pub(super) fn calls(window: &Window) {
        CALLS.get().increment(window.calls);
        ORDERS.get().increment(window.orders);
        for (&kind, &count) in &window.errors {
            ERRORS.with([kind]).increment(count);
        }
    }

    /// What was found so far in this period; what is new is logged by the caller.
    /// Gives how many violations are new.
    pub(super) fn violations(&mut self, findings: &Findings) -> u64 {
        let mut new = 0;
        for (name, count) in findings.by_name() {
            let known = self.violations.entry(name).or_default();
            let more = count.saturating_sub(*known);
            *known = count;
            new += more;
            VIOLATIONS.with([name]).increment(more);
        }
        new
    }

    /// A new period begins with nothing found.
    pub(super) fn begin(&mut self) {
        self.violations.clear();
        PERIODS.get().increment(1);
    }

    /// The last look at stock and money.
    pub(super) fn seen(seen: Seen) {
        if let Some(shelves) = seen.shelves {
            CHECKS.with(["stock"]).increment(1);
            let states = [
                ("available", shelves.available),
                ("reserved", shelves.reserved),
                ("sold", shelves.sold),
                ("received", shelves.received),
            ];
            for (state, pieces) in states {
                STOCK.with([state]).set(pieces as f64);
            }
        }
        if let Some(till) = seen.till {
            CHECKS.with(["money"]).increment(1);
            let kinds = [
                ("owed", till.owed),
                ("captured", till.captured),
                ("refunded", till.refunded),
            ];
            for (kind, cents) in kinds {
                MONEY.with([kind]).set(cents as f64);
            }
        }
    }
}
