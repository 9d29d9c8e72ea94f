//! The answers the server gives itself, in the caller's protocol.

use super::finish::{Finish, GRPC_STATUS};
use crate::{Problem, ProblemKind, Scope, TraceContext, problems};
use axum::body::Body;
use axum::response::IntoResponse;
use http::{HeaderMap, HeaderValue, Response, StatusCode, header};
use std::time::Duration;
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt};
use watertight_core::CancelReason;

/// What a caller is told to wait when this instance has no room for it.
const RETRY_AFTER: Duration = Duration::from_secs(1);
/// Whose reasons those in the chassis' error details are.
const DOMAIN: &str = "watertight";

/// An answer that no handler gave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// The timeout header isn't one.
    MalformedTimeout,
    /// The deadline passed.
    Late,
    /// The server is going away.
    Cancelled,
    /// The handler panicked.
    Panicked,
    /// As many requests are in flight as may.
    Overloaded,
    /// More header fields than a request may have.
    TooManyHeaders,
    /// The request's body brought nothing for too long.
    UploadStalled,
    /// The handler's response contradicts itself.
    Faulty,
    /// An HTTP/1.1 request without Host, or with several (RFC 9112, 3.2).
    BadHost,
    /// A transfer coding other than chunked, which nobody here undoes.
    UnknownCoding,
    /// CONNECT: this is no proxy.
    NoTunnel,
    /// A dialect of gRPC that isn't served, such as gRPC-Web.
    UnknownGrpc,
    /// gRPC by another method than POST.
    GrpcNeedsPost,
    /// gRPC over HTTP/1.
    GrpcNeedsHttp2,
    /// The path of a gRPC method, but another content type.
    NotGrpc,
    /// No route has this path.
    NotFound,
    /// No route has this path with this method.
    WrongMethod,
}

impl Answer {
    pub(crate) fn message(self) -> &'static str {
        match self {
            Self::MalformedTimeout => "malformed timeout",
            Self::Late => "deadline exceeded",
            Self::Cancelled => "the server is shutting down",
            Self::Panicked => "internal error",
            Self::Overloaded => "too many requests in flight",
            Self::TooManyHeaders => "a request may have 100 header fields",
            Self::UploadStalled => "the request's body stalled",
            Self::Faulty => "internal error",
            Self::BadHost => "a request needs the header Host once",
            Self::UnknownCoding => "of transfer codings, only chunked is served",
            Self::NoTunnel => "CONNECT is not served",
            Self::UnknownGrpc => "of gRPC, only application/grpc+proto is served",
            Self::GrpcNeedsPost => "gRPC methods are called with POST",
            Self::GrpcNeedsHttp2 => "gRPC needs HTTP/2",
            Self::NotGrpc => "this is a gRPC method: the content type must be application/grpc",
            Self::NotFound => "nothing is served at this path",
            Self::WrongMethod => "see the header Allow for the methods of this path",
        }
    }

    pub(super) fn code(self) -> Code {
        match self {
            Self::MalformedTimeout => Code::InvalidArgument,
            Self::Late | Self::UploadStalled => Code::DeadlineExceeded,
            Self::Cancelled => Code::Unavailable,
            Self::Panicked
            | Self::Faulty
            | Self::UnknownGrpc
            | Self::GrpcNeedsPost
            | Self::GrpcNeedsHttp2
            | Self::NotGrpc => Code::Internal,
            Self::Overloaded | Self::TooManyHeaders => Code::ResourceExhausted,
            Self::BadHost => Code::InvalidArgument,
            Self::NotFound | Self::WrongMethod | Self::NoTunnel | Self::UnknownCoding => {
                Code::Unimplemented
            }
        }
    }

    /// The reason in a status' error details; stable.
    fn reason(self) -> &'static str {
        match self {
            Self::MalformedTimeout => "MALFORMED_TIMEOUT",
            Self::Late => "DEADLINE_EXCEEDED",
            Self::Cancelled => "SHUTTING_DOWN",
            Self::Panicked | Self::Faulty => "INTERNAL",
            Self::Overloaded => "OVERLOADED",
            Self::TooManyHeaders => "HEADERS_TOO_LARGE",
            Self::UploadStalled => "UPLOAD_STALLED",
            Self::BadHost => "MALFORMED_REQUEST",
            Self::NoTunnel | Self::UnknownCoding => "NOT_IMPLEMENTED",
            Self::UnknownGrpc | Self::NotGrpc => "UNSUPPORTED_MEDIA_TYPE",
            Self::GrpcNeedsPost | Self::WrongMethod => "METHOD_NOT_ALLOWED",
            Self::GrpcNeedsHttp2 => "HTTP2_REQUIRED",
            Self::NotFound => "NOT_FOUND",
        }
    }

    /// Why the handler was ended for this answer, if it was because nobody waits.
    pub(crate) fn cancels(self, scope: &Scope) -> Option<CancelReason> {
        match self {
            Self::Late => Some(CancelReason::Deadline),
            Self::UploadStalled => Some(CancelReason::Client),
            Self::Cancelled => Some(scope.cancel_reason().unwrap_or(CancelReason::Shutdown)),
            Self::MalformedTimeout
            | Self::Panicked
            | Self::Overloaded
            | Self::TooManyHeaders
            | Self::Faulty
            | Self::BadHost
            | Self::UnknownCoding
            | Self::NoTunnel
            | Self::UnknownGrpc
            | Self::GrpcNeedsPost
            | Self::GrpcNeedsHttp2
            | Self::NotGrpc
            | Self::NotFound
            | Self::WrongMethod => None,
        }
    }

    fn kind(self) -> &'static ProblemKind {
        match self {
            Self::MalformedTimeout => &problems::MALFORMED_TIMEOUT,
            Self::Late => &problems::DEADLINE_EXCEEDED,
            Self::Cancelled => &problems::SHUTTING_DOWN,
            Self::Panicked | Self::Faulty => &problems::INTERNAL,
            Self::Overloaded => &problems::OVERLOADED,
            Self::TooManyHeaders => &problems::HEADERS_TOO_LARGE,
            Self::UploadStalled => &problems::REQUEST_TIMEOUT,
            Self::BadHost => &problems::MALFORMED_REQUEST,
            Self::NoTunnel | Self::UnknownCoding => &problems::NOT_IMPLEMENTED,
            Self::UnknownGrpc | Self::NotGrpc => &problems::UNSUPPORTED_MEDIA_TYPE,
            Self::GrpcNeedsPost | Self::WrongMethod => &problems::METHOD_NOT_ALLOWED,
            Self::GrpcNeedsHttp2 => &problems::HTTP2_REQUIRED,
            Self::NotFound => &problems::NOT_FOUND,
        }
    }

    pub(super) fn status(self) -> StatusCode {
        self.kind().status
    }

    /// The response: trailers-only for gRPC, a problem document for HTTP. Either
    /// names the request's trace.
    pub(super) fn response(self, finish: &Finish) -> Response<Body> {
        let target = &finish.target;
        self.respond(&finish.control.scope, target.is_grpc(), target.is_head())
    }

    /// The same for a request of which only that much is known.
    pub(crate) fn respond(self, scope: &Scope, grpc: bool, head: bool) -> Response<Body> {
        if grpc {
            return scope.enter(|| self.grpc_status()).into_http();
        }
        let mut response = scope.enter(|| self.problem()).into_response();
        // hyper sends whatever body it gets over HTTP/2, also to a HEAD.
        if head {
            *response.body_mut() = Body::empty();
        }
        response
    }

    /// The trailers of a response that ends early.
    pub(crate) fn trailers(self, scope: &Scope) -> HeaderMap {
        let mut trailers = HeaderMap::with_capacity(3);
        let status = scope.enter(|| self.grpc_status());
        if status.add_header(&mut trailers).is_err() {
            trailers.insert(GRPC_STATUS, HeaderValue::from(i32::from(self.code())));
        }
        trailers
    }

    fn problem(self) -> Problem {
        let mut problem = Problem::new(self.kind());
        if !self.message().eq_ignore_ascii_case(self.kind().title) {
            problem = problem.detail(self.message());
        }
        if matches!(self, Self::Overloaded | Self::Cancelled) {
            problem = problem.retry_after(RETRY_AFTER);
        }
        if self == Self::GrpcNeedsPost {
            problem = problem.header(header::ALLOW, HeaderValue::from_static("POST"));
        }
        problem
    }

    /// The status, with the ambient trace's id as the request's id in its details.
    pub(super) fn grpc_status(self) -> Status {
        let details = details(Some(self.reason()), watertight_core::current_trace());
        Status::with_error_details(self.code(), self.message(), details)
    }
}

/// Error details of the chassis' own: a reason, and the request's id.
pub(super) fn details(reason: Option<&'static str>, trace: Option<TraceContext>) -> ErrorDetails {
    let mut details = ErrorDetails::new();
    if let Some(reason) = reason {
        details.set_error_info(reason, DOMAIN, []);
    }
    if let Some(trace) = trace {
        details.set_request_info(trace.trace_id().to_string(), "");
    }
    details
}
