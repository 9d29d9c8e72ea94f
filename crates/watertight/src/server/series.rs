//! Metric handles per route, made once and then only looked up.
//!
//! A label set costs memory for ever, so callers don't get to invent any: an
//! HTTP route is the router's template, a gRPC method appears only once a
//! service was at work on it and the answer is something other than
//! UNIMPLEMENTED, and both tables are bounded.

use http::{Method, StatusCode};
use metrics::{Counter, Histogram};
use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, OnceLock, PoisonError, RwLock};
use std::time::Duration;
use tonic::Code;

/// Routes with series of their own; further ones share `other`.
const ROUTES_MAX: usize = 512;
/// What no route was found for.
const UNMATCHED: &str = "unmatched";
/// What came after the table was full.
const OTHER: &str = "other";

/// The outcome of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    Grpc(Code),
    Http(StatusCode),
    /// The caller left before the answer.
    Left,
    /// The handler broke the response's body off.
    BrokenOff,
}

/// All series of a server.
pub(super) struct SeriesTable {
    enabled: bool,
    by_route: RwLock<HashMap<Box<str>, Arc<Series>>>,
}

impl SeriesTable {
    pub(super) fn new(enabled: bool) -> Self {
        Self {
            enabled,
            by_route: RwLock::default(),
        }
    }

    /// Counts and times one gRPC call. `known`: the path belongs to a service.
    /// `routed`: a method was at work; without it, no path becomes a label.
    pub(super) fn grpc(
        &self,
        path: &str,
        known: bool,
        routed: bool,
        outcome: Outcome,
        took: Duration,
    ) {
        if !self.enabled {
            return;
        }
        let route = if known { path } else { UNMATCHED };
        let unknown = matches!(outcome, Outcome::Grpc(Code::Unimplemented) | Outcome::Left);
        let new = || routed && !unknown;
        let series = self.get(route, new, |route| Series::new(Kind::Grpc, route, ""));
        series.record(outcome, took);
    }

    /// Counts and times one HTTP request by its route's template.
    pub(super) fn http(
        &self,
        method: &Method,
        route: Option<&str>,
        outcome: Outcome,
        took: Duration,
    ) {
        if !self.enabled {
            return;
        }
        let method = method_name(method);
        let route = route.unwrap_or(UNMATCHED);
        // "GET /path" can't clash with gRPC's "/package.Service/Method".
        let mut key = String::with_capacity(method.len() + 1 + route.len());
        key.push_str(method);
        key.push(' ');
        key.push_str(route);
        let series = self.get(
            &key,
            || true,
            |key| {
                Series::new(
                    Kind::Http,
                    key.split_once(' ').map_or(key, |(_, route)| route),
                    method,
                )
            },
        );
        series.record(outcome, took);
    }

    fn get(
        &self,
        key: &str,
        new: impl FnOnce() -> bool,
        make: impl Fn(&str) -> Series,
    ) -> Arc<Series> {
        let read = self.by_route.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(series) = read.get(key) {
            return Arc::clone(series);
        }
        let full = read.len() >= ROUTES_MAX;
        drop(read);
        let key = if !new() {
            UNMATCHED
        } else if full {
            OTHER
        } else {
            key
        };
        let mut write = self
            .by_route
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        Arc::clone(
            write
                .entry(key.into())
                .or_insert_with(|| Arc::new(make(key))),
        )
    }
}

impl fmt::Debug for SeriesTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SeriesTable")
            .field("enabled", &self.enabled)
            .finish_non_exhaustive()
    }
}

fn method_name(method: &Method) -> &'static str {
    const KNOWN: [&str; 7] = ["GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS"];
    KNOWN
        .into_iter()
        .find(|known| *known == method.as_str())
        .unwrap_or(OTHER)
}

#[derive(Clone, Copy, Debug)]
enum Kind {
    Grpc,
    Http,
}

/// The series of one route.
struct Series {
    kind: Kind,
    route: Arc<str>,
    method: &'static str,
    seconds: Histogram,
    codes: [OnceLock<Counter>; CODES],
}

impl Series {
    fn new(kind: Kind, route: &str, method: &'static str) -> Self {
        let route: Arc<str> = route.into();
        let seconds = match kind {
            Kind::Grpc => {
                metrics::histogram!("grpc_server_request_seconds", "method" => Arc::clone(&route))
            }
            Kind::Http => {
                metrics::histogram!("http_server_request_seconds", "method" => method, "route" => Arc::clone(&route))
            }
        };
        Self {
            kind,
            route,
            method,
            seconds,
            codes: [const { OnceLock::new() }; CODES],
        }
    }

    fn record(&self, outcome: Outcome, took: Duration) {
        self.seconds.record(took.as_secs_f64());
        let (slot, code) = label(outcome);
        self.codes[slot]
            .get_or_init(|| self.counter(code))
            .increment(1);
    }

    fn counter(&self, code: &'static str) -> Counter {
        let route = Arc::clone(&self.route);
        match self.kind {
            Kind::Grpc => {
                metrics::counter!("grpc_server_requests_total", "method" => route, "code" => code)
            }
            Kind::Http => {
                metrics::counter!("http_server_requests_total", "method" => self.method, "route" => route, "status" => code)
            }
        }
    }
}

const GRPC_CODES: [&str; 17] = [
    "OK",
    "CANCELLED",
    "UNKNOWN",
    "INVALID_ARGUMENT",
    "DEADLINE_EXCEEDED",
    "NOT_FOUND",
    "ALREADY_EXISTS",
    "PERMISSION_DENIED",
    "RESOURCE_EXHAUSTED",
    "FAILED_PRECONDITION",
    "ABORTED",
    "OUT_OF_RANGE",
    "UNIMPLEMENTED",
    "INTERNAL",
    "UNAVAILABLE",
    "DATA_LOSS",
    "UNAUTHENTICATED",
];
/// Statuses with a label of their own; others are counted by class.
const HTTP_STATUSES: [(u16, &str); 24] = [
    (200, "200"),
    (201, "201"),
    (202, "202"),
    (204, "204"),
    (206, "206"),
    (301, "301"),
    (302, "302"),
    (304, "304"),
    (400, "400"),
    (401, "401"),
    (402, "402"),
    (403, "403"),
    (404, "404"),
    (405, "405"),
    (408, "408"),
    (409, "409"),
    (413, "413"),
    (415, "415"),
    (422, "422"),
    (429, "429"),
    (500, "500"),
    (502, "502"),
    (503, "503"),
    (504, "504"),
];
const HTTP_CLASSES: [&str; 6] = ["other", "1xx", "2xx", "3xx", "4xx", "5xx"];
/// One slot for each label above, of either kind, and two for what has no status.
const CODES: usize = HTTP_STATUSES.len() + HTTP_CLASSES.len() + 2;
const LEFT: usize = CODES - 2;
const BROKEN_OFF: usize = CODES - 1;

/// An outcome's slot and label.
fn label(outcome: Outcome) -> (usize, &'static str) {
    match outcome {
        Outcome::Left => (LEFT, "CALLER_LEFT"),
        Outcome::BrokenOff => (BROKEN_OFF, "BROKEN_OFF"),
        Outcome::Grpc(code) => {
            let slot = usize::try_from(i32::from(code)).unwrap_or(2);
            (slot, GRPC_CODES[slot])
        }
        Outcome::Http(status) => {
            let known = HTTP_STATUSES
                .iter()
                .position(|(code, _)| *code == status.as_u16());
            known.map_or_else(
                || {
                    let class = usize::from(status.as_u16() / 100);
                    let class = if class < HTTP_CLASSES.len() { class } else { 0 };
                    (HTTP_STATUSES.len() + class, HTTP_CLASSES[class])
                },
                |slot| (slot, HTTP_STATUSES[slot].1),
            )
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_outcome_has_a_slot_of_its_own_kind() {
        for (i, name) in GRPC_CODES.iter().enumerate() {
            let code = Code::from(i32::try_from(i).unwrap());
            assert_eq!(label(Outcome::Grpc(code)), (i, *name));
        }
        for status in 100..1000 {
            let (slot, name) = label(Outcome::Http(StatusCode::from_u16(status).unwrap()));
            assert!(slot < LEFT && !name.is_empty());
        }
        assert_eq!(label(Outcome::Http(StatusCode::IM_A_TEAPOT)).1, "4xx");
    }

    #[test]
    fn callers_cannot_invent_series() {
        let table = SeriesTable::new(true);
        let took = Duration::ZERO;
        for i in 0..2 * ROUTES_MAX {
            table.grpc(
                &format!("/nobody/{i}"),
                false,
                true,
                Outcome::Grpc(Code::Unimplemented),
                took,
            );
            table.grpc(
                &format!("/shop.S/{i}"),
                true,
                true,
                Outcome::Grpc(Code::Unimplemented),
                took,
            );
            let refused = Outcome::Grpc(Code::DeadlineExceeded);
            table.grpc(&format!("/shop.S/{i}"), true, false, refused, took);
            let method = Method::from_bytes(format!("M{i}").as_bytes()).unwrap();
            table.http(&method, None, Outcome::Http(StatusCode::NOT_FOUND), took);
        }
        assert_eq!(table.by_route.read().unwrap().len(), 2);
        for i in 0..2 * ROUTES_MAX {
            let done = Outcome::Grpc(Code::Ok);
            table.grpc(&format!("/shop.S/{i}"), true, true, done, took);
        }
        assert_eq!(table.by_route.read().unwrap().len(), ROUTES_MAX + 1);
    }
}
