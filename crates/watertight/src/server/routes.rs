//! What a server serves: gRPC services and HTTP routes.

use super::RouteTimeouts;
use super::series::{Series, SeriesTable};
use crate::outcome::{METHODS, method_index};
use crate::request::Known;
use axum::Router;
use axum::body::Body;
use axum::extract::MatchedPath;
use axum::routing::future::RouteFuture;
use http::{Method, Request};
use std::collections::HashMap;
use std::convert::Infallible;
use std::fmt;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};
use tower_service::Service;

/// gRPC services and HTTP routes, told apart by the content type.
///
/// Not one merged router: paths can't clash, and each side keeps its own
/// answer for what it doesn't know (UNIMPLEMENTED, 404).
#[derive(Clone)]
pub struct Routes {
    grpc: Router,
    http: Router,
    grpc_names: Arc<[&'static str]>,
    timeouts: Arc<HashMap<Box<str>, RouteTimeouts>>,
    series: Arc<SeriesTable>,
}

impl Routes {
    /// gRPC services with their names, and HTTP routes.
    #[must_use]
    pub fn new(grpc: tonic::service::Routes, names: Vec<&'static str>, http: Router) -> Self {
        let grpc = grpc.prepare().into_axum_router();
        let series: Arc<SeriesTable> = Arc::default();
        let table = Arc::clone(&series);
        // Called once for each route and method: each has a memory of its own.
        let note = move |inner| NoteRoute::new(inner, Arc::clone(&table));
        let http = http.layer(tower_layer::layer_fn(note)).with_state(());
        Self {
            grpc,
            http,
            grpc_names: names.into(),
            timeouts: Arc::default(),
            series,
        }
    }

    /// HTTP routes only.
    #[must_use]
    pub fn http(http: Router) -> Self {
        Self::new(tonic::service::Routes::default(), Vec::new(), http)
    }

    /// Gives paths deadlines of their own: exact HTTP paths, or gRPC methods
    /// as `/package.Service/Method`.
    #[must_use]
    pub fn with_timeouts(mut self, timeouts: HashMap<Box<str>, RouteTimeouts>) -> Self {
        self.timeouts = Arc::new(timeouts);
        self
    }

    /// The path's own deadlines, if it has any.
    pub(super) fn timeouts(&self, path: &str) -> Option<RouteTimeouts> {
        if self.timeouts.is_empty() {
            return None;
        }
        self.timeouts.get(path).copied()
    }

    /// What the routes are counted under.
    pub(super) fn series(&self) -> &SeriesTable {
        &self.series
    }

    /// Whether `path` (`/package.Service/Method`) belongs to one of the services.
    pub(super) fn has_grpc_service(&self, path: &str) -> bool {
        let service = path.strip_prefix('/').and_then(|path| path.split_once('/'));
        service.is_some_and(|(service, _)| self.grpc_names.contains(&service))
    }

    /// Hands the request to the side it belongs to.
    pub(super) fn call(&self, grpc: bool, request: Request<Body>) -> RouteFuture<Infallible> {
        // The router's clone is a reference count; `call` wants it mutable.
        let mut router = if grpc {
            self.grpc.clone()
        } else {
            self.http.clone()
        };
        router.call(request)
    }
}

impl fmt::Debug for Routes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Routes")
            .field("grpc", &self.grpc_names)
            .finish_non_exhaustive()
    }
}

/// Inside the router, where the match is known: writes it down before the
/// handler runs.
#[derive(Clone, Debug)]
struct NoteRoute<S> {
    inner: S,
    memory: Arc<Memory>,
}

/// What one route of the router is counted under, by method: looked up by its
/// text at its first request.
#[derive(Debug)]
pub(crate) struct Memory {
    table: Arc<SeriesTable>,
    seen: [OnceLock<(MatchedPath, Arc<Series>)>; METHODS],
}

impl Memory {
    pub(crate) fn new(table: Arc<SeriesTable>) -> Self {
        Self {
            table,
            seen: [const { OnceLock::new() }; METHODS],
        }
    }

    pub(crate) fn series(&self, method: &Method, path: &MatchedPath) -> Arc<Series> {
        let look_up = || self.table.http(method, path.as_str());
        let first = || (path.clone(), look_up());
        let (seen, series) = self.seen[method_index(method)].get_or_init(first);
        // The router's own text. A service that is mounted in two places has two.
        if std::ptr::eq(seen.as_str(), path.as_str()) {
            Arc::clone(series)
        } else {
            look_up()
        }
    }
}

impl<S> NoteRoute<S> {
    fn new(inner: S, table: Arc<SeriesTable>) -> Self {
        Self {
            inner,
            memory: Arc::new(Memory::new(table)),
        }
    }
}

impl<S: Service<Request<Body>>> Service<Request<Body>> for NoteRoute<S> {
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<Body>) -> S::Future {
        let extensions = request.extensions();
        let control = extensions
            .get::<Known>()
            .and_then(|known| known.control.as_ref());
        if let (Some(control), Some(path)) = (control, extensions.get::<MatchedPath>()) {
            control.set_route(self.memory.series(request.method(), path));
        }
        self.inner.call(request)
    }
}
