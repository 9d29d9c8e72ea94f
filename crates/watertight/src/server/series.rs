//! Metric handles per route, made once and then only looked up.
//!
//! A label set costs memory for ever, so callers don't get to invent any: an
//! HTTP route is the router's template, a gRPC method appears only once a
//! service was at work on it (it had to wait, or its answer is something other
//! than UNIMPLEMENTED), and the table is bounded.

use crate::catalogue::{Counter, Histogram};
use crate::outcome::{CODES, METHOD_NAMES, METHODS, Outcome, error_type, label, method_index};
use crate::series::{HTTP_SERVER_DURATION, REQUESTS_CANCELLED, RPC_SERVER_DURATION};
use arc_swap::ArcSwap;
use http::Method;
use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use watertight_core::series::CANCELLED_WORK;
use watertight_core::{CancelReason, Label};

/// Routes with series of their own; further ones share `other`.
const ROUTES_MAX: usize = 512;
/// What no route was found for.
pub(crate) const UNMATCHED: &str = "unmatched";
/// What came after the table was full.
const OTHER: &str = "other";

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
    codes: [OnceLock<Histogram>; CODES],
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
        let (slot, code) = label(outcome);
        self.codes[slot]
            .get_or_init(|| self.histogram(outcome, code))
            .record(took.as_secs_f64());
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
        let counter = || REQUESTS_CANCELLED.with((route(), reason.as_str()));
        self.cancelled[slot].get_or_init(counter).increment(1);
        // The service's own end wastes nothing: somebody may still wait.
        if reason != CancelReason::Shutdown {
            self.wasted
                .get_or_init(|| CANCELLED_WORK.with([route()]))
                .record(wasted.as_secs_f64());
        }
    }

    fn histogram(&self, outcome: Outcome, code: &'static str) -> Histogram {
        let error = error_type(outcome, code);
        // What has no status is named by the error alone.
        let code = match outcome {
            Outcome::Grpc(_) | Outcome::Http(_) => code,
            Outcome::Left | Outcome::BrokenOff => "",
        };
        match self.kind {
            Kind::Grpc => {
                // As the conventions have it: `package.Service/Method`.
                let method = self.route.strip_prefix('/').unwrap_or(&self.route);
                RPC_SERVER_DURATION.with(("grpc", method.to_owned(), code, error))
            }
            Kind::Http => {
                HTTP_SERVER_DURATION.with((self.method, Arc::clone(&self.route), code, error))
            }
        }
    }
}

impl fmt::Debug for Series {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Series").field(&self.label).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
