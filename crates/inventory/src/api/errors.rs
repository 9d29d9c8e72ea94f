//! What goes wrong, as gRPC says it.

use std::time::Duration;

use shop_proto::errors::{Fault, refused, refused_with, retryable, store_fault};
use shop_types::{MoneyError, OrderId, Sku};
use tonic::{Code, Status};
use watertight_store::StoreError;

use crate::model::{RECEIVED_MAX, ReserveRefusal};
use crate::service::TooManyWatchers;
use crate::store::ReceiptRefusal;

/// Domain of the ErrorInfo of all errors.
pub(super) const DOMAIN: &str = "inventory.shop";

/// When to come back if too many are watching.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// The caller learns what it can do about it; the log learns what is wrong.
pub(super) fn store(error: StoreError) -> Status {
    let fault = match &error {
        StoreError::Conflict(_) => Fault::Conflict,
        StoreError::Retry(_) => Fault::Busy,
        StoreError::Unavailable(_) => Fault::Unavailable,
        StoreError::Unknown(_) => Fault::Unknown,
        StoreError::Corrupt(_) => Fault::Corrupt,
    };
    match fault {
        Fault::Corrupt => tracing::error!(%error, "store is corrupt"),
        Fault::Conflict => tracing::warn!(%error, "store refused a step"),
        // One line when the store stops working and one when it works again,
        // from the store itself. A line for each refused call would fill the
        // disk that is full already.
        Fault::Busy | Fault::Unavailable | Fault::Unknown => {
            tracing::debug!(%error, "store failed");
        }
    }
    store_fault(DOMAIN, fault)
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

pub(super) fn import_id_reused() -> Status {
    refused(
        Code::AlreadyExists,
        DOMAIN,
        "IMPORT_ID_REUSED",
        "the import id stands for other rows",
    )
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn callers_do_not_see_what_the_database_said() {
        let said = String::from("UNIQUE constraint failed: items.sku");
        for error in [
            StoreError::Conflict(said.clone()),
            StoreError::Unavailable(said.clone()),
            StoreError::Unknown(said.clone()),
            StoreError::Corrupt(said),
        ] {
            let status = store(error);
            assert!(!format!("{status:?}").contains("UNIQUE"), "{status:?}");
        }
    }

    #[test]
    fn calls_that_a_full_disk_refuses_leave_no_line_each() {
        let full = || StoreError::Unavailable(String::from("database or disk is full"));
        let lines = testkit::log_lines(|| {
            for _ in 0..100 {
                drop(store(full()));
            }
        });
        assert_eq!(lines, 0);
        let corrupt = StoreError::Corrupt(String::from("a row is bad"));
        assert_eq!(testkit::log_lines(|| drop(store(corrupt))), 1);
    }
}
