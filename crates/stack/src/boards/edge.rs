//! Panels of requests, which several dashboards show: rate, errors, duration.

use crate::dash::{Draw, Panel, Steps, Unit, panel};
use crate::names::{HTTP_SERVER_DURATION, RPC_SERVER_DURATION};
use crate::query::{FAILED, Selector, chosen, sum_by};

/// Requests a second over HTTP and gRPC, by labels that both have.
pub(super) fn requests(by: &str) -> String {
    sum_by(by, &format!("{} or {}", http().rate(), grpc().rate()))
}

/// Those that the server failed, 0 if there are none.
pub(super) fn failures(by: &str) -> String {
    let [http, grpc] = [http(), grpc()].map(|count| count.with(FAILED).rate());
    let failed = sum_by(by, &format!("{http} or {grpc}"));
    format!("({failed} or 0 * {})", requests(by))
}

/// Requests over HTTP.
pub(super) fn http() -> Selector {
    chosen(&HTTP_SERVER_DURATION).part("count")
}

/// Calls over gRPC.
pub(super) fn grpc() -> Selector {
    chosen(&RPC_SERVER_DURATION).part("count")
}

/// Requests a second, by service.
pub(super) fn rate() -> Panel {
    panel(
        Draw::Lines,
        Unit::RequestsPerSecond,
        "Requests",
        "Requests a second that each service answered, over HTTP and gRPC.",
    )
    .ask("{{job}}", requests("job"))
}

/// The part that failed.
pub(super) fn errors() -> Panel {
    panel(
        Draw::Lines,
        Unit::Ratio,
        "Failed requests",
        "The part of all requests that the server failed: HTTP 5xx, and the gRPC codes that say so. \
         What callers did wrong doesn't count.",
    )
    .steps(Steps::Above(0.001, 0.01))
    .ask("{{job}}", format!("{} / {}", failures("job"), requests("job")))
}

/// How long requests took.
pub(super) fn latency() -> Panel {
    panel(
        Draw::Lines,
        Unit::Seconds,
        "Latency, 99th percentile",
        "Within this time 99 of 100 requests were answered.",
    )
    .ask(
        "{{job}} HTTP",
        chosen(&HTTP_SERVER_DURATION).quantile("0.99", "job", crate::query::RATE),
    )
    .ask(
        "{{job}} gRPC",
        chosen(&RPC_SERVER_DURATION).quantile("0.99", "job", crate::query::RATE),
    )
}
