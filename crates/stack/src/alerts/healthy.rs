//! The series of a service with which nothing is wrong, in four lives: steady,
//! restarted, young, and after a burst.
//!
//! Every series that a rule reads is here, or its silence would prove nothing;
//! a test compares.

use super::memory::MIB;
use super::series::{Input, Values};
use super::shop::STORE;
use crate::names::{
    ALLOCATOR_ALLOCATED, CGROUP_KILLS, CGROUP_LIMIT, HTTP_SERVER_DURATION, INVENTORY_BAD_ROWS,
    LOAD_VIOLATIONS, LOG_DROPPED, LOG_SECRETS, MACHINE_MEMORY, Named, ORDERS_CORRUPT,
    ORDERS_REFUND_WITHOUT_PAYMENT, ORDERS_UNFINISHED_OLDEST, PAYMENTS_DISCREPANCIES,
    PROCESS_RESIDENT, PROCESS_START, RPC_SERVER_DURATION, SPANS_DROPPED, STORE_BATCH_AGE,
    STORE_DISK_FREE, STORE_FILE, STORE_FILE_MAX, STORE_QUEUE, STORE_QUEUE_MAX, STORE_QUEUE_WAIT,
    STORE_SYNC, TASKS_DEAD, TASKS_LIVE, TASKS_ORPHANS, TASKS_STRAGGLERS, WORKER_STALLS,
    WORKERS_STALLED,
};

/// What a container of the demo may take.
const LIMIT: f64 = 256.0 * MIB;

/// Minute 0 of promtool is 1970: a process that is a day old began before.
const DAY_AGO: f64 = -86_400.0;

/// What differs between the lives.
struct Life {
    up: Values,
    start: Values,
    resident: Values,
    allocated: Values,
    tasks: Values,
    queue: Values,
    /// What counters of events that happen all the time do.
    counted: fn(u32, f64) -> Values,
}

fn input(series: &impl Named, values: Values) -> Input {
    Input::new(series.named(), values)
}

/// It goes on as it did.
pub(super) fn steady(minutes: u32) -> Vec<Input> {
    let life = Life {
        up: Values::flat(1.0, minutes),
        start: Values::flat(DAY_AGO, minutes),
        resident: wave(90.0 * MIB, MIB, minutes),
        allocated: wave(60.0 * MIB, MIB, minutes),
        tasks: wave(200.0, 10.0, minutes),
        queue: wave(10.0, 3.0, minutes),
        counted: |minutes, step| Values::rising(0.0, step, minutes),
    };
    life.inputs(minutes)
}

/// It restarts after half of the time: away for a scrape, then young.
pub(super) fn restart(minutes: u32) -> Vec<Input> {
    let half = minutes / 2;
    let rest = minutes - half - 1;
    let life = Life {
        up: Values::flat(1.0, half).jump(0.0).jump(1.0).stay(rest),
        start: Values::flat(DAY_AGO, half)
            .jump(f64::from(half * 60))
            .stay(rest),
        resident: warming(wave(90.0 * MIB, MIB, half), 90.0 * MIB, rest),
        allocated: warming(wave(60.0 * MIB, MIB, half), 60.0 * MIB, rest),
        tasks: wave(200.0, 10.0, half).jump(40.0).then(4, 40.0).stay(rest),
        queue: wave(10.0, 3.0, half).jump(0.0).then(5, 2.0).stay(rest),
        counted: |minutes, step| {
            let half = minutes / 2;
            Values::rising(0.0, step, half)
                .jump(0.0)
                .then(minutes - half - 1, step)
        },
    };
    life.inputs(minutes)
}

/// It began just now, and its caches fill for half an hour.
pub(super) fn young(minutes: u32) -> Vec<Input> {
    let life = Life {
        up: Values::flat(1.0, minutes),
        start: Values::flat(0.0, minutes),
        resident: warming(Values::from(20.0 * MIB), 90.0 * MIB, minutes),
        allocated: warming(Values::from(10.0 * MIB), 60.0 * MIB, minutes),
        tasks: Values::from(40.0).then(4, 40.0).stay(minutes),
        queue: Values::from(0.0).then(5, 2.0).stay(minutes),
        counted: |minutes, step| Values::rising(0.0, step, minutes),
    };
    life.inputs(minutes)
}

/// After an hour its load doubles within ten minutes, and stays there.
pub(super) fn burst(minutes: u32) -> Vec<Input> {
    let rest = minutes - 70;
    let life = Life {
        up: Values::flat(1.0, minutes),
        start: Values::flat(DAY_AGO, minutes),
        resident: Values::flat(90.0 * MIB, 60).then(10, 9.0 * MIB).stay(rest),
        allocated: Values::flat(60.0 * MIB, 60).then(10, 8.0 * MIB).stay(rest),
        tasks: Values::flat(200.0, 60).then(10, 30.0).stay(rest),
        queue: Values::flat(10.0, 60).then(10, 20.0).stay(rest),
        counted: |minutes, step| Values::rising(0.0, step, 60).then(minutes - 60, 2.0 * step),
    };
    life.inputs(minutes)
}

/// Up and down by some minutes: nothing real is a straight line.
fn wave(middle: f64, height: f64, minutes: u32) -> Values {
    let mut values = Values::from(middle);
    let mut left = minutes;
    while left > 0 {
        let piece = left.min(6);
        let half = piece / 2;
        values = values.then(half, height / 3.0).then(half, -height / 3.0);
        values = values.stay(piece % 2);
        left -= piece;
    }
    values
}

/// From a third to the whole within half an hour, fast at first.
fn warming(before: Values, to: f64, minutes: u32) -> Values {
    let rest = minutes.saturating_sub(30);
    let part = to / 100.0;
    let values = before.jump(0.3 * to).then(5, 8.0 * part);
    values.then(10, 2.0 * part).then(10, part).stay(rest)
}

impl Life {
    fn inputs(self, minutes: u32) -> Vec<Input> {
        let flat = |value| Values::flat(value, minutes);
        let (queue_max, file_max) = (1_024.0, 1_024.0 * MIB);
        let mut inputs = vec![
            Input::new("up", self.up),
            input(&PROCESS_START, self.start),
            input(&PROCESS_RESIDENT, self.resident),
            input(&ALLOCATOR_ALLOCATED, self.allocated),
            input(&CGROUP_LIMIT, flat(LIMIT)),
            input(&MACHINE_MEMORY, flat(64.0 * LIMIT)),
            input(&TASKS_LIVE, self.tasks),
            input(&STORE_QUEUE, self.queue).with(STORE.0, STORE.1),
            input(&STORE_QUEUE_MAX, flat(queue_max)).with(STORE.0, STORE.1),
            input(&STORE_FILE, Values::rising(8.0 * MIB, MIB / 8.0, minutes))
                .with(STORE.0, STORE.1),
            input(&STORE_FILE_MAX, flat(file_max)).with(STORE.0, STORE.1),
            input(&STORE_DISK_FREE, wave(20_480.0 * MIB, 64.0 * MIB, minutes))
                .with(STORE.0, STORE.1),
            input(&STORE_BATCH_AGE, flat(0.005)).with(STORE.0, STORE.1),
            input(&ORDERS_UNFINISHED_OLDEST, flat(2.0)),
            // One stall in ten minutes is a busy machine.
            input(&WORKER_STALLS, (self.counted)(minutes, 0.1)).with("task", "hash"),
        ];
        inputs.extend(zeros(minutes));
        // Two of its label, for a rule that confuses them fails at the second.
        for invariant in ["stock", "money"] {
            let none = input(&LOAD_VIOLATIONS, flat(0.0));
            inputs.push(none.with("invariant", invariant));
        }
        inputs.extend(requests(&|step| (self.counted)(minutes, step)));
        inputs
    }
}

/// What stays 0 all the time.
fn zeros(minutes: u32) -> Vec<Input> {
    let names = [
        TASKS_DEAD.named(),
        TASKS_ORPHANS.named(),
        TASKS_STRAGGLERS.named(),
        WORKERS_STALLED.named(),
        CGROUP_KILLS.named(),
        ORDERS_CORRUPT.named(),
        PAYMENTS_DISCREPANCIES.named(),
        INVENTORY_BAD_ROWS.named(),
        ORDERS_REFUND_WITHOUT_PAYMENT.named(),
        LOG_DROPPED.named(),
        SPANS_DROPPED.named(),
        LOG_SECRETS.named(),
    ];
    let zero = |name: &str| Input::new(name, Values::flat(0.0, minutes));
    names.map(zero).into()
}

/// Requests and commits: one in 100,000 fails, commits take 10 ms.
fn requests(counted: &dyn Fn(f64) -> Values) -> Vec<Input> {
    let http = format!("{}_count", HTTP_SERVER_DURATION.named());
    let grpc = format!("{}_count", RPC_SERVER_DURATION.named());
    let syncs = format!("{}_bucket", STORE_SYNC.named());
    let waits = format!("{}_bucket", STORE_QUEUE_WAIT.named());
    let bucket = |name: &str, le, step| {
        Input::new(name, counted(step))
            .with(STORE.0, STORE.1)
            .with("le", le)
    };
    vec![
        Input::new(&http, counted(1_000.0)).with("error_type", ""),
        Input::new(&http, counted(0.01)).with("error_type", "500"),
        Input::new(&grpc, counted(2_000.0)).with("error_type", ""),
        bucket(&syncs, "0.01", 590.0),
        bucket(&syncs, "0.25", 600.0),
        bucket(&syncs, "0.5", 600.0),
        bucket(&syncs, "+Inf", 600.0),
        bucket(&waits, "0.01", 590.0),
        bucket(&waits, "1", 600.0),
        bucket(&waits, "2.5", 600.0),
        bucket(&waits, "+Inf", 600.0),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_series_that_a_rule_reads_is_there() {
        let here = steady(10);
        for group in super::super::groups() {
            let rules = group.alerts.iter().map(|alert| &alert.expr);
            let rules = rules.chain(group.recordings.iter().map(|rule| &rule.expr));
            for name in rules.flat_map(|expr| crate::lint::series_in(expr)) {
                let found = here.iter().any(|input| input.name == name);
                assert!(
                    found || name.starts_with("watertight:"),
                    "{name} is missing"
                );
            }
        }
    }
}
