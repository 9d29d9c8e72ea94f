//! The shop: money and stock, orders that don't get on, the store and its disk.

use super::memory::MIB;
use super::recording::BROKEN;
use super::series::{INSTANCE, JOB, Values, labels};
use super::{Alert, Bad, Group, Input, Severity};
use crate::names::{
    Named as _, ORDERS_UNFINISHED_OLDEST, PAYMENTS_DISCREPANCIES, STORE_BATCH_AGE, STORE_DISK_FREE,
    STORE_FILE, STORE_FILE_MAX, STORE_QUEUE, STORE_QUEUE_MAX, STORE_QUEUE_WAIT, STORE_SYNC,
};
use crate::query::any;

/// The label of made-up stores.
pub(super) const STORE: (&str, &str) = ("store", "orders");

/// The group.
pub(super) fn group() -> Group {
    Group {
        name: "shop",
        recordings: Vec::new(),
        alerts: vec![
            broken(),
            orders_old(),
            queue_full(),
            queue_old(),
            fsync_slow(),
            disk_filling(),
        ],
        cases: Vec::new(),
    }
}

fn broken() -> Alert {
    Alert {
        name: "InvariantsBroken",
        severity: Severity::Critical,
        expr: format!("{BROKEN} > 0"),
        hold: "0m",
        summary: "money or stock of {{ $labels.job }} on {{ $labels.instance }} doesn't add up",
        runbook: "invariants-broken",
        bad: Bad {
            inputs: vec![Input::new(
                PAYMENTS_DISCREPANCIES.named(),
                Values::flat(0.0, 10).jump(1.0).stay(20),
            )],
            silent_at: 9,
            fires_at: 13,
            labels: labels([JOB, INSTANCE]),
        },
    }
}

fn orders_old() -> Alert {
    Alert {
        name: "OrdersOld",
        severity: Severity::High,
        // What isn't paid after two minutes turns back, so an older order is
        // one that can't even do that.
        expr: format!("{} > 180", any(&ORDERS_UNFINISHED_OLDEST).now()),
        hold: "2m",
        summary: "an order on {{ $labels.instance }} has been under way for more than three \
        minutes",
        runbook: "orders-old",
        bad: Bad {
            inputs: vec![Input::new(
                ORDERS_UNFINISHED_OLDEST.named(),
                Values::rising(0.0, 60.0, 20),
            )],
            silent_at: 4,
            fires_at: 10,
            labels: labels([JOB, INSTANCE]),
        },
    }
}

fn queue_full() -> Alert {
    Alert {
        name: "StoreQueueFull",
        severity: Severity::High,
        expr: format!(
            "{} > 0.8 * {}",
            any(&STORE_QUEUE).now(),
            any(&STORE_QUEUE_MAX).now()
        ),
        hold: "1m",
        summary: "the queue of store {{ $labels.store }} of {{ $labels.job }} is nearly full",
        runbook: "store-queue-full",
        bad: Bad {
            inputs: vec![
                Input::new(STORE_QUEUE.named(), Values::flat(1_000.0, 20)).with(STORE.0, STORE.1),
            ],
            silent_at: 0,
            fires_at: 5,
            labels: labels([JOB, INSTANCE, STORE]),
        },
    }
}

fn queue_old() -> Alert {
    let name = format!("{}_bucket", STORE_QUEUE_WAIT.named());
    let bucket = |le, step| {
        Input::new(&name, Values::rising(0.0, step, 30))
            .with(STORE.0, STORE.1)
            .with("le", le)
    };
    Alert {
        name: "StoreQueueOld",
        severity: Severity::High,
        expr: format!(
            "{} > 1\nor\nmax by (job, instance, store) ({}) > 5",
            any(&STORE_QUEUE_WAIT).quantile("0.99", "job, instance, store", "5m"),
            any(&STORE_BATCH_AGE).now()
        ),
        hold: "1m",
        summary: "commands wait long for the writer of store {{ $labels.store }} of {{ \
        $labels.job }}",
        runbook: "store-queue-old",
        bad: Bad {
            inputs: vec![
                bucket("0.01", 5.0),
                bucket("1", 10.0),
                bucket("2.5", 60.0),
                bucket("+Inf", 60.0),
            ],
            silent_at: 1,
            fires_at: 10,
            labels: labels([JOB, INSTANCE, STORE]),
        },
    }
}

fn fsync_slow() -> Alert {
    let name = format!("{}_bucket", STORE_SYNC.named());
    let bucket = |le, step| {
        Input::new(&name, Values::rising(0.0, step, 30))
            .with(STORE.0, STORE.1)
            .with("le", le)
    };
    Alert {
        name: "StoreFsyncSlow",
        severity: Severity::High,
        expr: format!(
            "{} > 0.25",
            any(&STORE_SYNC).quantile("0.99", "job, instance, store", "5m")
        ),
        hold: "5m",
        summary: "the disk under store {{ $labels.store }} of {{ $labels.job }} takes more \
        than 250 ms for a commit",
        runbook: "store-fsync-slow",
        bad: Bad {
            inputs: vec![
                bucket("0.01", 5.0),
                bucket("0.25", 10.0),
                bucket("0.5", 60.0),
                bucket("+Inf", 60.0),
            ],
            silent_at: 4,
            fires_at: 15,
            labels: labels([JOB, INSTANCE, STORE]),
        },
    }
}

fn disk_filling() -> Alert {
    let free = any(&STORE_DISK_FREE);
    let (file, bound) = (any(&STORE_FILE).now(), any(&STORE_FILE_MAX).now());
    Alert {
        name: "DiskFilling",
        severity: Severity::High,
        // The disk is nearly full, or will be within four hours at the pace of
        // the last one, or the database is near the size that it may have. What
        // is younger than half an hour has no pace.
        expr: format!(
            "{now} < 512 * 1024 * 1024\nor\n\
             (predict_linear({hour}, 4 * 3600) < 0 and {now} < {now} offset 30m)\nor\n\
             {file} > 0.85 * {bound}",
            now = free.now(),
            hour = free.over("1h"),
        ),
        hold: "10m",
        summary: "the database {{ $labels.store }} of {{ $labels.job }} runs out of room: of its \
        disk, or of the size it may have",
        runbook: "disk-filling",
        bad: Bad {
            inputs: vec![
                Input::new(
                    STORE_DISK_FREE.named(),
                    Values::rising(20_480.0 * MIB, -128.0 * MIB, 120),
                )
                .with(STORE.0, STORE.1),
            ],
            silent_at: 5,
            fires_at: 60,
            labels: labels([JOB, INSTANCE, STORE]),
        },
    }
}
