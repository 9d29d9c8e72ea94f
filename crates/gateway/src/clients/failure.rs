//! Why a call got no answer, as far as a caller may know.

use std::time::Duration;

use shop_proto::errors;
use tonic::{Code, Status};
use tonic_types::StatusExt;

/// Fields that one answer names at most.
const VIOLATIONS_MAX: usize = 32;

/// Why a call got no answer.
///
/// The upstream's message is left out on purpose: it may say what only its
/// operators should read. What callers may know is in code, reason and fields,
/// which are contract.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The gRPC code.
    pub code: Code,
    /// The stable reason, if the upstream gave one.
    pub reason: Option<String>,
    /// The fields at fault.
    pub violations: Vec<Violation>,
    /// When to come back.
    pub retry_after: Option<Duration>,
    /// The order that was recorded although the request was refused.
    pub order_id: Option<String>,
}

/// A field at fault.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// Its path in the gRPC message, such as `lines[2].sku`.
    pub field: String,
    /// What is wrong with it.
    pub why: String,
}

impl Failure {
    /// Whether repeating the same idempotent call may help.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        matches!(
            self.code,
            Code::Unavailable
                | Code::Aborted
                | Code::ResourceExhausted
                | Code::DeadlineExceeded
                | Code::Cancelled
        )
    }
}

impl From<Status> for Failure {
    fn from(status: Status) -> Self {
        let details = status.get_error_details();
        let violations = details.bad_request().map(|bad| &bad.field_violations);
        let violations = violations.into_iter().flatten().take(VIOLATIONS_MAX);
        let failure = Self {
            code: status.code(),
            reason: errors::reason(&status),
            violations: violations
                .map(|violation| Violation {
                    field: violation.field.clone(),
                    why: violation.description.clone(),
                })
                .collect(),
            retry_after: details.retry_info().and_then(|retry| retry.retry_delay),
            order_id: errors::metadata(&status, "order_id"),
        };
        // What the upstream said is for the log, at the level of what its
        // operators don't see in their own.
        tracing::debug!(%status, "upstream refused");
        failure
    }
}
