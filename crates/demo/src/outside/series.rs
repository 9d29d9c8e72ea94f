//! What the load counts, as metrics.

use std::collections::BTreeMap;

use crate::{
    check::{Findings, Invariant},
    load::{Seen, Window},
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
            metrics::counter!("load_violations_total", "invariant" => invariant.name()).absolute(0);
        }
        for name in [
            "load_calls_total",
            "load_orders_total",
            "load_periods_total",
        ] {
            metrics::counter!(name).absolute(0);
        }
        Self::default()
    }

    /// One second of calls.
    pub(super) fn calls(window: &Window) {
        metrics::counter!("load_calls_total").increment(window.calls);
        metrics::counter!("load_orders_total").increment(window.orders);
        for (&kind, &count) in &window.errors {
            metrics::counter!("load_errors_total", "kind" => kind).increment(count);
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
            metrics::counter!("load_violations_total", "invariant" => name).increment(more);
        }
        new
    }

    /// A new period begins with nothing found.
    pub(super) fn begin(&mut self) {
        self.violations.clear();
        metrics::counter!("load_periods_total").increment(1);
    }

    /// The last look at stock and money.
    pub(super) fn seen(seen: Seen) {
        if let Some(shelves) = seen.shelves {
            metrics::counter!("load_checks_total", "what" => "stock").increment(1);
            let states = [
                ("available", shelves.available),
                ("reserved", shelves.reserved),
                ("sold", shelves.sold),
                ("received", shelves.received),
            ];
            for (state, pieces) in states {
                metrics::gauge!("load_stock_pieces", "state" => state).set(pieces as f64);
            }
        }
        if let Some(till) = seen.till {
            metrics::counter!("load_checks_total", "what" => "money").increment(1);
            let kinds = [
                ("owed", till.owed),
                ("captured", till.captured),
                ("refunded", till.refunded),
            ];
            for (kind, cents) in kinds {
                metrics::gauge!("load_money_cents", "kind" => kind).set(cents as f64);
            }
        }
    }
}
