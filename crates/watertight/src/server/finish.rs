//! The end of a request, however it comes.

use super::Shared;
use super::routes::RouteCell;
use super::series::Outcome;
use crate::Scope;
use http::{Method, Uri};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use tokio::time::Instant;

/// Lives from the request's headers to the last byte of its response; on drop
/// it cancels the request's scope, gives its place back, and counts and times
/// the request.
#[derive(Debug)]
pub(super) struct Finish {
    pub(super) shared: Arc<Shared>,
    pub(super) scope: Scope,
    pub(super) started: Instant,
    pub(super) target: Target,
    /// What became of it; [`Outcome::Left`] until something does.
    pub(super) outcome: Outcome,
    /// Whether the response has been handed over whole.
    pub(super) complete: bool,
}

/// What was asked for.
#[derive(Debug)]
pub(super) enum Target {
    Grpc(Uri),
    Http(Method, RouteCell),
}

impl Target {
    fn describe(&self) -> String {
        match self {
            Self::Grpc(uri) => uri.path().to_owned(),
            Self::Http(method, route) => format!("{method} {}", route.get().unwrap_or("unmatched")),
        }
    }

    pub(super) fn is_grpc(&self) -> bool {
        matches!(self, Self::Grpc(_))
    }
}

impl Finish {
    fn record(&self) {
        let took = self.started.elapsed();
        let outcome = if self.complete {
            self.outcome
        } else {
            Outcome::Left
        };
        let series = &self.shared.series;
        match &self.target {
            Target::Grpc(uri) => {
                let known = self.shared.routes.has_grpc_service(uri.path());
                series.grpc(uri.path(), known, outcome, took);
            }
            Target::Http(method, route) => series.http(method, route.get(), outcome, took),
        }
        if !self.complete && self.shared.scope.is_cancelled() {
            self.shared.cut(|| self.target.describe(), took);
        }
    }
}

impl Drop for Finish {
    fn drop(&mut self) {
        self.scope.cancel();
        self.shared.in_flight.fetch_sub(1, Ordering::Relaxed);
        self.record();
    }
}
