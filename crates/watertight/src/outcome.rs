//! How a request ended, and the words that metrics have for that.

use http::{Method, StatusCode};
use tonic::Code;

/// The outcome of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Grpc(Code),
    Http(StatusCode),
    /// The caller left before the answer.
    Left,
    /// The handler broke the response's body off.
    BrokenOff,
}

/// Methods with a name of their own, and all others.
pub(crate) const METHODS: usize = 8;
pub(crate) const METHOD_NAMES: [&str; METHODS] = [
    "GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS", "other",
];

/// A method's place among those that are told apart.
pub(crate) fn method_index(method: &Method) -> usize {
    match *method {
        Method::GET => 0,
        Method::POST => 1,
        Method::PUT => 2,
        Method::DELETE => 3,
        Method::PATCH => 4,
        Method::HEAD => 5,
        Method::OPTIONS => 6,
        _ => METHODS - 1,
    }
}

/// A method's name among those that are told apart.
pub(crate) fn method_name(method: &Method) -> &'static str {
    METHOD_NAMES[method_index(method)]
}

/// What went wrong, as OpenTelemetry's conventions for servers have it: nothing, if
/// the fault is the caller's.
pub(crate) fn error_type(outcome: Outcome, code: &'static str) -> &'static str {
    let ours = match outcome {
        Outcome::Left | Outcome::BrokenOff => true,
        Outcome::Http(status) => status.is_server_error(),
        Outcome::Grpc(code) => matches!(
            code,
            Code::Unknown
                | Code::DeadlineExceeded
                | Code::Unimplemented
                | Code::Internal
                | Code::Unavailable
                | Code::DataLoss
        ),
    };
    if ours { code } else { "" }
}

pub(crate) const GRPC_CODES: [&str; 17] = [
    "OK",
    "CANCELLED",
    "UNKNOWN",
    "INVALID_ARGUMENT",
    "DEADLINE_EXCEEDED",
    "NOT_FOUND",
    "ALREADY_EXISTS",
    "PERMISSION_DENIED",
    "RESOURCE_EXHAUSTED",
    "FAILED_PRECONDITION",
    "ABORTED",
    "OUT_OF_RANGE",
    "UNIMPLEMENTED",
    "INTERNAL",
    "UNAVAILABLE",
    "DATA_LOSS",
    "UNAUTHENTICATED",
];
/// Statuses with a label of their own; others are counted by class.
const HTTP_STATUSES: [(u16, &str); 24] = [
    (200, "200"),
    (201, "201"),
    (202, "202"),
    (204, "204"),
    (206, "206"),
    (301, "301"),
    (302, "302"),
    (304, "304"),
    (400, "400"),
    (401, "401"),
    (402, "402"),
    (403, "403"),
    (404, "404"),
    (405, "405"),
    (408, "408"),
    (409, "409"),
    (413, "413"),
    (415, "415"),
    (422, "422"),
    (429, "429"),
    (500, "500"),
    (502, "502"),
    (503, "503"),
    (504, "504"),
];
const HTTP_CLASSES: [&str; 6] = ["other", "1xx", "2xx", "3xx", "4xx", "5xx"];
/// One slot for each label above, of either kind, and two for what has no status.
pub(crate) const CODES: usize = HTTP_STATUSES.len() + HTTP_CLASSES.len() + 2;
pub(crate) const LEFT: usize = CODES - 2;
const BROKEN_OFF: usize = CODES - 1;

/// An outcome's slot and label.
pub(crate) fn label(outcome: Outcome) -> (usize, &'static str) {
    match outcome {
        Outcome::Left => (LEFT, "caller_left"),
        Outcome::BrokenOff => (BROKEN_OFF, "broken_off"),
        Outcome::Grpc(code) => {
            let slot = usize::try_from(i32::from(code)).unwrap_or(2);
            (slot, GRPC_CODES[slot])
        }
        Outcome::Http(status) => {
            let known = HTTP_STATUSES
                .iter()
                .position(|(code, _)| *code == status.as_u16());
            known.map_or_else(
                || {
                    let class = usize::from(status.as_u16() / 100);
                    let class = if class < HTTP_CLASSES.len() { class } else { 0 };
                    (HTTP_STATUSES.len() + class, HTTP_CLASSES[class])
                },
                |slot| (slot, HTTP_STATUSES[slot].1),
            )
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_outcome_has_a_slot_of_its_own_kind() {
        for (i, name) in GRPC_CODES.iter().enumerate() {
            let code = Code::from(i32::try_from(i).unwrap());
            assert_eq!(label(Outcome::Grpc(code)), (i, *name));
        }
        for status in 100..1000 {
            let (slot, name) = label(Outcome::Http(StatusCode::from_u16(status).unwrap()));
            assert!(slot < LEFT && !name.is_empty());
        }
        assert_eq!(label(Outcome::Http(StatusCode::IM_A_TEAPOT)).1, "4xx");
    }
}
