//! Messages that carry a payment method show everything but that.
//!
//! Who holds the token can have money taken, and a message ends up in a log
//! sooner or later. `build.rs` leaves out the derived `Debug` of these two.

use std::fmt;

use crate::{orders::PlaceOrderRequest, payments::AuthorizeRequest};

/// Stands in for the token.
const HIDDEN: &str = "…";

impl fmt::Debug for PlaceOrderRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            idempotency_key,
            customer_id,
            lines,
            payment_method: _,
        } = self;
        f.debug_struct("PlaceOrderRequest")
            .field("idempotency_key", idempotency_key)
            .field("customer_id", customer_id)
            .field("lines", lines)
            .field("payment_method", &HIDDEN)
            .finish()
    }
}

impl fmt::Debug for AuthorizeRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            order_id,
            amount,
            payment_method: _,
        } = self;
        f.debug_struct("AuthorizeRequest")
            .field("order_id", order_id)
            .field("amount", amount)
            .field("payment_method", &HIDDEN)
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_payment_method_is_not_shown() {
        let secret = "pm_card_secret".to_owned();
        let place = PlaceOrderRequest {
            payment_method: secret.clone(),
            customer_id: "ada".to_owned(),
            ..PlaceOrderRequest::default()
        };
        let authorize = AuthorizeRequest {
            payment_method: secret,
            order_id: "ada".to_owned(),
            ..AuthorizeRequest::default()
        };
        for shown in [format!("{place:?}"), format!("{authorize:?}")] {
            assert!(
                shown.contains("ada") && !shown.contains("secret"),
                "{shown}"
            );
        }
    }
}
