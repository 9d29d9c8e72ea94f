//! *Overview*: the home page. Is the shop well, and which service isn't?

use super::absent::{LOAD, NEVER};
use super::edge;
use crate::dash::{Dashboard, Draw, Panel, Row, Steps, Unit, panel};
use crate::names::{
    ALLOCATOR_ALLOCATED, BUILD_INFO, HTTP_CLIENT_DURATION, HTTP_SERVER_DURATION,
    INVENTORY_BAD_ROWS, LOAD_MONEY, LOAD_STOCK, ORDERS_CORRUPT, ORDERS_ENDED,
    ORDERS_REFUND_WITHOUT_PAYMENT, ORDERS_UNFINISHED_OLDEST, PAYMENTS_DISCREPANCIES,
    PROCESS_RESIDENT, PROCESS_START, RPC_CLIENT_DURATION, TASKS_DEAD, TASKS_ORPHANS,
};
use crate::query::{RATE, chosen, max_by, recorded, sum_by, top};

/// The dashboard.
pub(super) fn board() -> Dashboard {
    Dashboard {
        uid: "watertight-overview",
        title: "Overview",
        description: "Is the shop well, and if not, which service isn't?",
        asks: &[],
        from: "now-15m",
        rows: vec![
            Row {
                title: "At a glance",
                panels: glance(),
            },
            Row {
                title: "Requests",
                panels: vec![
                    edge::rate(),
                    edge::errors(),
                    edge::latency(),
                    routes(),
                    slowest(),
                ],
            },
            Row {
                title: "Orders",
                panels: vec![ended(), steps(), oldest(), stock(), money()],
            },
            Row {
                title: "Who calls whom, and what runs",
                panels: vec![calls(), memory(), builds()],
            },
        ],
    }
}

fn glance() -> Vec<Panel> {
    let up = r#"sum(up{job=~"$job", instance=~"$instance"})"#;
    let all = r#"count(up{job=~"$job", instance=~"$instance"})"#;
    vec![
        panel(
            Draw::Figure,
            Unit::Ratio,
            "Targets up",
            "The part of all scraped processes that answers.",
        )
        .steps(Steps::Below(0.99, 1.0))
        .ask("up", format!("{up} / {all}")),
        panel(
            Draw::Figure,
            Unit::PerSecond,
            "Orders a second",
            "Orders that came to an end, whichever: confirmed, rejected or cancelled.",
        )
        .ask("orders", format!("sum({})", chosen(&ORDERS_ENDED).rate())),
        panel(
            Draw::Figure,
            Unit::RequestsPerSecond,
            "Requests a second",
            "Over HTTP and gRPC, at all services together.",
        )
        .ask("requests", format!("sum({})", edge::requests("job"))),
        panel(
            Draw::Figure,
            Unit::Ratio,
            "Failed requests",
            "The part that the services failed; what callers did wrong doesn't count.",
        )
        .steps(Steps::Above(0.001, 0.01))
        .ask(
            "failed",
            format!(
                "sum({}) / sum({})",
                edge::failures("job"),
                edge::requests("job")
            ),
        ),
        broken(),
        panel(
            Draw::Figure,
            Unit::Count,
            "Lost tasks",
            "Tasks that nobody owns, and tasks that nothing can wake again. Both must be 0.",
        )
        .steps(Steps::Above(1.0, 2.0))
        .ask(
            "lost",
            format!(
                "sum({}) + sum({})",
                chosen(&TASKS_ORPHANS).now(),
                chosen(&TASKS_DEAD).now()
            ),
        ),
    ]
}

/// Money and stock.
fn broken() -> Panel {
    panel(
        Draw::Figure,
        Unit::Count,
        "Broken invariants",
        "Orders that can't be read, stock that doesn't add up, payments that the provider's ledger \
         contradicts, refunds without a payment, and what whoever looks from outside found. Must be 0.",
    )
    .steps(Steps::Above(1.0, 2.0))
    .ask(
        "broken",
        format!("sum({})", recorded("watertight:invariants_broken").now()),
    )
}

fn routes() -> Panel {
    panel(
        Draw::Table,
        Unit::RequestsPerSecond,
        "Busiest routes",
        "Requests a second by service and route over HTTP, and by method over gRPC.",
    )
    .wide(12)
    .ask(
        "",
        top(10, &sum_by("job, http_route", &edge::http().rate())),
    )
    .ask(
        "",
        top(10, &sum_by("job, rpc_method", &edge::grpc().rate())),
    )
}

fn slowest() -> Panel {
    let slow = chosen(&HTTP_SERVER_DURATION).quantile("0.99", "job, http_route", RATE);
    panel(
        Draw::Bars,
        Unit::Seconds,
        "Slowest routes",
        "The routes whose slowest hundredth takes longest.",
    )
    .wide(12)
    .ask("{{job}} {{http_route}}", top(8, &slow))
}

fn ended() -> Panel {
    panel(
        Draw::Stacked,
        Unit::PerSecond,
        "Orders by end",
        "Orders that ended, by state.",
    )
    .ask("{{state}}", sum_by("state", &chosen(&ORDERS_ENDED).rate()))
}

fn steps() -> Panel {
    let series = |what: &crate::names::Counted| chosen(what).increase_over(RATE);
    panel(
        Draw::Lines,
        Unit::Count,
        "What contradicts the ledgers",
        "Each counts one kind of contradiction between what the shop wrote down and what is so.",
    )
    .steps(Steps::Above(1.0, 2.0))
    .ask(
        "orders that can't be read",
        sum_by("job", &chosen(&ORDERS_CORRUPT).now()),
    )
    .ask_maybe(
        "payments against the provider",
        sum_by("job", &series(&PAYMENTS_DISCREPANCIES)),
        NEVER,
    )
    .ask_maybe(
        "rows of stock",
        sum_by("job", &series(&INVENTORY_BAD_ROWS)),
        NEVER,
    )
    .ask_maybe(
        "refunds without payment",
        sum_by("job", &series(&ORDERS_REFUND_WITHOUT_PAYMENT)),
        NEVER,
    )
}

fn oldest() -> Panel {
    panel(
        Draw::Lines,
        Unit::Seconds,
        "Oldest unfinished order",
        "Grows while a dependency is away; an order that isn't paid after two minutes turns back.",
    )
    .ask("{{instance}}", chosen(&ORDERS_UNFINISHED_OLDEST).now())
}

fn stock() -> Panel {
    panel(
        Draw::Lines,
        Unit::Count,
        "Stock, seen from outside",
        "Pieces of all articles: available, reserved and sold add up to what was received, always.",
    )
    .wide(12)
    .ask_maybe(
        "{{state}}",
        sum_by("state", &chosen(&LOAD_STOCK).now()),
        LOAD,
    )
}

fn money() -> Panel {
    panel(
        Draw::Lines,
        Unit::Euros,
        "Money, seen from outside",
        "What confirmed orders cost, and what the provider's ledger says was taken and given back.",
    )
    .wide(12)
    .ask_maybe(
        "{{kind}}",
        format!("{} / 100", sum_by("kind", &chosen(&LOAD_MONEY).now())),
        LOAD,
    )
}

fn calls() -> Panel {
    panel(
        Draw::Table,
        Unit::RequestsPerSecond,
        "Who calls whom",
        "Calls a second from one service to another, as the caller counts them.",
    )
    .ask(
        "",
        sum_by(
            "job, server_address",
            &chosen(&RPC_CLIENT_DURATION).part("count").rate(),
        ),
    )
    .ask(
        "",
        sum_by(
            "job, server_address",
            &chosen(&HTTP_CLIENT_DURATION).part("count").rate(),
        ),
    )
}

fn memory() -> Panel {
    panel(
        Draw::Lines,
        Unit::Bytes,
        "Memory",
        "Resident memory and what the program itself holds. More on *Memory trends*.",
    )
    .ask(
        "{{job}} resident",
        sum_by("job", &chosen(&PROCESS_RESIDENT).now()),
    )
    .ask(
        "{{job}} allocated",
        sum_by("job", &chosen(&ALLOCATOR_ALLOCATED).now()),
    )
    .limit(
        "{{job}} limit",
        max_by("job", &recorded("watertight:memory_limit_bytes").now()),
        None,
    )
}

fn builds() -> Panel {
    let age = format!("time() - {}", chosen(&PROCESS_START).now());
    panel(
        Draw::Table,
        Unit::Seconds,
        "What runs",
        "Version and build profile of each process, and for how long it has run.",
    )
    .ask(
        "",
        sum_by(
            "job, instance, version, profile",
            &chosen(&BUILD_INFO).now(),
        ),
    )
    .ask("", sum_by("job, instance", &age))
}
