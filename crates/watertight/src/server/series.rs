//! Metric handles per route, made once and then only looked up.
//!
//! A label set costs memory for ever, so callers don't get to invent any: an
//! HTTP route is the router's template, a gRPC method appears only once a
//! service was at work on it (it had to wait, or its answer is something other
//! than UNIMPLEMENTED), and the table is bounded.

use arc_swap::ArcSwap;
use http::{Method, StatusCode};
use metrics::{Counter, Histogram};
use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use tonic::Code;
use watertight_core::{CancelReason, Label};

/// Routes with series of their own; further ones share `other`.
const ROUTES_MAX: usize = 512;
/// What no route was found for.
pub(crate) const UNMATCHED: &str = "unmatched";
/// What came after the table was full.
const OTHER: &str = "other";

/// The outcome of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Grpc(Code),
    Http(StatusCode),
    /// The caller left before the answer.
    Left,
    /// The handler broke the response's body off.
    BrokenOff,
}

/// All series of a server.
#[derive(Default)]
pub(crate) struct SeriesTable {
    by_route: ArcSwap<HashMap<Box<str>, Arc<Series>>>,
    unmatched: Shelf,
    other: Shelf,
}

/// The series of requests whose route has none of its own.
#[derive(Default)]
struct Shelf {
    grpc: OnceLock<Arc<Series>>,
    http: [OnceLock<Arc<Series>>; METHODS],
}

impl Shelf {
    fn grpc(&self, route: &str) -> Arc<Series> {
        let make = || Arc::new(Series::new(Kind::Grpc, route, ""));
        Arc::clone(self.grpc.get_or_init(make))
    }

    fn http(&self, method: &Method, route: &str) -> Arc<Series> {
        let index = method_index(method);
        let make = || Arc::new(Series::new(Kind::Http, route, METHOD_NAMES[index]));
        Arc::clone(self.http[index].get_or_init(make))
    }
}

impl SeriesTable {
    /// The series of a gRPC method that has been seen at work.
    pub(crate) fn known_grpc(&self, path: &str) -> Option<Arc<Series>> {
        self.by_route.load().get(path).cloned()
    }

    /// The series of a gRPC method. The caller has seen it at work: what it asks
    /// for is there from now on.
    pub(crate) fn learn_grpc(&self, path: &str) -> Arc<Series> {
        self.get_or_add(path, || Series::new(Kind::Grpc, path, ""))
            .unwrap_or_else(|| self.other.grpc(OTHER))
    }

    /// The series of an HTTP route; its template is the router's, not the caller's.
    pub(crate) fn http(&self, method: &Method, route: &str) -> Arc<Series> {
        let name = METHOD_NAMES[method_index(method)];
        // "GET /path" can't clash with gRPC's "/package.Service/Method".
        self.get_or_add(&format!("{name} {route}"), || {
            Series::new(Kind::Http, route, name)
        })
        .unwrap_or_else(|| self.other.http(method, OTHER))
    }

    /// The series of gRPC calls of which no method is known.
    pub(crate) fn unmatched_grpc(&self) -> Arc<Series> {
        self.unmatched.grpc(UNMATCHED)
    }

    /// The series of HTTP requests that no route was found for.
    pub(crate) fn unmatched_http(&self, method: &Method) -> Arc<Series> {
        self.unmatched.http(method, UNMATCHED)
    }

    /// The series of what is neither known as the one nor as the other.
    pub(crate) fn unmatched(&self) -> Arc<Series> {
        self.unmatched_grpc()
    }

    fn get_or_add(&self, key: &str, make: impl Fn() -> Series) -> Option<Arc<Series>> {
        if let Some(series) = self.known_grpc(key) {
            return Some(series);
        }
        // Copied whole: that is once for each route, and reading takes no lock.
        self.by_route.rcu(|routes| {
            if routes.contains_key(key) || routes.len() >= ROUTES_MAX {
                return Arc::clone(routes);
            }
            let mut more = HashMap::clone(routes);
            more.insert(key.into(), Arc::new(make()));
            Arc::new(more)
        });
        self.known_grpc(key)
    }
}

impl fmt::Debug for SeriesTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SeriesTable")
            .field("routes", &self.by_route.load().len())
            .finish_non_exhaustive()
    }
}

/// Methods with a name of their own, and all others.
pub(crate) const METHODS: usize = 8;
const METHOD_NAMES: [&str; METHODS] = [
    "GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS", OTHER,
];

/// A method's place among those that are told apart.
pub(crate) fn method_index(method: &Method) -> usize {
    match *method {
        Method::GET => 0,
        Method::POST => 1,
        Method::PUT => 2,
        Method::DELETE => 3,
        Method::PATCH => 4,
        Method::HEAD => 5,
        Method::OPTIONS => 6,
        _ => METHODS - 1,
    }
}

/// A method's name among those that are told apart.
pub(super) fn method_name(method: &Method) -> &'static str {
    METHOD_NAMES[method_index(method)]
}

#[derive(Clone, Copy, Debug)]
enum Kind {
    Grpc,
    Http,
}

/// The series of one route, each made when it first counts something.
pub(crate) struct Series {
    kind: Kind,
    route: Arc<str>,
    method: &'static str,
    label: Label,
    seconds: OnceLock<Histogram>,
    codes: [OnceLock<Counter>; CODES],
    cancelled: [OnceLock<Counter>; 3],
    wasted: OnceLock<Histogram>,
}

impl Series {
    fn new(kind: Kind, route: &str, method: &'static str) -> Self {
        let label = match kind {
            Kind::Grpc => Label::of(route),
            // A request without a route has had this label from the beginning.
            Kind::Http if route == UNMATCHED => Label::of(UNMATCHED),
            Kind::Http => Label::of(&format!("{method} {route}")),
        };
        Self {
            kind,
            route: route.into(),
            method,
            label,
            seconds: OnceLock::new(),
            codes: [const { OnceLock::new() }; CODES],
            cancelled: [const { OnceLock::new() }; 3],
            wasted: OnceLock::new(),
        }
    }

    /// What the route's work is counted under.
    pub(crate) fn label(&self) -> Label {
        self.label
    }

    /// The template, or the gRPC method as `/package.Service/Method`.
    pub(super) fn route(&self) -> &str {
        &self.route
    }

    /// A request is over.
    pub(crate) fn record(&self, outcome: Outcome, took: Duration) {
        self.seconds
            .get_or_init(|| self.histogram())
            .record(took.as_secs_f64());
        let (slot, code) = label(outcome);
        self.codes[slot]
            .get_or_init(|| self.counter(code))
            .increment(1);
    }

    /// A request ended before its response did. `wasted` is for how long it was
    /// worked on when nobody waited any more.
    pub(crate) fn cancelled(&self, reason: CancelReason, wasted: Duration) {
        let slot = match reason {
            CancelReason::Client => 0,
            CancelReason::Deadline => 1,
            CancelReason::Shutdown => 2,
        };
        let route = || self.label.text().to_string();
        let counter = || metrics::counter!("server_requests_cancelled_total", "route" => route(), "reason" => reason.as_str());
        self.cancelled[slot].get_or_init(counter).increment(1);
        // The service's own end wastes nothing: somebody may still wait.
        if reason != CancelReason::Shutdown {
            self.wasted
                .get_or_init(|| metrics::histogram!("cancelled_work_seconds", "route" => route()))
                .record(wasted.as_secs_f64());
        }
    }

    fn histogram(&self) -> Histogram {
        let route = Arc::clone(&self.route);
        match self.kind {
            Kind::Grpc => metrics::histogram!("grpc_server_request_seconds", "method" => route),
            Kind::Http => {
                metrics::histogram!("http_server_request_seconds", "method" => self.method, "route" => route)
            }
        }
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

impl fmt::Debug for Series {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Series").field(&self.label).finish()
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
    fn the_table_is_bounded_and_finds_what_it_has() {
        let table = SeriesTable::default();
        assert!(table.known_grpc("/shop.S/0").is_none());
        for i in 0..2 * ROUTES_MAX {
            let series = table.learn_grpc(&format!("/shop.S/{i}"));
            let label = if i < ROUTES_MAX {
                format!("/shop.S/{i}")
            } else {
                OTHER.to_owned()
            };
            assert_eq!(*series.label().text(), *label);
        }
        assert_eq!(table.by_route.load().len(), ROUTES_MAX);
        let (once, again) = (
            table.learn_grpc("/shop.S/7"),
            table.known_grpc("/shop.S/7").unwrap(),
        );
        assert!(Arc::ptr_eq(&once, &again));
        // Beyond the bound, and yet by method.
        let post = table.http(&Method::POST, "/late");
        assert_eq!((post.method, &*post.route), ("POST", OTHER));
        let invented = Method::from_bytes(b"INVENTED").unwrap();
        assert_eq!(table.unmatched_http(&invented).method, OTHER);
        assert_eq!(&*table.unmatched_grpc().label().text(), UNMATCHED);
    }
}
