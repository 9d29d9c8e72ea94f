//! Scopes for an axum or tonic application that has an accept loop of its own.
//!
//! [`ScopeLayer`] gives each request what the chassis' server gives it: a
//! deadline from its headers, a scope with the route's label, an end of both when
//! the caller leaves. What only an accept loop can do is lost:
//!
//! | with the chassis' server | with the layer alone |
//! |---|---|
//! | a response that nobody takes ends at its deadline | it ends only when hyper asks for more: with the peer's HTTP/2 window shut, never |
//! | a peer that reads nothing is cut off (`write_stall_timeout`) | it holds its request until TCP gives up |
//! | an upload that stalls ends (`body_idle_timeout`) | before the response, at the deadline; after its headers, when the body is next asked for a frame |
//! | an HTTP/1 peer that shuts its side is taken as gone, or not, as you set | as the server beneath has it |
//! | connections, handshakes, first bytes and headers are bounded | as the server beneath has it |
//! | `requests_max` sheds load; a panic is a 500; wrong responses are caught | nothing of that; a panic looks like a caller that left |
//! | connections and streams are registered tasks: `orphans` is 0 | they are the server's own tasks, and count as orphans |
//! | a shutdown drains, and names what it cut off | closing the scope ends handlers and bodies; their connections are the server's |
//! | requests are recorded as spans | their trace is only passed on |
//! | requests are counted and timed | only cancelled ones and refused deadlines are |
//!
//! Names of gRPC methods are learned as methods are seen at work. A layer between
//! this one and tonic's router that waits makes any path look like a method;
//! there is room for 512.

mod body;
mod future;
mod request;
mod service;

pub use body::ScopeBody;
pub use future::ScopeFuture;
pub use service::ScopeService;

use crate::server::{DeadlineCounts, Memory, SeriesTable, UNMATCHED};
use crate::{RouteTimeouts, Scope, ServerConfig};
use std::sync::Arc;
use std::time::Duration;
use tower_layer::Layer;
use watertight_core::Label;

/// Gives each request a scope; for `axum::Router::layer` and
/// `tonic::transport::Server::layer`.
///
/// - *Deadline:* `grpc-timeout` or `x-request-timeout`, at most
///   [`RouteTimeouts::max`]; without either, the default. What is no timeout is
///   refused. When it comes, the handler is dropped and the answer is
///   DEADLINE_EXCEEDED or 504; of a response that has begun, the body ends.
/// - *Scope:* a child of the given one, with the trace of `traceparent`. The
///   handler finds it by [`crate::RequestScope`] and
///   [`crate::extract::Scope`]; clients and logs, as the ambient one.
/// - *End:* when the caller leaves, the future or the body is dropped, and with
///   it goes everything that was spawned on the scope.
///
/// Why not this instead of the chassis' server everywhere? The documentation of
/// its module lists what it can't do. On axum, put it on the router
/// (`Router::layer`), not around it: only there is the route known.
///
/// # Metrics
///
/// `server_requests_cancelled_total{route,reason}`, `cancelled_work_seconds{route}`,
/// `server_request_deadlines_total{outcome}`.
///
/// # Examples
///
/// ```
/// use axum::{Router, routing::get};
/// use watertight::{Scope, ScopeLayer, axum, extract};
///
/// async fn handler(scope: extract::Scope) -> String {
///     drop(scope.spawn("prefetch", async { /* ends with the request */ }));
///     format!("{:?}", scope.deadline())
/// }
///
/// let scope = Scope::root("my application");
/// let app: Router = Router::new()
///     .route("/", get(handler))
///     .layer(ScopeLayer::new(&scope));
/// ```
#[derive(Clone, Debug)]
pub struct ScopeLayer {
    requests: Scope,
    timeouts: RouteTimeouts,
    stream_timeout_max: Duration,
    counts: Arc<Counts>,
}

#[derive(Debug, Default)]
struct Counts {
    series: Arc<SeriesTable>,
    deadlines: DeadlineCounts,
}

impl ScopeLayer {
    /// A layer whose requests are children of `scope`: cancel that to end them
    /// all. Deadlines are those of [`ServerConfig::default`].
    #[must_use]
    pub fn new(scope: &Scope) -> Self {
        let config = ServerConfig::default();
        let requests = scope.child("request");
        requests.set_label(Label::of(UNMATCHED));
        Self {
            requests,
            timeouts: config.timeouts(),
            stream_timeout_max: config.stream_timeout_max,
            counts: Arc::default(),
        }
    }

    /// The deadline of a request that brings none, and the longest one that a
    /// request may ask for.
    #[must_use]
    pub fn timeouts(mut self, timeouts: RouteTimeouts) -> Self {
        self.timeouts = timeouts;
        self
    }

    /// The longest a response's body may last whose request brought no deadline.
    #[must_use]
    pub fn stream_timeout_max(mut self, limit: Duration) -> Self {
        self.stream_timeout_max = limit;
        self
    }
}

impl<S> Layer<S> for ScopeLayer {
    type Service = ScopeService<S>;

    fn layer(&self, inner: S) -> ScopeService<S> {
        let memory = Memory::new(Arc::clone(&self.counts.series));
        ScopeService::new(inner, self.clone(), Arc::new(memory))
    }
}
