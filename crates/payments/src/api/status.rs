//! Failures become gRPC statuses with stable reasons.

use std::time::Duration;

use shop_proto::errors::{Fault, refused, retryable, store_fault};
use shop_types::OrderId;
use tonic::{Code, Status};
use watertight_store::StoreError;

use super::ERROR_DOMAIN;
use crate::{domain::Refusal, service::Failure};

/// When to come back if the provider's answer is not known: it had its time, so
/// not at once.
const UNKNOWN_RETRY: Duration = Duration::from_millis(250);
/// When to come back if it is a matter of turns or queues.
const BUSY_RETRY: Duration = Duration::from_millis(50);

/// The status of a failed call.
pub(super) fn from(failure: &Failure) -> Status {
    let message = failure.to_string();
    let unavailable =
        |reason, after| retryable(Code::Unavailable, ERROR_DOMAIN, reason, &message, after);
    match failure {
        Failure::Refused(refusal) => {
            let (code, reason) = refusal_words(*refusal);
            refused(code, ERROR_DOMAIN, reason, message)
        }
        Failure::Unknown(_) => unavailable("PROVIDER_UNKNOWN", UNKNOWN_RETRY),
        Failure::Busy => unavailable("ORDER_BUSY", BUSY_RETRY),
        Failure::TooMany(_) => {
            let (code, reason) = (Code::ResourceExhausted, "TOO_MANY_IN_FLIGHT");
            retryable(code, ERROR_DOMAIN, reason, message, BUSY_RETRY)
        }
        Failure::Store(error) => store(error),
    }
}

fn refusal_words(refusal: Refusal) -> (Code, &'static str) {
    match refusal {
        Refusal::Declined => (Code::FailedPrecondition, "PAYMENT_DECLINED"),
        Refusal::Closed => (Code::FailedPrecondition, "PAYMENT_CLOSED"),
        Refusal::Mismatch => (Code::AlreadyExists, "AMOUNT_MISMATCH"),
        Refusal::NotAuthorized => (Code::FailedPrecondition, "PAYMENT_NOT_AUTHORIZED"),
        Refusal::Captured => (Code::FailedPrecondition, "PAYMENT_CAPTURED"),
        Refusal::NotCaptured => (Code::FailedPrecondition, "PAYMENT_NOT_CAPTURED"),
        Refusal::NotFound => (Code::NotFound, "PAYMENT_NOT_FOUND"),
    }
}

/// What the store says is told without its words: they are in the log, once
/// when it stops working and not with each refused call.
fn store(error: &StoreError) -> Status {
    if error.is_logged_by_store() {
        tracing::debug!(%error, "the store failed");
    } else {
        tracing::error!(%error, "the store failed");
    }
    let fault = match error {
        StoreError::Conflict(_) => Fault::Conflict,
        StoreError::Retry(_) => Fault::Busy,
        StoreError::Unavailable(_) => Fault::Unavailable,
        StoreError::Unknown(_) => Fault::Unknown,
        StoreError::Corrupt(_) => Fault::Corrupt,
    };
    store_fault(ERROR_DOMAIN, fault)
}

/// There is no payment for this order.
pub(super) fn not_found(order: OrderId) -> Status {
    let message = format!("order {order} has no payment");
    refused(Code::NotFound, ERROR_DOMAIN, "PAYMENT_NOT_FOUND", message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_that_a_full_disk_refuses_leave_no_line_each() {
        let full = || StoreError::Unavailable(String::from("database or disk is full"));
        let lines = testkit::log_lines(|| {
            for _ in 0..100 {
                drop(store(&full()));
            }
        });
        assert_eq!(lines, 0);
        let corrupt = StoreError::Corrupt(String::from("a row is bad"));
        assert_eq!(testkit::log_lines(|| drop(store(&corrupt))), 1);
    }
}
