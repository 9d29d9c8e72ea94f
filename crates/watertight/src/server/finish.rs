//! The end of a request, however it comes.

use super::Shared;
use super::control::Control;
use super::faults::Fault;
use super::respond::Answer;
use super::routes::RouteCell;
use super::series::Outcome;
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Response, Uri};
use http_body::Frame;
use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use tokio::time::Instant;
use tonic::Code;

pub(super) const GRPC_STATUS: &str = "grpc-status";

/// Lives from the request's headers to the last byte of its response; on drop
/// it cancels the request's scope, gives its place back, and counts and times
/// the request.
#[derive(Debug)]
pub(super) struct Finish {
    pub(super) shared: Arc<Shared>,
    pub(super) control: Arc<Control>,
    pub(super) target: Target,
    /// Whether a route was at work, and not the server alone.
    pub(super) routed: bool,
    /// What became of it; [`Outcome::Left`] until something does.
    pub(super) outcome: Outcome,
    /// Whether the response has been handed over whole.
    pub(super) complete: bool,
}

/// What was asked for.
#[derive(Debug)]
pub(super) enum Target {
    Grpc(Uri),
    Http(HttpTarget),
}

/// What was asked for over HTTP.
#[derive(Debug)]
pub(super) struct HttpTarget {
    pub(super) method: Method,
    pub(super) route: RouteCell,
    /// Whether the path belongs to a gRPC service.
    pub(super) grpc_path: bool,
}

impl Target {
    pub(super) fn describe(&self) -> String {
        match self {
            Self::Grpc(uri) => uri.path().to_owned(),
            Self::Http(http) => {
                let route = http.route.get().unwrap_or("unmatched");
                format!("{} {route}", http.method)
            }
        }
    }

    pub(super) fn is_grpc(&self) -> bool {
        matches!(self, Self::Grpc(_))
    }

    /// The method of an HTTP request.
    pub(super) fn method(&self) -> Option<&Method> {
        match self {
            Self::Grpc(_) => None,
            Self::Http(http) => Some(&http.method),
        }
    }

    /// Where the router of an HTTP request writes down what it chose.
    pub(super) fn route(&self) -> Option<RouteCell> {
        match self {
            Self::Grpc(_) => None,
            Self::Http(http) => Some(http.route.clone()),
        }
    }

    pub(super) fn is_head(&self) -> bool {
        self.method() == Some(&Method::HEAD)
    }

    /// The outcome if the server itself gave the answer.
    fn outcome(&self, answer: Answer) -> Outcome {
        if self.is_grpc() {
            Outcome::Grpc(answer.code())
        } else {
            Outcome::Http(answer.status())
        }
    }
}

impl Finish {
    /// Notes the outcome as far as the response's head tells it.
    pub(super) fn note_headers<B>(&mut self, response: &Response<B>) {
        if self.target.is_grpc() {
            // Only a trailers-only response has its status here.
            self.note_status(response.headers());
        } else {
            self.outcome = Outcome::Http(response.status());
        }
    }

    pub(super) fn note_status(&mut self, headers: &HeaderMap) {
        if let Some(status) = headers.get(GRPC_STATUS).filter(|_| self.target.is_grpc()) {
            self.outcome = Outcome::Grpc(Code::from_bytes(status.as_bytes()));
        }
    }

    /// Counts a fault of the handler's response, and names the route.
    pub(super) fn fault(&self, fault: Fault) {
        self.fault_for(fault, None);
    }

    fn fault_for(&self, fault: Fault, error: Option<&axum::Error>) {
        let note = |route: &dyn Fn() -> String| self.shared.faults.note(fault, error, route);
        let scope = &self.control.scope;
        scope.enter(|| note(&|| self.target.describe()));
    }

    /// The handler's body failed. It may only pass on what it was told.
    pub(super) fn failed(&mut self, error: axum::Error) -> Result<Frame<Bytes>, axum::Error> {
        if self.control.is_upload_stalled() {
            return self.end(Answer::UploadStalled);
        }
        if Instant::now() >= self.control.end {
            return self.end(Answer::Late);
        }
        if !self.control.is_upload_broken() {
            self.fault_for(Fault::BrokenOff, Some(&error));
            self.complete = true;
            self.outcome = Outcome::BrokenOff;
        }
        Err(error)
    }

    /// Breaks the body off for a fault: nothing that was sent can be mended.
    pub(super) fn break_off(&mut self, fault: Fault) -> Result<Frame<Bytes>, axum::Error> {
        self.fault(fault);
        self.control.scope.cancel();
        self.complete = true;
        self.outcome = self.target.outcome(Answer::Faulty);
        let message = Answer::Faulty.message();
        Err(axum::Error::new(io::Error::other(message)))
    }

    /// Ends the body early: by trailers where there are some, else by breaking off.
    pub(super) fn end(&mut self, answer: Answer) -> Result<Frame<Bytes>, axum::Error> {
        self.control.scope.cancel();
        self.complete = true;
        self.outcome = self.target.outcome(answer);
        if !self.target.is_grpc() {
            return Err(axum::Error::new(io::Error::other(answer.message())));
        }
        let mut trailers = HeaderMap::with_capacity(3);
        let status = self.control.scope.enter(|| answer.grpc_status());
        if status.add_header(&mut trailers).is_err() {
            trailers.insert(GRPC_STATUS, HeaderValue::from(i32::from(answer.code())));
        }
        Ok(Frame::trailers(trailers))
    }

    fn record(&self) {
        let took = self.control.started.elapsed();
        // A response may be handed over whole and never be taken.
        let cut = self.control.is_cut();
        let outcome = if cut && self.control.is_late() {
            self.target.outcome(Answer::Late)
        } else if self.complete && !cut {
            self.outcome
        } else {
            Outcome::Left
        };
        let series = &self.shared.series;
        match &self.target {
            Target::Grpc(uri) => {
                let known = self.shared.routes.has_grpc_service(uri.path());
                series.grpc(uri.path(), known, self.routed, outcome, took);
            }
            Target::Http(http) => series.http(&http.method, http.route.get(), outcome, took),
        }
        if !self.complete && self.shared.scope.is_cancelled() {
            self.shared.cut(|| self.target.describe(), took);
        }
    }
}

impl Drop for Finish {
    fn drop(&mut self) {
        self.control.scope.cancel();
        self.shared.in_flight.fetch_sub(1, Ordering::Relaxed);
        self.record();
    }
}
