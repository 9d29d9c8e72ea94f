//! *Tasks and runtime*: who does what, and does it get its turn?

use super::absent::NEVER;
use crate::dash::{Dashboard, Draw, Panel, Row, Steps, Unit, panel};
use crate::names::{
    BLOCKING_REFUSED, CANCELLED_WORK, DETACHED, REQUESTS_CANCELLED, RUNTIME_BUSY, RUNTIME_PARKS,
    RUNTIME_QUEUE, RUNTIME_TASKS, RUNTIME_WORKERS, TASK_CANCELS, TASK_OVERRUNS, TASK_PANICS, TASKS,
    TASKS_DEAD, TASKS_LIVE, TASKS_OLDEST, TASKS_ORPHANS, TASKS_STRAGGLERS, TASKS_SUSPECT,
    WORKER_STALLS, WORKERS_STALLED,
};
use crate::query::{RATE, chosen, max_by, sum_by, top};

/// The dashboard.
pub(super) fn board() -> Dashboard {
    Dashboard {
        uid: "watertight-tasks",
        title: "Tasks and runtime",
        description: "Which tasks there are, how old they get, and whether they get their turn.",
        asks: &[],
        from: "now-15m",
        rows: vec![
            Row {
                title: "What must be zero",
                panels: zeros(),
            },
            Row {
                title: "Tasks",
                panels: vec![by_name(), oldest(), growth()],
            },
            Row {
                title: "Work that ends early",
                panels: vec![
                    cancelled(),
                    wasted(),
                    requests(),
                    detached(),
                    refused(),
                    trouble(),
                ],
            },
            Row {
                title: "Runtime",
                panels: runtime(),
            },
        ],
    }
}

fn zeros() -> Vec<Panel> {
    let zero = |title, description, series: &crate::names::Gauged| {
        panel(Draw::Figure, Unit::Count, title, description)
            .wide(6)
            .steps(Steps::Above(1.0, 1.0))
            .ask("{{job}}", sum_by("job", &chosen(series).now()))
    };
    vec![
        zero(
            "Orphans",
            "Tasks that nobody owns. See the runbook of TasksOrphaned.",
            &TASKS_ORPHANS,
        ),
        zero(
            "Dead",
            "Tasks that wait for what can't come: nothing is left that could wake them. That \
            is a proof.",
            &TASKS_DEAD,
        ),
        zero(
            "Stragglers",
            "Tasks that go on although their scope has been closed.",
            &TASKS_STRAGGLERS,
        ),
        zero(
            "Stalled workers",
            "Workers that a task has kept for too long in one poll.",
            &WORKERS_STALLED,
        ),
    ]
}

/// Shown beside memory as well.
pub(super) fn by_name() -> Panel {
    panel(
        Draw::Lines,
        Unit::Count,
        "Tasks by name",
        "The ten kinds of task of which there are most.",
    )
    .ask(
        "{{job}} {{task}}",
        top(10, &sum_by("job, task", &chosen(&TASKS).now())),
    )
}

fn oldest() -> Panel {
    panel(
        Draw::Table,
        Unit::Seconds,
        "Oldest tasks",
        "By kind. Loops of the service are as old as the process; tasks of requests mustn't be.",
    )
    .ask(
        "",
        top(20, &max_by("job, task", &chosen(&TASKS_OLDEST).now())),
    )
}

fn growth() -> Panel {
    panel(
        Draw::Lines,
        Unit::Count,
        "Tasks, and those under suspicion",
        "All tasks; and those that have been parked for far longer than is usual for their kind.",
    )
    .ask("{{job}}", sum_by("job", &chosen(&TASKS_LIVE).now()))
    .ask(
        "{{job}} suspect",
        sum_by("job", &chosen(&TASKS_SUSPECT).now()),
    )
}

fn cancelled() -> Panel {
    panel(
        Draw::Lines,
        Unit::PerSecond,
        "Tasks cancelled",
        "Tasks that were dropped because their scope was cancelled, by kind.",
    )
    .ask_maybe(
        "{{job}} {{task}}",
        top(10, &sum_by("job, task", &chosen(&TASK_CANCELS).rate())),
        NEVER,
    )
}

fn wasted() -> Panel {
    panel(
        Draw::Lines,
        Unit::Seconds,
        "Work for nobody",
        "How long work went on after nobody waited for it any more: the slowest hundredth.",
    )
    .ask(
        "{{job}}",
        chosen(&CANCELLED_WORK).quantile("0.99", "job", RATE),
    )
}

fn requests() -> Panel {
    panel(
        Draw::Lines,
        Unit::PerSecond,
        "Requests cancelled",
        "Requests that ended before their answer, by reason: the caller left, or its deadline \
        came.",
    )
    .ask(
        "{{job}} {{reason}}",
        sum_by("job, reason", &chosen(&REQUESTS_CANCELLED).rate()),
    )
}

fn detached() -> Panel {
    panel(
        Draw::Lines,
        Unit::PerSecond,
        "Detached work",
        "Work after the response, by pool and outcome. Anything but done is lost work.",
    )
    .ask(
        "{{job}} {{pool}} {{outcome}}",
        sum_by("job, pool, outcome", &chosen(&DETACHED).rate()),
    )
}

fn refused() -> Panel {
    panel(
        Draw::Lines,
        Unit::PerSecond,
        "Blocking work refused",
        "Closures that may block and found no place in the queue.",
    )
    .ask_maybe(
        "{{job}} {{task}}",
        sum_by("job, task", &chosen(&BLOCKING_REFUSED).rate()),
        NEVER,
    )
}

fn trouble() -> Panel {
    panel(
        Draw::Lines,
        Unit::PerSecond,
        "Panics, overruns, stalls",
        "Tasks that panicked; periodic jobs that took longer than their period; polls that \
        kept a worker.",
    )
    .ask_maybe(
        "{{job}} {{task}} panics",
        sum_by("job, task", &chosen(&TASK_PANICS).rate()),
        NEVER,
    )
    .ask_maybe(
        "{{job}} {{task}} overruns",
        sum_by("job, task", &chosen(&TASK_OVERRUNS).rate()),
        NEVER,
    )
    .ask_maybe(
        "{{job}} {{task}} stalls",
        sum_by("job, task", &chosen(&WORKER_STALLS).rate()),
        NEVER,
    )
}

fn runtime() -> Vec<Panel> {
    let busy = |by| sum_by(by, &chosen(&RUNTIME_BUSY).rate());
    vec![
        panel(
            Draw::Lines,
            Unit::Ratio,
            "Busy workers",
            "The part of the time in which the workers of a runtime ran tasks. At 1 all of \
            them are busy and work waits.",
        )
        .steps(Steps::Above(0.8, 0.95))
        .ask(
            "{{job}} {{runtime}}",
            format!(
                "{} / {}",
                busy("job, runtime"),
                sum_by("job, runtime", &chosen(&RUNTIME_WORKERS).now())
            ),
        ),
        panel(
            Draw::Lines,
            Unit::Count,
            "Waiting for a worker",
            "Tasks in the common queue of a runtime, and all of its tasks.",
        )
        .ask(
            "{{job}} {{runtime}} waiting",
            sum_by("job, runtime", &chosen(&RUNTIME_QUEUE).now()),
        )
        .ask(
            "{{job}} {{runtime}} tasks",
            sum_by("job, runtime", &chosen(&RUNTIME_TASKS).now()),
        ),
        panel(
            Draw::Lines,
            Unit::PerSecond,
            "Workers going to sleep",
            "A worker without work sleeps until somebody wakes it: few and busy is throughput, \
            many is a quiet service.",
        )
        .ask(
            "{{job}} {{runtime}}",
            sum_by("job, runtime", &chosen(&RUNTIME_PARKS).rate()),
        ),
    ]
}
