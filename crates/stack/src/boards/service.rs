//! *Service detail*: one service, or one process of it, from its edge to its clients.

use super::absent::NEVER;
use super::edge;
use crate::dash::{Dashboard, Draw, Panel, Row, Unit, panel};
use crate::names::{
    ADMIN_REFUSED, CONFIG_LAST_RELOAD_OK, CONNECTIONS, CONNECTIONS_CLOSED, CONNECTIONS_REFUSED,
    HANDLER_PANICS, HTTP_SERVER_DURATION, PROCESS_CPU, PROCESS_FDS, PROCESS_RESIDENT,
    REQUEST_DEADLINES, REQUESTS_REFUSED, RESPONSE_FAULTS, RPC_SERVER_DURATION, STREAMS_CUT,
    TLS_HANDSHAKES,
};
use crate::query::{RATE, chosen, sum_by, top};

/// The dashboard.
pub(super) fn board() -> Dashboard {
    Dashboard {
        uid: "watertight-service",
        title: "Service detail",
        description: "One service, or one process of it: choose job and instance above.",
        asks: &[],
        from: "now-15m",
        rows: vec![
            Row {
                title: "Requests",
                panels: vec![edge::rate(), edge::errors(), edge::latency()],
            },
            Row {
                title: "HTTP",
                panels: vec![http_rate(), http_codes(), http_latency()],
            },
            Row {
                title: "gRPC",
                panels: vec![grpc_rate(), grpc_codes(), grpc_latency()],
            },
            Row {
                title: "Connections",
                panels: vec![connections(), closed(), refused()],
            },
            Row {
                title: "Limits at work",
                panels: vec![deadlines(), cut(), faults()],
            },
            Row {
                title: "Process",
                panels: vec![memory(), processor(), descriptors()],
            },
        ],
    }
}

fn http_rate() -> Panel {
    panel(
        Draw::Lines,
        Unit::RequestsPerSecond,
        "HTTP by route",
        "Requests a second by method and route.",
    )
    .ask(
        "{{http_request_method}} {{http_route}}",
        top(
            12,
            &sum_by("http_request_method, http_route", &edge::http().rate()),
        ),
    )
}

fn http_codes() -> Panel {
    panel(
        Draw::Stacked,
        Unit::RequestsPerSecond,
        "HTTP by status",
        "Answers a second by status.",
    )
    .ask(
        "{{http_response_status_code}}",
        sum_by("http_response_status_code", &edge::http().rate()),
    )
}

fn http_latency() -> Panel {
    let quantile = |q| chosen(&HTTP_SERVER_DURATION).quantile(q, "job", RATE);
    panel(
        Draw::Lines,
        Unit::Seconds,
        "HTTP latency",
        "Half, 95 and 99 of 100 requests were answered within these times.",
    )
    .ask("{{job}} p50", quantile("0.5"))
    .ask("{{job}} p95", quantile("0.95"))
    .ask("{{job}} p99", quantile("0.99"))
}

fn grpc_rate() -> Panel {
    panel(
        Draw::Lines,
        Unit::RequestsPerSecond,
        "gRPC by method",
        "Calls a second by method.",
    )
    .ask(
        "{{rpc_method}}",
        top(12, &sum_by("rpc_method", &edge::grpc().rate())),
    )
}

fn grpc_codes() -> Panel {
    panel(
        Draw::Stacked,
        Unit::RequestsPerSecond,
        "gRPC by code",
        "Answers a second by code.",
    )
    .ask(
        "{{rpc_response_status_code}}",
        sum_by("rpc_response_status_code", &edge::grpc().rate()),
    )
}

fn grpc_latency() -> Panel {
    let quantile = |q| chosen(&RPC_SERVER_DURATION).quantile(q, "job", RATE);
    panel(
        Draw::Lines,
        Unit::Seconds,
        "gRPC latency",
        "Half, 95 and 99 of 100 calls were answered within these times.",
    )
    .ask("{{job}} p50", quantile("0.5"))
    .ask("{{job}} p95", quantile("0.95"))
    .ask("{{job}} p99", quantile("0.99"))
}

fn connections() -> Panel {
    panel(
        Draw::Lines,
        Unit::Count,
        "Open connections",
        "By listener: the service port and the admin port.",
    )
    .ask(
        "{{job}} {{listener}}",
        sum_by("job, listener", &chosen(&CONNECTIONS).now()),
    )
}

fn closed() -> Panel {
    panel(
        Draw::Lines,
        Unit::PerSecond,
        "Connections closed by us",
        "By reason: too slow, too old, idle, or against the rules.",
    )
    .ask(
        "{{job}} {{reason}}",
        sum_by("job, reason", &chosen(&CONNECTIONS_CLOSED).rate()),
    )
}

fn refused() -> Panel {
    panel(
        Draw::Lines,
        Unit::PerSecond,
        "Refused",
        "Connections beyond a limit, by listener and reason; requests beyond one; calls of the \
        admin port without its token; TLS handshakes by result.",
    )
    .ask_maybe(
        "{{job}} {{listener}} {{reason}}",
        sum_by(
            "job, listener, reason",
            &chosen(&CONNECTIONS_REFUSED).rate(),
        ),
        NEVER,
    )
    .ask_maybe(
        "{{job}} requests",
        sum_by("job", &chosen(&REQUESTS_REFUSED).rate()),
        NEVER,
    )
    .ask(
        "{{job}} admin {{reason}}",
        sum_by("job, reason", &chosen(&ADMIN_REFUSED).rate()),
    )
    .ask_maybe(
        "{{job}} TLS {{result}}",
        sum_by("job, result", &chosen(&TLS_HANDSHAKES).rate()),
        "the demo speaks plain text on loopback",
    )
}

fn deadlines() -> Panel {
    panel(
        Draw::Lines,
        Unit::PerSecond,
        "Deadlines of requests",
        "Deadlines that requests asked for and didn't get: cut down to the limit, malformed, or \
        over before they began.",
    )
    .ask(
        "{{job}} {{outcome}}",
        sum_by("job, outcome", &chosen(&REQUEST_DEADLINES).rate()),
    )
}

fn cut() -> Panel {
    panel(
        Draw::Lines,
        Unit::PerSecond,
        "Streams cut off",
        "Responses that were ended although they weren't over, by reason.",
    )
    .ask_maybe(
        "{{job}} {{reason}}",
        sum_by("job, reason", &chosen(&STREAMS_CUT).rate()),
        NEVER,
    )
}

fn faults() -> Panel {
    panel(
        Draw::Lines,
        Unit::PerSecond,
        "Faults of handlers",
        "Panics, and responses that contradict themselves, by kind.",
    )
    .ask_maybe(
        "{{job}} panics",
        sum_by("job", &chosen(&HANDLER_PANICS).rate()),
        NEVER,
    )
    .ask_maybe(
        "{{job}} {{kind}}",
        sum_by("job, kind", &chosen(&RESPONSE_FAULTS).rate()),
        NEVER,
    )
}

fn memory() -> Panel {
    panel(
        Draw::Lines,
        Unit::Bytes,
        "Resident memory",
        "More on *Memory trends*.",
    )
    .ask("{{job}} {{instance}}", chosen(&PROCESS_RESIDENT).now())
}

fn processor() -> Panel {
    panel(
        Draw::Lines,
        Unit::None,
        "Processors used",
        "1 is one processor all the time.",
    )
    .ask(
        "{{job}} {{instance}}",
        sum_by("job, instance", &chosen(&PROCESS_CPU).rate()),
    )
}

fn descriptors() -> Panel {
    panel(
        Draw::Lines,
        Unit::Count,
        "File descriptors, and whether the last reload was taken",
        "Open files and sockets; 1 where the configuration in force is the one on the disk.",
    )
    .ask(
        "{{job}} descriptors",
        sum_by("job", &chosen(&PROCESS_FDS).now()),
    )
    .ask(
        "{{job}} reload",
        sum_by("job", &chosen(&CONFIG_LAST_RELOAD_OK).now()),
    )
}
