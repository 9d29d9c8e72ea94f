//! Failures become gRPC statuses with stable reasons.

use std::time::Duration;

use shop_proto::errors::{refused, retryable};
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
        Failure::Store(error) => store(error, &message),
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
    }
}

/// What the store says is told without its details: they are in the log.
fn store(error: &StoreError, message: &str) -> Status {
    tracing::warn!(error = message, "the store failed");
    let (code, reason, say) = match error {
        StoreError::Conflict(_) => (Code::Aborted, "CONFLICT", "the payment has moved on"),
        StoreError::Retry(_) => (Code::Unavailable, "STORE_BUSY", "the store is busy"),
        StoreError::Unavailable(_) => {
            let say = "the store can't work now";
            (Code::Unavailable, "STORE_UNAVAILABLE", say)
        }
        StoreError::Unknown(_) => {
            let say = "it is not known whether it was written down";
            (Code::Unavailable, "STORE_UNKNOWN", say)
        }
        StoreError::Corrupt(_) => {
            let say = "what is stored makes no sense";
            return refused(Code::DataLoss, ERROR_DOMAIN, "STORE_CORRUPT", say);
        }
    };
    retryable(code, ERROR_DOMAIN, reason, say, BUSY_RETRY)
}

/// There is no payment for this order.
pub(super) fn not_found(order: OrderId) -> Status {
    let message = format!("order {order} has no payment");
    refused(Code::NotFound, ERROR_DOMAIN, "PAYMENT_NOT_FOUND", message)
}
