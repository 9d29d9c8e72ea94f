//! One request, from its headers to the end of its response.

use crate::server::{Answer, GRPC_STATUS, Series, SeriesTable};
use crate::{Deadline, Scope};
use http::{HeaderMap, Method, Request, Uri};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;
use watertight_core::CancelReason;

/// On drop it ends the request's scope, and counts it if that is early.
#[derive(Debug)]
pub(super) struct Running {
    pub(super) scope: Scope,
    parent: Scope,
    /// When the body must be over.
    pub(super) end: Instant,
    /// Whether the scope's deadline bounds the body, too.
    pub(super) whole: bool,
    pub(super) head: bool,
    /// What is called, if it is a gRPC method.
    grpc: Option<Uri>,
    table: Arc<SeriesTable>,
    route: Option<Arc<Series>>,
    /// The headers are on their way.
    pub(super) answered: bool,
    /// The response was handed over whole.
    pub(super) complete: bool,
    early: Option<CancelReason>,
    wasted: Option<Duration>,
}

impl Running {
    pub(super) fn new<B>(
        (parent, scope): (Scope, Scope),
        end: Instant,
        whole: bool,
        request: &Request<B>,
        grpc: bool,
        table: Arc<SeriesTable>,
    ) -> Self {
        let grpc = grpc.then(|| request.uri().clone());
        let mut running = Self {
            scope,
            parent,
            end,
            whole,
            head: request.method() == Method::HEAD,
            grpc,
            table,
            route: None,
            answered: false,
            complete: false,
            early: None,
            wasted: None,
        };
        let uri = running.grpc.as_ref();
        if let Some(known) = uri.and_then(|uri| running.table.known_grpc(uri.path())) {
            running.set_route(known);
        }
        running
    }

    pub(super) fn is_grpc(&self) -> bool {
        self.grpc.is_some()
    }

    pub(super) fn set_route(&mut self, series: Arc<Series>) {
        self.scope.set_label(series.label());
        self.route = Some(series);
    }

    /// The handler waits: what it is asked for is there.
    pub(super) fn learn_method(&mut self) {
        if self.route.is_none()
            && let Some(uri) = &self.grpc
        {
            let series = self.table.learn_grpc(uri.path());
            self.set_route(series);
        }
    }

    /// The handler answered; tonic says by a status whether it knows a method.
    pub(super) fn note_headers(&mut self, headers: &HeaderMap) {
        self.answered = true;
        if !headers.contains_key(GRPC_STATUS) {
            self.learn_method();
        }
    }

    /// A scope for a body that may outlive the deadline of its headers.
    pub(super) fn beside(&self) -> Scope {
        let end = Deadline::at(self.end);
        let trace = self.scope.traced().cloned();
        let beside = trace.map_or_else(
            || self.parent.with_deadline(end),
            |trace| self.parent.for_request(end, trace),
        );
        beside.set_label(self.scope.label());
        beside
    }

    /// The layer answers in place of the handler, or ends its body.
    pub(super) fn cut_short(&mut self, answer: Answer) {
        self.early = answer.cancels(&self.scope);
        let reason = self.early.unwrap_or(CancelReason::Client);
        self.scope.cancel_for(reason);
    }

    /// The handler is gone: whatever it did for nobody ends here.
    pub(super) fn note_wasted(&mut self) {
        self.wasted = self.early.map(|reason| self.wasted_for(reason));
    }

    /// Whoever drives the request lets go of it.
    pub(super) fn leave(&mut self) {
        if self.complete || self.early.is_some() {
            return;
        }
        let reason = self.scope.cancel_reason().unwrap_or_else(|| {
            if self.due() <= Instant::now() {
                CancelReason::Deadline
            } else {
                CancelReason::Client
            }
        });
        self.early = Some(reason);
        self.scope.cancel_for(reason);
    }

    fn due(&self) -> Instant {
        let headers = self.scope.deadline().filter(|_| !self.answered);
        headers.map_or(self.end, |deadline| deadline.instant())
    }

    fn wasted_for(&self, reason: CancelReason) -> Duration {
        match reason {
            CancelReason::Deadline => Instant::now().saturating_duration_since(self.due()),
            CancelReason::Client | CancelReason::Shutdown => {
                self.scope.cancelled_for().unwrap_or_default()
            }
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.leave();
        self.scope.cancel_for(CancelReason::Client);
        let Some(reason) = self.early else {
            return;
        };
        let wasted = self.wasted.unwrap_or_else(|| self.wasted_for(reason));
        let unmatched = || self.table.unmatched();
        let series = self.route.clone().unwrap_or_else(unmatched);
        series.cancelled(reason, wasted);
    }
}
