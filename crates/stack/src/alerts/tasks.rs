//! Tasks: too many, more and more, lost, stuck.

use super::recording::rising;
use super::series::{INSTANCE, JOB, Labels, Values, labels};
use super::{Alert, Bad, Group, Input, Severity};
use crate::names::{
    Named as _, TASKS_DEAD, TASKS_LIVE, TASKS_ORPHANS, TASKS_STRAGGLERS, WORKER_STALLS,
    WORKERS_STALLED,
};
use crate::query::{any, sum_by};

/// The group.
pub(super) fn group() -> Group {
    Group {
        name: "tasks",
        recordings: Vec::new(),
        alerts: vec![
            many(),
            over_baseline(),
            more_and_more(),
            dead(),
            orphaned(),
            straggling(),
            stalled(),
            stalls(),
        ],
        cases: Vec::new(),
    }
}

fn here() -> Labels {
    labels([JOB, INSTANCE])
}

fn live(values: Values) -> Vec<Input> {
    vec![Input::new(TASKS_LIVE.named(), values)]
}

fn many() -> Alert {
    Alert {
        name: "TasksMany",
        severity: Severity::High,
        expr: format!("{} > 10000", any(&TASKS_LIVE).now()),
        hold: "5m",
        summary: "{{ $labels.job }} on {{ $labels.instance }} has more than 10,000 tasks",
        runbook: "tasks-many",
        bad: Bad {
            inputs: live(Values::flat(12_000.0, 30)),
            silent_at: 4,
            fires_at: 10,
            labels: here(),
        },
    }
}

fn over_baseline() -> Alert {
    let live_now = any(&TASKS_LIVE);
    Alert {
        name: "TasksOverBaseline",
        severity: Severity::Medium,
        // What is usual is the hour that ended a quarter of an hour ago, so that
        // what is unusual now isn't in it. A hundred more is never unusual.
        expr: format!(
            "{} > 3 * avg_over_time({}) + 100",
            live_now.now(),
            live_now.over_before("1h", "15m")
        ),
        hold: "5m",
        summary: "{{ $labels.job }} on {{ $labels.instance }} has three times as many tasks as \
        in the hour before",
        runbook: "tasks-over-baseline",
        bad: Bad {
            inputs: live(Values::flat(200.0, 90).jump(2_000.0).stay(30)),
            silent_at: 93,
            fires_at: 100,
            labels: here(),
        },
    }
}

fn more_and_more() -> Alert {
    let live_now = any(&TASKS_LIVE);
    Alert {
        name: "TasksRise",
        severity: Severity::Medium,
        expr: format!(
            "{}\nand {} > 100",
            rising(&live_now, "5m", ["5m", "10m", "15m"], "1.05"),
            live_now.now()
        ),
        hold: "5m",
        summary: "{{ $labels.job }} on {{ $labels.instance }} has more tasks every five \
        minutes, three times in a row",
        runbook: "tasks-rise",
        bad: Bad {
            inputs: live(Values::rising(200.0, 20.0, 60)),
            silent_at: 15,
            fires_at: 30,
            labels: here(),
        },
    }
}

fn dead() -> Alert {
    Alert {
        name: "TasksDead",
        severity: Severity::High,
        expr: format!("{} > 0", any(&TASKS_DEAD).now()),
        hold: "1m",
        summary: "{{ $labels.job }} on {{ $labels.instance }} has tasks that nothing can wake \
        again",
        runbook: "tasks-dead",
        bad: Bad {
            inputs: vec![Input::new(TASKS_DEAD.named(), Values::flat(1.0, 20))],
            silent_at: 0,
            fires_at: 5,
            labels: here(),
        },
    }
}

fn orphaned() -> Alert {
    Alert {
        name: "TasksOrphaned",
        severity: Severity::High,
        expr: format!("{} > 0", any(&TASKS_ORPHANS).now()),
        // Between a spawn and its entry in the books a task may look like one.
        hold: "2m",
        summary: "{{ $labels.job }} on {{ $labels.instance }} has tasks that nobody owns",
        runbook: "tasks-orphaned",
        bad: Bad {
            inputs: vec![Input::new(TASKS_ORPHANS.named(), Values::flat(1.0, 20))],
            silent_at: 1,
            fires_at: 5,
            labels: here(),
        },
    }
}

fn straggling() -> Alert {
    Alert {
        name: "TasksStraggle",
        severity: Severity::Medium,
        expr: format!("{} > 0", any(&TASKS_STRAGGLERS).now()),
        hold: "5m",
        summary: "{{ $labels.job }} on {{ $labels.instance }} has tasks that go on after their \
        scope was closed",
        runbook: "tasks-straggle",
        bad: Bad {
            inputs: vec![Input::new(TASKS_STRAGGLERS.named(), Values::flat(1.0, 20))],
            silent_at: 4,
            fires_at: 10,
            labels: here(),
        },
    }
}

fn stalled() -> Alert {
    Alert {
        name: "WorkerStalled",
        severity: Severity::High,
        expr: format!("{} > 0", any(&WORKERS_STALLED).now()),
        hold: "1m",
        summary: "a task keeps a worker of {{ $labels.job }} on {{ $labels.instance }} in one poll",
        runbook: "worker-stalled",
        bad: Bad {
            inputs: vec![Input::new(WORKERS_STALLED.named(), Values::flat(1.0, 20))],
            silent_at: 0,
            fires_at: 5,
            labels: here(),
        },
    }
}

fn stalls() -> Alert {
    let growth = any(&WORKER_STALLS).increase_over("5m");
    Alert {
        name: "WorkersStallOften",
        severity: Severity::Medium,
        expr: format!("{} > 30", sum_by("job, instance", &growth)),
        hold: "5m",
        summary: "tasks keep workers of {{ $labels.job }} on {{ $labels.instance }} again and \
        again",
        runbook: "workers-stall-often",
        bad: Bad {
            inputs: vec![
                Input::new(WORKER_STALLS.named(), Values::rising(0.0, 20.0, 30))
                    .with("task", "hash"),
            ],
            silent_at: 4,
            fires_at: 15,
            labels: here(),
        },
    }
}
