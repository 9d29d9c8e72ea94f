//! Bare errors of axum and tonic, completed before they go out.

use super::finish::{Finish, GRPC_STATUS, HttpTarget, Target};
use super::respond::{Answer, details};
use axum::body::Body;
use http::{Method, Response, StatusCode, header};
use http_body::Body as _;
use tonic::{Code, Status};
use tonic_types::StatusExt;

const GRPC_DETAILS: &str = "grpc-status-details-bin";

/// Completes an error that has nothing but its status: a problem document for
/// HTTP, details with the request's id for gRPC. Others pass as they are.
pub(super) fn explained(response: Response<Body>, finish: &Finish) -> Response<Body> {
    match &finish.target {
        Target::Http(target) => {
            match unexplained(&response, target, finish.control.route().is_some()) {
                Some(answer) => with_problem(response, answer, finish),
                None => response,
            }
        }
        Target::Grpc(_) => with_details(response, finish),
    }
}

/// axum's bare 404 and 405 where no route fits. A fallback of the router's own
/// has its say by having a body or a content type.
fn unexplained(response: &Response<Body>, target: &HttpTarget, matched: bool) -> Option<Answer> {
    let headers = response.headers();
    if !response.body().is_end_stream() || headers.contains_key(header::CONTENT_TYPE) {
        return None;
    }
    match response.status() {
        StatusCode::NOT_FOUND if !matched => Some(match target.method {
            Method::POST if target.grpc_path => Answer::NotGrpc,
            _ if target.grpc_path => Answer::GrpcNeedsPost,
            _ => Answer::NotFound,
        }),
        StatusCode::METHOD_NOT_ALLOWED if headers.contains_key(header::ALLOW) => {
            Some(Answer::WrongMethod)
        }
        _ => None,
    }
}

fn with_problem(response: Response<Body>, answer: Answer, finish: &Finish) -> Response<Body> {
    let (parts, body) = answer.response(finish).into_parts();
    let (mut bare, _empty) = response.into_parts();
    bare.status = parts.status;
    // What layers have added stays, such as `Allow` and CORS.
    bare.headers.remove(header::CONTENT_LENGTH);
    bare.headers.extend(parts.headers);
    Response::from_parts(bare, body)
}

/// A status without a message, which comes before the handler or instead of it.
fn with_details(mut response: Response<Body>, finish: &Finish) -> Response<Body> {
    let headers = response.headers_mut();
    if !headers.contains_key(GRPC_STATUS) || headers.contains_key(GRPC_DETAILS) {
        return response;
    }
    let Some(status) = Status::from_header_map(headers).filter(|s| s.code() != Code::Ok) else {
        return response;
    };
    let details = details(reason(&status), finish.control.scope.trace());
    let full = Status::with_error_details(status.code(), status.message(), details);
    // It says what the headers said before, so it can't fail where they didn't.
    let _said = full.add_header(headers);
    response
}

/// What tonic refused, as far as its messages tell; a handler's own status
/// gets no reason from us.
fn reason(status: &Status) -> Option<&'static str> {
    let message = status.message();
    let starts = |start: &str| message.starts_with(start);
    if status.code() == Code::Unimplemented && message.is_empty() {
        Some("UNKNOWN_METHOD")
    } else if starts("Error, decoded message length too large") {
        Some("MESSAGE_TOO_LARGE")
    } else if starts("failed to decode Protobuf message") {
        Some("MALFORMED_MESSAGE")
    } else {
        None
    }
}
