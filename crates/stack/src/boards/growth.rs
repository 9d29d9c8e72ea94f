//! What grows together with memory: tasks, queues, pools, connections.

use super::tasks;
use crate::dash::{Draw, Panel, Steps, Unit, panel};
use crate::names::{
    BLOCKING_BUSY, BLOCKING_QUEUE, BLOCKING_QUEUE_MAX, BLOCKING_THREADS_MAX, CONNECTIONS,
    CONNECTIONS_MAX, DETACHED_TASKS, DETACHED_TASKS_MAX, REQUESTS_IN_FLIGHT,
    REQUESTS_IN_FLIGHT_MAX, RUNTIME_QUEUE, STORE_QUEUE, STORE_QUEUE_MAX, STORE_READERS_BUSY,
    STORE_READERS_MAX, TASKS_LIVE, TASKS_OLDEST,
};
use crate::query::{chosen, max_by, sum_by, top};

/// The panels, for the dashboard of memory.
pub(super) fn panels() -> Vec<Panel> {
    vec![
        tasks::by_name(),
        ages(),
        live(),
        queues(),
        pools(),
        connections(),
    ]
}

fn ages() -> Panel {
    panel(
        Draw::Lines,
        Unit::Seconds,
        "Oldest task by name",
        "A kind of task that belongs to requests and grows old as fast as time goes by is stuck.",
    )
    .ask(
        "{{job}} {{task}}",
        top(10, &max_by("job, task", &chosen(&TASKS_OLDEST).now())),
    )
}

fn live() -> Panel {
    panel(
        Draw::Lines,
        Unit::Count,
        "Tasks in all",
        "All tasks of each process.",
    )
    .ask("{{job}}", sum_by("job", &chosen(&TASKS_LIVE).now()))
}

fn queues() -> Panel {
    let waiting = |state: &str| chosen(&DETACHED_TASKS).with(state).now();
    panel(
        Draw::Lines,
        Unit::Count,
        "Queues",
        "What waits: commands for the store's writer, detached work, closures that may block, \
         tasks in the common queue of a runtime.",
    )
    .ask(
        "{{job}} {{store}} commands",
        sum_by("job, store", &chosen(&STORE_QUEUE).now()),
    )
    .ask(
        "{{job}} {{pool}} detached",
        sum_by("job, pool", &waiting(r#"state="waiting""#)),
    )
    .ask(
        "{{job}} blocking",
        sum_by("job", &chosen(&BLOCKING_QUEUE).now()),
    )
    .ask(
        "{{job}} {{runtime}} runtime",
        sum_by("job, runtime", &chosen(&RUNTIME_QUEUE).now()),
    )
}

/// Parts of what there may be, so that all bounds are one line.
fn pools() -> Panel {
    let part = |by: &str, of: &str, all: &str| format!("{} / {}", sum_by(by, of), sum_by(by, all));
    let detached = |state: &str| {
        let state = format!(r#"state="{state}""#);
        let of = chosen(&DETACHED_TASKS).with(&state).now();
        part(
            "job, pool",
            &of,
            &chosen(&DETACHED_TASKS_MAX).with(&state).now(),
        )
    };
    panel(
        Draw::Lines,
        Unit::Ratio,
        "How full bounded things are",
        "The part of its bound that each queue and pool has taken. At 1 the next one is \
        refused, waits, or is dropped.",
    )
    .steps(Steps::Above(0.7, 0.9))
    .ask(
        "{{job}} {{store}} commands",
        part(
            "job, store",
            &chosen(&STORE_QUEUE).now(),
            &chosen(&STORE_QUEUE_MAX).now(),
        ),
    )
    .ask(
        "{{job}} {{store}} readers",
        part(
            "job, store",
            &chosen(&STORE_READERS_BUSY).now(),
            &chosen(&STORE_READERS_MAX).now(),
        ),
    )
    .ask("{{job}} {{pool}} detached", detached("running"))
    .ask("{{job}} {{pool}} detached, waiting", detached("waiting"))
    .ask(
        "{{job}} blocking",
        part(
            "job",
            &chosen(&BLOCKING_BUSY).now(),
            &chosen(&BLOCKING_THREADS_MAX).now(),
        ),
    )
    .ask(
        "{{job}} blocking, waiting",
        part(
            "job",
            &chosen(&BLOCKING_QUEUE).now(),
            &chosen(&BLOCKING_QUEUE_MAX).now(),
        ),
    )
    .ask(
        "{{job}} requests",
        part(
            "job",
            &chosen(&REQUESTS_IN_FLIGHT).now(),
            &chosen(&REQUESTS_IN_FLIGHT_MAX).now(),
        ),
    )
    .ask(
        "{{job}} connections",
        part(
            "job",
            &chosen(&CONNECTIONS).now(),
            &chosen(&CONNECTIONS_MAX).now(),
        ),
    )
}

fn connections() -> Panel {
    panel(
        Draw::Lines,
        Unit::Count,
        "Connections and requests",
        "Open connections by listener, and requests that are being answered.",
    )
    .ask(
        "{{job}} {{listener}}",
        sum_by("job, listener", &chosen(&CONNECTIONS).now()),
    )
    .ask(
        "{{job}} requests",
        sum_by("job", &chosen(&REQUESTS_IN_FLIGHT).now()),
    )
}
