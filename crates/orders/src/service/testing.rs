//! Orders for unit tests.

use std::sync::Arc;

use shop_types::{CustomerId, IdempotencyKey, PaymentMethod, Quantity, Sku};

use crate::model::{Line, NewOrder};

pub(crate) fn new_order(key: &str, customer: &str, lines: &[(&str, i64)], pm: &str) -> NewOrder {
    let line = |(sku, quantity): &(&str, i64)| Line {
        sku: Sku::new(*sku).unwrap(),
        quantity: Quantity::new(*quantity).unwrap(),
        unit_price: None,
    };
    NewOrder {
        key: IdempotencyKey::new(key).unwrap(),
        customer: CustomerId::new(customer).unwrap(),
        lines: lines.iter().map(line).collect::<Arc<[Line]>>(),
        payment_method: PaymentMethod::new(pm).unwrap(),
    }
}
