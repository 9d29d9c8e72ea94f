//! What a server serves: gRPC services and HTTP routes.

use super::RouteTimeouts;
use crate::request::Known;
use axum::Router;
use axum::body::Body;
use axum::extract::MatchedPath;
use axum::routing::future::RouteFuture;
use http::Request;
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
}

impl Routes {
    /// gRPC services with their names, and HTTP routes.
    #[must_use]
    pub fn new(grpc: tonic::service::Routes, names: Vec<&'static str>, http: Router) -> Self {
        let grpc = grpc.prepare().into_axum_router();
        let http = http.layer(tower_layer::layer_fn(NoteRoute)).with_state(());
        Self {
            grpc,
            http,
            grpc_names: names.into(),
            timeouts: Arc::default(),
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

/// Where the HTTP router notes which route it chose, also for requests that
/// never get a response.
#[derive(Clone, Debug, Default)]
pub(crate) struct RouteCell(Arc<OnceLock<MatchedPath>>);

impl RouteCell {
    /// The route's template, such as `/v1/stock/{sku}`.
    pub(super) fn get(&self) -> Option<&str> {
        self.0.get().map(MatchedPath::as_str)
    }
}

/// Inside the router, where the match is known: writes it down.
#[derive(Clone, Debug)]
struct NoteRoute<S>(S);

impl<S: Service<Request<Body>>> Service<Request<Body>> for NoteRoute<S> {
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.0.poll_ready(cx)
    }

    fn call(&mut self, request: Request<Body>) -> S::Future {
        let extensions = request.extensions();
        if let (Some(cell), Some(path)) = (
            extensions
                .get::<Known>()
                .and_then(|known| known.route.as_ref()),
            extensions.get::<MatchedPath>(),
        ) {
            // Noted already only if a router is nested in itself; the outermost stays.
            let _first = cell.0.set(path.clone());
        }
        self.0.call(request)
    }
}
