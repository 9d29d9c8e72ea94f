//! *Store and saga*: is everything durable in time, and do orders get on?

use super::absent::NEVER;
use crate::dash::{Dashboard, Draw, Panel, Row, Steps, Unit, panel};
use crate::names::{
    GATEWAY_EVENT_STREAMS, GATEWAY_IMPORT_ROWS, INVENTORY_EXPIRED, ORDERS_AUDIT_LINES,
    ORDERS_ENDED, ORDERS_JOBS, ORDERS_JOBS_MAX, ORDERS_LEASES_CLAIMED, ORDERS_LEASES_LOST,
    ORDERS_SAGA_RETRIES, ORDERS_SAGA_STEP, ORDERS_UNFINISHED_OLDEST, ORDERS_WATCHERS,
    PAYMENTS_ASKS, PAYMENTS_CHECKS, PAYMENTS_INTENTS_SWEPT, PAYMENTS_PROVIDER_ATTEMPTS,
    STORE_BATCH, STORE_BATCH_AGE, STORE_COMMANDS, STORE_COMMIT, STORE_DISK_FREE, STORE_FILE,
    STORE_QUEUE, STORE_QUEUE_MAX, STORE_QUEUE_WAIT, STORE_READER_WAIT, STORE_READERS_BUSY,
    STORE_READERS_MAX, STORE_SYNC, STORE_WAL,
};
use crate::query::{RATE, chosen, max_by, min_by, sum_by};

/// The dashboard.
pub(super) fn board() -> Dashboard {
    Dashboard {
        uid: "watertight-store",
        title: "Store and saga",
        description: "Is everything durable in time, and do orders get on?",
        asks: &[],
        from: "now-15m",
        rows: vec![
            Row {
                title: "Store",
                panels: vec![
                    commands(),
                    commit(),
                    batch(),
                    queue(),
                    queue_age(),
                    readers(),
                    waiting(),
                    wal(),
                    files(),
                    disk(),
                ],
            },
            Row {
                title: "Saga",
                panels: vec![
                    steps(),
                    slow_steps(),
                    retries(),
                    jobs(),
                    oldest(),
                    ended(),
                    leases(),
                ],
            },
            Row {
                title: "Payments",
                panels: vec![asks(), attempts(), intents()],
            },
            Row {
                title: "Beside the sale",
                panels: vec![audit(), expired(), streams()],
            },
        ],
    }
}

fn commands() -> Panel {
    panel(
        Draw::Lines,
        Unit::PerSecond,
        "Commands",
        "Durable steps a second by store and outcome.",
    )
    .ask(
        "{{store}} {{outcome}}",
        sum_by("store, outcome", &chosen(&STORE_COMMANDS).rate()),
    )
}

fn commit() -> Panel {
    panel(
        Draw::Lines,
        Unit::Seconds,
        "Batches and fsync",
        "How long a batch takes as a whole, and its fsync alone: 99 of 100 took no longer.",
    )
    .ask(
        "{{store}} batch",
        chosen(&STORE_COMMIT).quantile("0.99", "store", RATE),
    )
    .ask(
        "{{store}} fsync",
        chosen(&STORE_SYNC).quantile("0.99", "store", RATE),
    )
}

fn queue_age() -> Panel {
    panel(
        Draw::Lines,
        Unit::Seconds,
        "Age of the queue",
        "How long the oldest command of a batch had waited (99 of 100), and how long the batch under way has been: \
         that one grows when the disk hangs.",
    )
    .ask(
        "{{store}} waited",
        chosen(&STORE_QUEUE_WAIT).quantile("0.99", "store", RATE),
    )
    .ask(
        "{{store}} under way",
        max_by("store", &chosen(&STORE_BATCH_AGE).now()),
    )
}

fn disk() -> Panel {
    panel(
        Draw::Lines,
        Unit::Bytes,
        "Free on the disk",
        "What the disk that the database is on has left for it.",
    )
    .ask(
        "{{store}}",
        // Of two instances, the disk that is full first.
        min_by("store", &chosen(&STORE_DISK_FREE).now()),
    )
}

fn batch() -> Panel {
    panel(
        Draw::Lines,
        Unit::Count,
        "Commands per commit",
        "Grows with the load: the slower the disk, the larger the batches.",
    )
    .ask("{{store}}", chosen(&STORE_BATCH).mean("store", RATE))
}

fn queue() -> Panel {
    panel(
        Draw::Lines,
        Unit::Count,
        "Commands that wait",
        "A full queue refuses; the dashed line is its bound.",
    )
    .ask("{{store}}", max_by("store", &chosen(&STORE_QUEUE).now()))
    .limit(
        "{{store}} bound",
        max_by("store", &chosen(&STORE_QUEUE_MAX).now()),
        None,
    )
}

fn readers() -> Panel {
    panel(
        Draw::Lines,
        Unit::Count,
        "Readers in use",
        "The dashed line is how many there are.",
    )
    .ask(
        "{{store}}",
        max_by("store", &chosen(&STORE_READERS_BUSY).now()),
    )
    .limit(
        "{{store}} bound",
        max_by("store", &chosen(&STORE_READERS_MAX).now()),
        None,
    )
}

fn waiting() -> Panel {
    panel(
        Draw::Lines,
        Unit::Seconds,
        "Waiting for a reader",
        "Within this time 99 of 100 reads had one.",
    )
    .ask(
        "{{store}}",
        chosen(&STORE_READER_WAIT).quantile("0.99", "store", RATE),
    )
}

fn wal() -> Panel {
    panel(
        Draw::Lines,
        Unit::Bytes,
        "Write-ahead log",
        "Grows while a reader keeps it from being folded into the database.",
    )
    .ask("{{store}}", max_by("store", &chosen(&STORE_WAL).now()))
}

fn files() -> Panel {
    panel(
        Draw::Lines,
        Unit::Bytes,
        "Database",
        "Size of the file; what is deleted leaves room in it.",
    )
    .ask("{{store}}", max_by("store", &chosen(&STORE_FILE).now()))
}

fn steps() -> Panel {
    panel(
        Draw::Lines,
        Unit::PerSecond,
        "Steps",
        "Steps of sagas a second, by the state they left.",
    )
    .ask(
        "{{from}}",
        sum_by("from", &chosen(&ORDERS_SAGA_STEP).part("count").rate()),
    )
}

fn slow_steps() -> Panel {
    panel(
        Draw::Lines,
        Unit::Seconds,
        "How long steps take",
        "Within this time 95 of 100 steps were done, call and commit, by the state they left.",
    )
    .ask(
        "{{from}}",
        chosen(&ORDERS_SAGA_STEP).quantile("0.95", "from", RATE),
    )
}

fn retries() -> Panel {
    panel(
        Draw::Lines,
        Unit::PerSecond,
        "Calls made again",
        "By call. A steady rate means that a service is slow or away.",
    )
    .ask(
        "{{call}}",
        sum_by("call", &chosen(&ORDERS_SAGA_RETRIES).rate()),
    )
}

fn jobs() -> Panel {
    panel(
        Draw::Lines,
        Unit::Count,
        "Sagas that run",
        "One more than the dashed line is refused before it is recorded.",
    )
    .ask("{{instance}}", chosen(&ORDERS_JOBS).now())
    .limit("{{instance}} bound", chosen(&ORDERS_JOBS_MAX).now(), None)
}

fn oldest() -> Panel {
    panel(
        Draw::Lines,
        Unit::Seconds,
        "Oldest unfinished order",
        "An order that isn't paid after two minutes turns back; older ones wait for a refund \
        or a release.",
    )
    .steps(Steps::Above(60.0, 150.0))
    .ask("{{instance}}", chosen(&ORDERS_UNFINISHED_OLDEST).now())
}

fn ended() -> Panel {
    panel(
        Draw::Stacked,
        Unit::PerSecond,
        "Ends by reason",
        "Orders that ended, by state and reason.",
    )
    .ask(
        "{{state}} {{reason}}",
        sum_by("state, reason", &chosen(&ORDERS_ENDED).rate()),
    )
}

fn leases() -> Panel {
    panel(
        Draw::Lines,
        Unit::PerSecond,
        "Leases taken over and lost",
        "Orders that a sweeper took up, and jobs that found another one at work.",
    )
    .ask(
        "taken over",
        sum_by("job", &chosen(&ORDERS_LEASES_CLAIMED).rate()),
    )
    .ask("lost", sum_by("job", &chosen(&ORDERS_LEASES_LOST).rate()))
}

fn asks() -> Panel {
    panel(
        Draw::Lines,
        Unit::PerSecond,
        "What is asked of payments",
        "By what was asked and how it ended.",
    )
    .ask(
        "{{ask}} {{outcome}}",
        sum_by("ask, outcome", &chosen(&PAYMENTS_ASKS).rate()),
    )
}

fn attempts() -> Panel {
    panel(
        Draw::Lines,
        Unit::PerSecond,
        "Calls to the provider",
        "Attempts a second by outcome, over all of its endpoints.",
    )
    .ask(
        "{{outcome}}",
        sum_by("outcome", &chosen(&PAYMENTS_PROVIDER_ATTEMPTS).rate()),
    )
}

fn intents() -> Panel {
    panel(
        Draw::Lines,
        Unit::PerSecond,
        "In doubt",
        "Payments that the sweeper took up, and what became of them; payments that were looked \
        at again.",
    )
    .ask_maybe(
        "swept {{outcome}}",
        sum_by("outcome", &chosen(&PAYMENTS_INTENTS_SWEPT).rate()),
        NEVER,
    )
    .ask_maybe(
        "checked {{outcome}}",
        sum_by("outcome", &chosen(&PAYMENTS_CHECKS).rate()),
        NEVER,
    )
}

fn audit() -> Panel {
    panel(
        Draw::Lines,
        Unit::PerSecond,
        "Audit lines",
        "Lines of the audit by outcome; they are written after the answer, and dropped rather \
        than waited for.",
    )
    .ask(
        "{{outcome}}",
        sum_by("outcome", &chosen(&ORDERS_AUDIT_LINES).rate()),
    )
}

fn expired() -> Panel {
    panel(
        Draw::Lines,
        Unit::PerSecond,
        "Reservations that ran out",
        "Stock that was given back because nobody took it in time.",
    )
    .ask_maybe(
        "{{job}}",
        sum_by("job", &chosen(&INVENTORY_EXPIRED).rate()),
        NEVER,
    )
}

fn streams() -> Panel {
    panel(
        Draw::Lines,
        Unit::Count,
        "Watched orders, imported rows",
        "Event streams at the gateway, watch streams at orders; rows imported a second, by \
        outcome.",
    )
    .ask(
        "event streams",
        sum_by("job", &chosen(&GATEWAY_EVENT_STREAMS).now()),
    )
    .ask(
        "watch streams",
        sum_by("job", &chosen(&ORDERS_WATCHERS).now()),
    )
    .ask(
        "rows {{outcome}}",
        sum_by("outcome", &chosen(&GATEWAY_IMPORT_ROWS).rate()),
    )
}
