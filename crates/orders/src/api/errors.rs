//! Refusals as gRPC statuses with details.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use shop_proto::errors;
use tonic::{Code, Status};

use super::DOMAIN;
use crate::model::{Order, Reason};
use crate::service::Refused;
use crate::store::StoreError;

/// When to come back if nothing better is known.
const RETRY_AFTER: Duration = Duration::from_millis(500);

/// What was said of the store, which may fail for each of many requests.
#[derive(Clone, Debug, Default)]
pub(super) struct Log {
    corrupt: Arc<AtomicBool>,
}

impl Log {
    pub(super) fn status(&self, refused: Refused) -> Status {
        if let Refused::Store(error) = &refused {
            self.note(error);
        }
        status(refused)
    }

    /// What the database says is for the log, not for the caller. The store logs
    /// by itself when it stops working and when it works again; what is corrupt
    /// stays so.
    fn note(&self, error: &StoreError) {
        let is_corrupt = matches!(error, StoreError::Corrupt(_));
        if is_corrupt && !self.corrupt.swap(true, Ordering::AcqRel) {
            tracing::error!(%error, "store is corrupt; more of it is said at level debug");
        } else {
            tracing::debug!(%error, "store gave no answer");
        }
    }
}

fn status(refused: Refused) -> Status {
    let message = refused.to_string();
    let retry =
        |code, reason: &str| errors::retryable(code, DOMAIN, reason, &*message, RETRY_AFTER);
    let last = |code, reason: &str| errors::refused(code, DOMAIN, reason, &*message);
    match refused {
        Refused::TooManyOrdersInFlight => {
            retry(Code::ResourceExhausted, "TOO_MANY_ORDERS_IN_FLIGHT")
        }
        Refused::TooManyWatchers => retry(Code::ResourceExhausted, "TOO_MANY_WATCHERS"),
        Refused::KeyReused => last(Code::AlreadyExists, "IDEMPOTENCY_KEY_REUSED"),
        Refused::BadOrder(order) => bad_order(&order),
        Refused::NotFound(_) => last(Code::NotFound, "ORDER_NOT_FOUND"),
        Refused::AlreadyRejected(_) => last(Code::FailedPrecondition, "ORDER_REJECTED"),
        Refused::Deadline => retry(Code::DeadlineExceeded, "DEADLINE_PASSED"),
        Refused::ShuttingDown => retry(Code::Unavailable, "SHUTTING_DOWN"),
        Refused::Store(error) => store(&error),
    }
}

/// Names the field at fault; the same each time the order is asked for.
fn bad_order(order: &Order) -> Status {
    let (reason, detail) = match &order.rejection {
        Some(why) => (why.reason, &*why.detail),
        None => (Reason::UnknownSku, ""),
    };
    let (field, why) = match reason {
        Reason::UnknownSku => {
            let at = order
                .lines
                .iter()
                .position(|line| line.sku.as_str() == detail);
            let field = at.map_or_else(|| "lines".to_owned(), |at| format!("lines[{at}].sku"));
            (field, "is not in the catalogue")
        }
        Reason::MixedCurrency => ("lines".to_owned(), "have prices in more than one currency"),
        Reason::TotalOverflow => (
            "lines".to_owned(),
            "have a total that is more than can be paid",
        ),
        Reason::OutOfStock
        | Reason::PaymentDeclined
        | Reason::TimedOut
        | Reason::ReservationLost => ("lines".to_owned(), "can't be served"),
    };
    let metadata = [("order_id", order.id.to_string())];
    errors::invalid_because(DOMAIN, reason.name(), field, why, metadata)
}

fn store(error: &StoreError) -> Status {
    let retry =
        |reason, why: &str| errors::retryable(Code::Unavailable, DOMAIN, reason, why, RETRY_AFTER);
    match error {
        StoreError::Retry(_) => retry("STORE_BUSY", "the store is busy, nothing was done"),
        StoreError::Unavailable(_) => retry(
            "STORE_UNAVAILABLE",
            "the store can't work now, nothing was done",
        ),
        StoreError::Unknown(_) => retry(
            "OUTCOME_UNKNOWN",
            "the outcome is unknown, repeat the call with the same key",
        ),
        StoreError::Conflict(_) => errors::refused(
            Code::Aborted,
            DOMAIN,
            "CONFLICT",
            "something else was quicker",
        ),
        StoreError::Corrupt(_) => errors::refused(
            Code::DataLoss,
            DOMAIN,
            "STORE_CORRUPT",
            "what is stored can't be read",
        ),
    }
}
