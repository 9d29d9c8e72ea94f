//! Errors as `google.rpc` describes them: a code, a stable reason, the field at
//! fault, and when to come back.
//!
//! People read the message; programs read the [`Code`] and the reason of the
//! `ErrorInfo`, which never changes once it is released.

use std::{collections::HashMap, time::Duration};

use tonic::{Code, Status};
use tonic_types::{ErrorDetails, FieldViolation, StatusExt};

/// Collects what is wrong with a request, so that one answer names it all.
///
/// # Limits
///
/// Keeps the first [`Violations::KEPT_MAX`] and counts the rest, so that a bad
/// request can't make a huge answer.
#[derive(Debug, Default)]
pub struct Violations {
    kept: Vec<FieldViolation>,
    dropped: usize,
}

impl Violations {
    /// How many violations one answer names.
    pub const KEPT_MAX: usize = 32;

    /// Notes that `field` (a path such as `lines[2].sku`) is wrong.
    pub fn add(&mut self, field: impl Into<String>, why: impl std::fmt::Display) {
        if self.kept.len() < Self::KEPT_MAX {
            self.kept
                .push(FieldViolation::new(field.into(), why.to_string()));
        } else {
            self.dropped += 1;
        }
    }

    /// Takes the value of `result`, or notes why `field` has none.
    pub fn take<T, E: std::fmt::Display>(
        &mut self,
        field: impl Into<String>,
        result: Result<T, E>,
    ) -> Option<T> {
        result.map_err(|why| self.add(field, why)).ok()
    }

    /// Whether nothing is wrong so far.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.kept.is_empty()
    }

    /// The answer that names them all: INVALID_ARGUMENT with a BadRequest and an
    /// ErrorInfo of reason `INVALID_REQUEST`.
    #[must_use]
    pub fn into_status(self, domain: &str) -> Status {
        let mut message = String::from("invalid request: ");
        for (i, violation) in self.kept.iter().enumerate() {
            let separator = if i == 0 { "" } else { "; " };
            message += &format!("{separator}{} {}", violation.field, violation.description);
        }
        if self.dropped > 0 {
            message += &format!("; and {} more", self.dropped);
        }
        let mut details = ErrorDetails::with_bad_request(self.kept);
        details.set_error_info("INVALID_REQUEST", domain, HashMap::new());
        Status::with_error_details(Code::InvalidArgument, message, details)
    }
}

/// INVALID_ARGUMENT for one field.
#[must_use]
pub fn invalid(domain: &str, field: impl Into<String>, why: impl std::fmt::Display) -> Status {
    let mut violations = Violations::default();
    violations.add(field, why);
    violations.into_status(domain)
}

/// INVALID_ARGUMENT for one field, with a reason of its own and what a program
/// may want to know, for example the id of the order that was rejected for it.
#[must_use]
pub fn invalid_because<const N: usize>(
    domain: &str,
    reason: &str,
    field: impl Into<String>,
    why: impl std::fmt::Display,
    metadata: [(&str, String); N],
) -> Status {
    let (field, why) = (field.into(), why.to_string());
    let message = format!("invalid request: {field} {why}");
    let metadata = HashMap::from(metadata.map(|(key, value)| (key.to_owned(), value)));
    let mut details = ErrorDetails::with_bad_request_violation(field, why);
    details.set_error_info(reason, domain, metadata);
    Status::with_error_details(Code::InvalidArgument, message, details)
}

/// An error with a stable reason.
#[must_use]
pub fn refused(code: Code, domain: &str, reason: &str, message: impl Into<String>) -> Status {
    refused_with(code, domain, reason, message, [])
}

/// An error with a stable reason and what a program may want to know of it, for
/// example the SKU.
#[must_use]
pub fn refused_with<const N: usize>(
    code: Code,
    domain: &str,
    reason: &str,
    message: impl Into<String>,
    metadata: [(&str, String); N],
) -> Status {
    let metadata = HashMap::from(metadata.map(|(key, value)| (key.to_owned(), value)));
    let details = ErrorDetails::with_error_info(reason, domain, metadata);
    Status::with_error_details(code, message.into(), details)
}

/// An error that a later try may not meet: carries a RetryInfo.
#[must_use]
pub fn retryable(
    code: Code,
    domain: &str,
    reason: &str,
    message: impl Into<String>,
    after: Duration,
) -> Status {
    let mut details = ErrorDetails::with_error_info(reason, domain, HashMap::new());
    details.set_retry_info(Some(after));
    Status::with_error_details(code, message.into(), details)
}

/// What a service's store says when it has no answer, without its words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Fault {
    /// Nothing was done: it has too much to do.
    Busy,
    /// Nothing was done: it can't work now (full, read-only, closing).
    Unavailable,
    /// Nobody knows whether it was done.
    Unknown,
    /// Nothing was done: something else came first.
    Conflict,
    /// What is stored breaks its own rules.
    Corrupt,
}

/// When to come back to a store that is busy or was quicker than us.
const SOON: Duration = Duration::from_millis(50);
/// When to come back to a store that can't work now.
const LATER: Duration = Duration::from_secs(1);

/// The error of a store that has no answer, the same in all services:
///
/// | fault | code | reason | RetryInfo |
/// |---|---|---|---|
/// | busy | UNAVAILABLE | `STORE_BUSY` | 50 ms |
/// | unavailable | UNAVAILABLE | `STORE_UNAVAILABLE` | 1 s |
/// | unknown | UNAVAILABLE | `OUTCOME_UNKNOWN` | 1 s |
/// | conflict | ABORTED | `CONFLICT` | 50 ms |
/// | corrupt | DATA_LOSS | `STORE_CORRUPT` | none |
///
/// What the database said belongs in the service's log: callers must not see
/// its text, and can't do anything about it.
#[must_use]
pub fn store_fault(domain: &str, fault: Fault) -> Status {
    let (code, reason, message, after) = match fault {
        Fault::Busy => (
            Code::Unavailable,
            "STORE_BUSY",
            "the store is busy, nothing was done",
            SOON,
        ),
        Fault::Unavailable => (
            Code::Unavailable,
            "STORE_UNAVAILABLE",
            "the store can't work now, nothing was done",
            LATER,
        ),
        Fault::Unknown => (
            Code::Unavailable,
            "OUTCOME_UNKNOWN",
            "it is not known whether it was done; ask again",
            LATER,
        ),
        Fault::Conflict => (
            Code::Aborted,
            "CONFLICT",
            "something else came first, nothing was done",
            SOON,
        ),
        Fault::Corrupt => {
            let message = "what is stored breaks its own rules";
            return refused(Code::DataLoss, domain, "STORE_CORRUPT", message);
        }
    };
    retryable(code, domain, reason, message, after)
}

/// The stable reason of an error that came over the wire, if it carries one.
#[must_use]
pub fn reason(status: &Status) -> Option<String> {
    status.get_details_error_info().map(|info| info.reason)
}

/// A value from the ErrorInfo's metadata of an error that came over the wire.
#[must_use]
pub fn metadata(status: &Status, key: &str) -> Option<String> {
    status
        .get_details_error_info()
        .and_then(|mut info| info.metadata.remove(key))
}

/// The fields at fault in an error that came over the wire.
#[must_use]
pub fn fields(status: &Status) -> Vec<String> {
    let violations = status
        .get_details_bad_request()
        .map(|bad| bad.field_violations);
    violations
        .unwrap_or_default()
        .into_iter()
        .map(|violation| violation.field)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_answer_names_every_field_up_to_the_bound() {
        let mut violations = Violations::default();
        for i in 0..40 {
            violations.add(format!("lines[{i}].sku"), "must not be empty");
        }
        let status = violations.into_status("orders.shop");
        assert_eq!(status.code(), Code::InvalidArgument);
        assert_eq!(fields(&status).len(), Violations::KEPT_MAX);
        assert_eq!(reason(&status).as_deref(), Some("INVALID_REQUEST"));
        assert!(status.message().ends_with("; and 8 more"));
    }

    #[test]
    fn all_but_a_corrupt_store_may_be_asked_again() {
        for (fault, code, word) in [
            (Fault::Busy, Code::Unavailable, "STORE_BUSY"),
            (Fault::Unavailable, Code::Unavailable, "STORE_UNAVAILABLE"),
            (Fault::Unknown, Code::Unavailable, "OUTCOME_UNKNOWN"),
            (Fault::Conflict, Code::Aborted, "CONFLICT"),
            (Fault::Corrupt, Code::DataLoss, "STORE_CORRUPT"),
        ] {
            let status = store_fault("orders.shop", fault);
            assert_eq!(status.code(), code);
            assert_eq!(reason(&status).as_deref(), Some(word));
            let retry = status.get_details_retry_info().is_some();
            assert_eq!(retry, fault != Fault::Corrupt, "{fault:?}");
        }
    }

    #[test]
    fn reason_and_metadata_come_back() {
        let sku = [("sku", String::from("tea"))];
        let status = refused_with(
            Code::NotFound,
            "inventory.shop",
            "SKU_NOT_FOUND",
            "no tea",
            sku,
        );
        assert_eq!(reason(&status).as_deref(), Some("SKU_NOT_FOUND"));
        assert_eq!(metadata(&status, "sku").as_deref(), Some("tea"));
        let status = retryable(Code::Unavailable, "d", "R", "m", Duration::from_secs(2));
        let after = status
            .get_details_retry_info()
            .and_then(|info| info.retry_delay);
        assert_eq!(after, Some(Duration::from_secs(2)));
    }
}
