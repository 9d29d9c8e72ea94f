//! The kinds of problem the chassis itself reports.
//!
//! A service adds its own as constants next to its routes, and serves the list
//! of both, so that a client's author can look a `type` up:
//!
//! ```
//! use watertight::{ProblemKind, problems};
//!
//! const OUT_OF_STOCK: ProblemKind = ProblemKind::new("out-of-stock", "Out of stock", 409);
//! const OWN: [ProblemKind; 1] = [OUT_OF_STOCK];
//!
//! let all: Vec<_> = problems::ALL.iter().chain(&OWN).collect();
//! let json = serde_json::to_string(&all).unwrap();
//! assert!(json.contains(r#""type":"/problems/out-of-stock""#));
//! ```

use crate::ProblemKind;

/// 400: the request could not be parsed at all.
pub const MALFORMED_REQUEST: ProblemKind =
    ProblemKind::new("malformed-request", "The request is malformed", 400);
/// 400: the request was parsed, but a value in it is not what is expected.
pub const INVALID_REQUEST: ProblemKind =
    ProblemKind::new("invalid-request", "The request is not valid", 400);
/// 400: `x-request-timeout` is not a number of milliseconds.
pub const MALFORMED_TIMEOUT: ProblemKind =
    ProblemKind::new("malformed-timeout", "The timeout header is malformed", 400);
/// 401: no credentials, or wrong ones.
pub const UNAUTHENTICATED: ProblemKind =
    ProblemKind::new("unauthenticated", "Authentication is required", 401);
/// 403: known or not, this caller may not have it.
pub const FORBIDDEN: ProblemKind = ProblemKind::new("forbidden", "Forbidden", 403);
/// 404: there is nothing at this path.
pub const NOT_FOUND: ProblemKind = ProblemKind::new("not-found", "Not found", 404);
/// 405: there is something at this path, but not for this method; see `Allow`.
pub const METHOD_NOT_ALLOWED: ProblemKind =
    ProblemKind::new("method-not-allowed", "Method not allowed", 405);
/// 408: the request did not come in whole within its time.
pub const REQUEST_TIMEOUT: ProblemKind = ProblemKind::new(
    "request-timeout",
    "The request took too long to arrive",
    408,
);
/// 413: the body is longer than this route takes.
pub const BODY_TOO_LARGE: ProblemKind =
    ProblemKind::new("body-too-large", "The body is too large", 413);
/// 415: the body is in a format or an encoding that this route doesn't take.
pub const UNSUPPORTED_MEDIA_TYPE: ProblemKind = ProblemKind::new(
    "unsupported-media-type",
    "The body's media type is not supported",
    415,
);
/// 431: the request has more header fields than are taken.
pub const HEADERS_TOO_LARGE: ProblemKind =
    ProblemKind::new("headers-too-large", "The headers are too large", 431);
/// 500: a fault of the server's. Quote the trace id to whoever runs it.
pub const INTERNAL: ProblemKind = ProblemKind::new("internal", "Internal error", 500);
/// 501: the server doesn't do this at all, such as CONNECT.
pub const NOT_IMPLEMENTED: ProblemKind =
    ProblemKind::new("not-implemented", "Not implemented", 501);
/// 503: more requests are in flight than the server takes. Try again later.
pub const OVERLOADED: ProblemKind =
    ProblemKind::new("overloaded", "Too many requests in flight", 503);
/// 503: this instance is going away. Another one may answer at once.
pub const SHUTTING_DOWN: ProblemKind =
    ProblemKind::new("shutting-down", "The server is shutting down", 503);
/// 504: the request's deadline passed. Whether it took effect is unknown.
pub const DEADLINE_EXCEEDED: ProblemKind =
    ProblemKind::new("deadline-exceeded", "Deadline exceeded", 504);
/// 505: gRPC was called over HTTP/1.
pub const HTTP2_REQUIRED: ProblemKind =
    ProblemKind::new("http2-required", "gRPC needs HTTP/2", 505);

/// All of the above, by status.
pub const ALL: &[ProblemKind] = &[
    MALFORMED_REQUEST,
    INVALID_REQUEST,
    MALFORMED_TIMEOUT,
    UNAUTHENTICATED,
    FORBIDDEN,
    NOT_FOUND,
    METHOD_NOT_ALLOWED,
    REQUEST_TIMEOUT,
    BODY_TOO_LARGE,
    UNSUPPORTED_MEDIA_TYPE,
    HEADERS_TOO_LARGE,
    INTERNAL,
    NOT_IMPLEMENTED,
    OVERLOADED,
    SHUTTING_DOWN,
    DEADLINE_EXCEEDED,
    HTTP2_REQUIRED,
];
