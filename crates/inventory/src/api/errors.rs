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
        StoreError::Retry(why) => {
            let after = Duration::from_millis(50);
            retryable(
                Code::Unavailable,
                DOMAIN,
                "STORE_BUSY",
                why.to_string(),
                after,
            )
        }
        StoreError::Unavailable(why) => unavailable("STORE_UNAVAILABLE", &why),
        StoreError::Unknown(why) => unavailable("OUTCOME_UNKNOWN", &why),
        StoreError::Conflict(why) => refused(Code::Aborted, DOMAIN, "CONFLICT", why),
        StoreError::Corrupt(why) => {
            tracing::error!(why, "store is corrupt");
            refused(
                Code::Internal,
                DOMAIN,
                "STORE_CORRUPT",
                "what is stored breaks its own rules",
            )
        }
    }
}

/// The caller learns when to come back; the log learns what is wrong.
fn unavailable(reason: &str, why: &str) -> Status {
    tracing::warn!(why, reason, "store failed");
    retryable(
        Code::Unavailable,
        DOMAIN,
        reason,
        "the store can't work now",
        RETRY_AFTER,
    )
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
