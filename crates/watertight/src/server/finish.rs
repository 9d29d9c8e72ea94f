//! The end of a request, however it comes.

use super::Shared;
use super::control::Control;
use super::faults::Fault;
use super::respond::Answer;
use super::series::UNMATCHED;
use super::service::OfConnection;
use super::spans::{Asked, RequestSpan};
use crate::outcome::Outcome;
use bytes::Bytes;
use http::{HeaderMap, Method, Response, Uri};
use http_body::Frame;
use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::time::Instant;
use tonic::Code;
use watertight_core::CancelReason;

pub(crate) const GRPC_STATUS: &str = "grpc-status";

/// Lives from the request's headers to the last byte of its response; on drop
/// it cancels the request's scope, gives its place back, and counts and times
/// the request.
#[derive(Debug)]
pub(super) struct Finish {
    pub(super) shared: OfConnection<Shared>,
    pub(super) control: Arc<Control>,
    pub(super) target: Target,
    /// Whether a route was at work, and not the server alone.
    pub(super) routed: bool,
    /// What became of it; [`Outcome::Left`] until something does.
    pub(super) outcome: Outcome,
    /// Whether the response has been handed over whole.
    pub(super) complete: bool,
    /// Why it ends before that, once it is known.
    pub(super) early: Option<CancelReason>,
    /// How long its handler worked for nobody, where that is known before the end.
    pub(super) wasted: Option<Duration>,
    /// Its span, if it is recorded.
    pub(super) span: RequestSpan,
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
    /// Whether the path belongs to a gRPC service.
    pub(super) grpc_path: bool,
    /// Whether it came over HTTP/2.
    pub(super) http2: bool,
}

impl Target {
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

    /// Whether it is plain HTTP over HTTP/2.
    pub(super) fn is_http2(&self) -> bool {
        matches!(self, Self::Http(http) if http.http2)
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
    /// What was asked for, as logs name it.
    pub(super) fn describe(&self) -> String {
        match &self.target {
            Target::Grpc(uri) => uri.path().to_owned(),
            Target::Http(http) => match self.control.route() {
                Some(route) => route.label().to_string(),
                None => format!("{} {UNMATCHED}", http.method),
            },
        }
    }

    /// The method of a gRPC call is there: it is at work, or was.
    pub(super) fn learn_method(&self) {
        if let Target::Grpc(uri) = &self.target
            && self.control.route().is_none()
            && self.shared.routes.has_grpc_service(uri.path())
        {
            let series = self.shared.routes.series().learn_grpc(uri.path());
            self.control.set_route(series);
        }
    }

    /// Whoever drives the request lets go of it: ends its scope, unless the
    /// response was handed over whole, and says why.
    pub(super) fn leave(&mut self) {
        if let Some(reason) = self.verdict() {
            self.early = Some(reason);
            self.control.scope.cancel_for(reason);
        }
    }

    /// Why the request ends before its response does, if so.
    fn verdict(&self) -> Option<CancelReason> {
        let cut = self.control.is_cut();
        if self.early.is_some() || self.complete && !cut {
            return self.early;
        }
        let scope = &self.control.scope;
        Some(if self.shared.scope.is_cancelled() {
            CancelReason::Shutdown
        } else if let Some(reason) = scope.cancel_reason() {
            reason
        } else if self.control.is_late() || self.control.due() <= Instant::now() {
            CancelReason::Deadline
        } else {
            CancelReason::Client
        })
    }

    /// The server answers in place of the handler, or ends its body.
    pub(super) fn cut_short(&mut self, answer: Answer) {
        self.early = answer.cancels(&self.control.scope);
        let reason = self.early.unwrap_or(CancelReason::Client);
        self.control.scope.cancel_for(reason);
    }

    /// For how long the request was worked on for nobody.
    pub(super) fn wasted(&self, reason: CancelReason) -> Duration {
        match reason {
            CancelReason::Deadline => Instant::now().saturating_duration_since(self.control.due()),
            CancelReason::Client | CancelReason::Shutdown => {
                self.control.scope.cancelled_for().unwrap_or_default()
            }
        }
    }

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
        scope.enter(|| note(&|| self.describe()));
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
        self.control.scope.cancel_for(CancelReason::Client);
        self.complete = true;
        self.outcome = self.target.outcome(Answer::Faulty);
        let message = Answer::Faulty.message();
        Err(axum::Error::new(io::Error::other(message)))
    }

    /// Ends the body early: by trailers where there are some, else by breaking off.
    pub(super) fn end(&mut self, answer: Answer) -> Result<Frame<Bytes>, axum::Error> {
        self.cut_short(answer);
        self.complete = true;
        self.outcome = self.target.outcome(answer);
        if !self.target.is_grpc() {
            return Err(axum::Error::new(io::Error::other(answer.message())));
        }
        Ok(Frame::trailers(answer.trailers(&self.control.scope)))
    }

    fn record(&mut self) {
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
        let unknown = matches!(outcome, Outcome::Grpc(Code::Unimplemented) | Outcome::Left);
        if self.routed && !unknown {
            self.learn_method();
        }
        if self.shared.metrics {
            self.count(outcome, took);
        }
        let asked = Asked {
            target: &self.target,
            route: self.control.route(),
            early: self.early,
        };
        self.span.end(&asked, outcome);
        if !self.complete && self.shared.scope.is_cancelled() {
            self.shared.cut(|| self.describe(), took);
        }
    }

    fn count(&self, outcome: Outcome, took: Duration) {
        let table = self.shared.routes.series();
        let unmatched;
        let series = match (self.control.route(), &self.target) {
            (Some(route), _) => route,
            (None, Target::Grpc(_)) => {
                unmatched = table.unmatched_grpc();
                &*unmatched
            }
            (None, Target::Http(http)) => {
                unmatched = table.unmatched_http(&http.method);
                &*unmatched
            }
        };
        series.record(outcome, took);
        if let Some(reason) = self.early {
            let wasted = self.wasted.unwrap_or_else(|| self.wasted(reason));
            series.cancelled(reason, wasted);
        }
    }
}

impl Drop for Finish {
    fn drop(&mut self) {
        self.leave();
        // Also in the end: what the request has left behind is nobody's.
        self.control.scope.cancel_for(CancelReason::Client);
        self.shared.in_flight.fetch_sub(1, Ordering::Relaxed);
        self.record();
    }
}
