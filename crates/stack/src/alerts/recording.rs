//! Values with a name, which panels and alerts share: what one warns of is what
//! the other shows.

use super::{Group, Recording};
use crate::names::{
    ALLOCATOR_ALLOCATED, CGROUP_KILLS, CGROUP_LIMIT, HTTP_SERVER_DURATION, INVENTORY_BAD_ROWS,
    LOAD_VIOLATIONS, MACHINE_MEMORY, ORDERS_CORRUPT, ORDERS_REFUND_WITHOUT_PAYMENT,
    PAYMENTS_DISCREPANCIES, PROCESS_RESIDENT, PROCESS_START, RPC_SERVER_DURATION,
};
use crate::query::{FAILED, Selector, any, sum_by};

/// The limit that memory runs out at.
pub(crate) const LIMIT: &str = "watertight:memory_limit_bytes";
/// Resident memory as a part of the limit.
pub(crate) const USED: &str = "watertight:memory_used_ratio";
/// Growth of what the program holds.
pub(crate) const SLOPE: &str = "watertight:memory_slope_bytes_per_hour";
/// Until memory runs out, if it does.
pub(crate) const RUNWAY: &str = "watertight:memory_seconds_to_limit";
/// Processes that were killed for want of memory.
pub(crate) const KILLED: &str = "watertight:killed_for_memory:increase1h";
/// How many invariants are broken.
pub(crate) const BROKEN: &str = "watertight:invariants_broken";

/// A window of the error budget and the series that has its ratio.
pub(super) const WINDOWS: [(&str, &str); 7] = [
    ("5m", "watertight:request_failures:ratio_rate5m"),
    ("30m", "watertight:request_failures:ratio_rate30m"),
    ("1h", "watertight:request_failures:ratio_rate1h"),
    ("2h", "watertight:request_failures:ratio_rate2h"),
    ("6h", "watertight:request_failures:ratio_rate6h"),
    ("1d", "watertight:request_failures:ratio_rate1d"),
    ("3d", "watertight:request_failures:ratio_rate3d"),
];

/// The group.
pub(super) fn group() -> Group {
    let mut recordings = vec![
        record(LIMIT, limit()),
        record(
            USED,
            format!(
                "{} / on (job, instance) {LIMIT}",
                any(&PROCESS_RESIDENT).now()
            ),
        ),
        record(
            SLOPE,
            format!("3600 * deriv({})", any(&ALLOCATOR_ALLOCATED).over("30m")),
        ),
        record(RUNWAY, runway()),
        record(BROKEN, broken()),
        record(KILLED, any(&CGROUP_KILLS).increase_over("1h")),
    ];
    recordings.extend(WINDOWS.map(|(range, name)| record(name, failed_ratio(range))));
    Group {
        name: "recorded",
        recordings,
        alerts: Vec::new(),
        cases: Vec::new(),
    }
}

fn record(name: &'static str, expr: String) -> Recording {
    Recording { name, expr }
}

/// The lower of the container's limit and the machine's memory, as only one of
/// them may be known.
fn limit() -> String {
    format!(
        r#"min by (job, instance) (label_replace({}, "of", "container", "", "") or {})"#,
        any(&CGROUP_LIMIT).now(),
        any(&MACHINE_MEMORY).now()
    )
}

/// Three guards keep it silent where a straight line lies: the process is old
/// enough for its slope to mean something, it grows at all, and it grew in
/// each of the last three ten minutes, so a burst that plateaus is none.
fn runway() -> String {
    let rss = any(&PROCESS_RESIDENT);
    format!(
        "({LIMIT} - on (job, instance) {}) / on (job, instance) (deriv({}) > 1024)\n\
         and on (job, instance) {}\nand on (job, instance) {}",
        rss.now(),
        rss.over("30m"),
        grown_up(),
        rising(&rss, "10m", ["10m", "20m", "30m"], "1"),
    )
}

/// Processes that have been up for half an hour and a window.
pub(super) fn grown_up() -> String {
    format!("(time() - {} > 2400)", any(&PROCESS_START).now())
}

/// Holds where the median rose three times in a row, each time by this factor.
pub(super) fn rising(of: &Selector, range: &str, before: [&str; 3], factor: &str) -> String {
    let median = |values: String| format!("quantile_over_time(0.5, {values})");
    let now = median(of.over(range));
    let [first, second, third] = before.map(|offset| median(of.over_before(range, offset)));
    let by = if factor == "1" {
        String::new()
    } else {
        format!("{factor} * ")
    };
    format!("({now} > {by}{first}\n  and {first} > {by}{second}\n  and {second} > {by}{third})")
}

/// Money and stock: each kind of contradiction that a service finds by itself, and
/// what whoever looks from outside finds.
/// A counter is looked at for an hour, so that people have time to see it.
fn broken() -> String {
    let kinds = [
        ("orders", any(&ORDERS_CORRUPT).now()),
        ("payments", any(&PAYMENTS_DISCREPANCIES).increase_over("1h")),
        (
            "seen from outside",
            any(&LOAD_VIOLATIONS).increase_over("1h"),
        ),
        ("stock", any(&INVENTORY_BAD_ROWS).increase_over("1h")),
        (
            "refunds",
            any(&ORDERS_REFUND_WITHOUT_PAYMENT).increase_over("1h"),
        ),
    ];
    // A label that none of them has: one that is replaced makes several series one.
    let kinds =
        kinds.map(|(kind, expr)| format!(r#"label_replace({expr}, "found_in", "{kind}", "", "")"#));
    sum_by("job, instance", &format!("\n  {}\n", kinds.join("\n  or ")))
}

/// The part of the requests that a service failed.
fn failed_ratio(range: &str) -> String {
    let counts = [any(&HTTP_SERVER_DURATION), any(&RPC_SERVER_DURATION)];
    let counts = counts.map(|duration| duration.part("count"));
    let sum = |narrow: &dyn Fn(&Selector) -> Selector| {
        let [http, grpc] = counts
            .each_ref()
            .map(|count| narrow(count).rate_over(range));
        sum_by("job", &format!("{http} or {grpc}"))
    };
    let all = sum(&Selector::clone);
    let failed = sum(&|count| count.clone().with(FAILED));
    format!("({failed} or 0 * {all}) / {all}")
}
