//! What goes wrong, as gRPC says it.

use std::time::Duration;

use shop_proto::errors::{refused, refused_with, retryable};
use shop_types::{MoneyError, OrderId, Sku};
use tonic::{Code, Status};
use watertight_store::StoreError;

use crate::model::{RECEIVED_MAX, ReserveRefusal};
use crate::service::TooManyWatchers;
use crate::store::ReceiptRefusal;

/// Domain of the ErrorInfo of all errors.
pub(super) const DOMAIN: &str = "inventory.shop";

/// When to come back to a store that can't work now.
const RETRY_AFTER: Duration = Duration::from_secs(1);

pub(super) fn store(error: StoreError) -> Status {
    match error {
        StoreError::Retry(reason) => retryable(
            Code::Unavailable,
            DOMAIN,
            "STORE_BUSY",
            reason.to_string(),
            Duration::from_millis(50),
        ),
        StoreError::Unavailable(_) | StoreError::Unknown(_) => {
            tracing::warn!(%error, "store failed");
            let reason = match error {
                StoreError::Unknown(_) => "OUTCOME_UNKNOWN",
                _ => "STORE_UNAVAILABLE",
            };
            retryable(
                Code::Unavailable,
                DOMAIN,
                reason,
                "the store can't work now",
                RETRY_AFTER,
            )
        }
        StoreError::Conflict(_) => refused(
            Code::Aborted,
            DOMAIN,
            "CONFLICT",
            "somebody else changed it meanwhile",
        ),
        StoreError::Corrupt(_) => {
            tracing::error!(%error, "store is corrupt");
            refused(
                Code::Internal,
                DOMAIN,
                "STORE_CORRUPT",
                "what is stored breaks its own rules",
            )
        }
    }
}

pub(super) fn unknown_sku(sku: &Sku) -> Status {
    let message = format!("the catalogue has no {sku}");
    refused_with(
        Code::NotFound,
        DOMAIN,
        "SKU_NOT_FOUND",
        message,
        [("sku", sku.to_string())],
    )
}

pub(super) fn reserve(refusal: ReserveRefusal) -> Status {
    let failed = |reason, message| refused(Code::FailedPrecondition, DOMAIN, reason, message);
    match refusal {
        ReserveRefusal::UnknownSku(sku) => unknown_sku(&sku),
        ReserveRefusal::OutOfStock { sku, available } => refused_with(
            Code::FailedPrecondition,
            DOMAIN,
            "OUT_OF_STOCK",
            format!("{available} pieces of {sku} are available"),
            [
                ("sku", sku.to_string()),
                ("available", available.to_string()),
            ],
        ),
        ReserveRefusal::Total(error) => {
            let reason = match error {
                MoneyError::MixedCurrency(..) => "MIXED_CURRENCY",
                MoneyError::Overflow | MoneyError::UnknownCurrency => "TOTAL_OVERFLOW",
            };
            failed(reason, format!("the lines have no total: {error}"))
        }
        ReserveRefusal::Closed(order) => failed(
            "RESERVATION_CLOSED",
            format!("the reservation of {order} is closed"),
        ),
        ReserveRefusal::OtherLines(order) => refused(
            Code::AlreadyExists,
            DOMAIN,
            "RESERVATION_MISMATCH",
            format!("{order} has a reservation of other lines"),
        ),
    }
}

pub(super) fn reservation_lost(order: OrderId) -> Status {
    let message = format!("{order} holds nothing, and the stock is gone");
    refused(
        Code::FailedPrecondition,
        DOMAIN,
        "RESERVATION_LOST",
        message,
    )
}

pub(super) fn receipt(refusal: ReceiptRefusal, sku: &Sku) -> Status {
    match refusal {
        ReceiptRefusal::UnknownSku => unknown_sku(sku),
        ReceiptRefusal::TooMany => refused(
            Code::FailedPrecondition,
            DOMAIN,
            "TOO_MANY_PIECES",
            format!("more than {RECEIVED_MAX} pieces of {sku} would have come in"),
        ),
        ReceiptRefusal::OtherReceipt => refused(
            Code::AlreadyExists,
            DOMAIN,
            "RECEIPT_ID_REUSED",
            "the receipt id belongs to another receipt",
        ),
    }
}

pub(super) fn watchers(error: TooManyWatchers) -> Status {
    let code = Code::ResourceExhausted;
    retryable(
        code,
        DOMAIN,
        "TOO_MANY_WATCHERS",
        error.to_string(),
        RETRY_AFTER,
    )
}
