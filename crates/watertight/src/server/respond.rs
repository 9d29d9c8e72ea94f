//! The answers the server gives itself, in the caller's protocol.

use axum::body::Body;
use http::{HeaderValue, Response, StatusCode, header};
use tonic::{Code, Status};

/// An answer that no handler gave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Answer {
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
}

impl Answer {
    pub(super) fn message(self) -> &'static str {
        match self {
            Self::MalformedTimeout => "malformed timeout",
            Self::Late => "deadline exceeded",
            Self::Cancelled => "the server is shutting down",
            Self::Panicked => "internal error",
            Self::Overloaded => "too many requests in flight",
        }
    }

    pub(super) fn code(self) -> Code {
        match self {
            Self::MalformedTimeout => Code::InvalidArgument,
            Self::Late => Code::DeadlineExceeded,
            Self::Cancelled => Code::Unavailable,
            Self::Panicked => Code::Internal,
            Self::Overloaded => Code::ResourceExhausted,
        }
    }

    pub(super) fn status(self) -> StatusCode {
        match self {
            Self::MalformedTimeout => StatusCode::BAD_REQUEST,
            Self::Late => StatusCode::GATEWAY_TIMEOUT,
            Self::Cancelled | Self::Overloaded => StatusCode::SERVICE_UNAVAILABLE,
            Self::Panicked => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// The response: trailers-only for gRPC, problem+json (RFC 9457) for HTTP.
    pub(super) fn response(self, grpc: bool) -> Response<Body> {
        if grpc {
            return Status::new(self.code(), self.message()).into_http();
        }
        let status = self.status();
        let json = format!(
            r#"{{"title":"{}","status":{}}}"#,
            self.message(),
            status.as_u16()
        );
        let mut response = Response::new(Body::from(json));
        *response.status_mut() = status;
        response.headers_mut().insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/problem+json"),
        );
        response
    }
}
