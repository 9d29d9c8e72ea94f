//! What the wire brings, checked; one answer names all that is wrong.

use std::collections::HashMap;

use shop_proto::errors::{Violations, invalid};
use shop_proto::orders::{LineItem, ListOrdersRequest, PlaceOrderRequest};
use shop_types::{CustomerId, IdempotencyKey, OrderId, PaymentMethod, Quantity, Sku};
use tonic::Status;

use super::{DOMAIN, page};
use crate::model::{Line, NewOrder};

/// Lines of an order at most.
const LINES_MAX: usize = 100;
/// Orders of a page at most, and if nobody says.
const PAGE_MAX: u32 = 1_000;
const PAGE_DEFAULT: u32 = 50;

/// A checked request for a page.
#[derive(Debug)]
pub(super) struct List {
    pub(super) customer: Option<CustomerId>,
    pub(super) after: Option<OrderId>,
    pub(super) limit: u32,
}

pub(super) fn place(request: PlaceOrderRequest) -> Result<NewOrder, Status> {
    let mut wrong = Violations::default();
    let key = wrong.take(
        "idempotency_key",
        IdempotencyKey::new(request.idempotency_key),
    );
    let customer = wrong.take("customer_id", CustomerId::new(request.customer_id));
    let lines = lines(&mut wrong, request.lines);
    let method = wrong.take("payment_method", PaymentMethod::new(request.payment_method));
    match (key, customer, method) {
        (Some(key), Some(customer), Some(payment_method)) if wrong.is_empty() => Ok(NewOrder {
            key,
            customer,
            lines: lines.into(),
            payment_method,
        }),
        _ => Err(wrong.into_status(DOMAIN)),
    }
}

pub(super) fn order_id(text: &str) -> Result<OrderId, Status> {
    text.parse().map_err(|why| invalid(DOMAIN, "order_id", why))
}

pub(super) fn list(request: ListOrdersRequest) -> Result<List, Status> {
    let mut wrong = Violations::default();
    let customer = match request.customer_id {
        all if all.is_empty() => None,
        one => wrong.take("customer_id", CustomerId::new(one)),
    };
    let limit = match u32::try_from(request.page_size) {
        Ok(0) => PAGE_DEFAULT,
        Ok(size) if size <= PAGE_MAX => size,
        _ => {
            wrong.add("page_size", format_args!("must be 0 to {PAGE_MAX}"));
            PAGE_DEFAULT
        }
    };
    // The token of a list that isn't known can't be judged.
    let after = match &*request.page_token {
        token if token.is_empty() || !wrong.is_empty() => None,
        token => wrong.take("page_token", page::read(customer.as_ref(), token)),
    };
    if !wrong.is_empty() {
        return Err(wrong.into_status(DOMAIN));
    }
    Ok(List {
        customer,
        after,
        limit,
    })
}

fn lines(wrong: &mut Violations, items: Vec<LineItem>) -> Vec<Line> {
    // Each line of a flood isn't looked at: nobody reads that much.
    if items.is_empty() || items.len() > LINES_MAX {
        wrong.add("lines", format_args!("must be 1 to {LINES_MAX}"));
        return Vec::new();
    }
    let mut seen = HashMap::with_capacity(items.len());
    let mut lines = Vec::with_capacity(items.len());
    for (i, item) in items.into_iter().enumerate() {
        let sku = wrong.take(format!("lines[{i}].sku"), Sku::new(item.sku));
        let quantity = wrong.take(format!("lines[{i}].quantity"), Quantity::new(item.quantity));
        if let Some(sku) = &sku
            && let Some(first) = seen.insert(sku.clone(), i)
        {
            wrong.add(
                format!("lines[{i}].sku"),
                format_args!("repeats lines[{first}].sku"),
            );
        }
        lines.extend(sku.zip(quantity).map(|(sku, quantity)| Line {
            sku,
            quantity,
            unit_price: None,
        }));
    }
    lines
}

#[cfg(test)]
mod tests {
    use shop_proto::errors::fields;
    use tonic::Code;

    use super::*;

    fn good() -> PlaceOrderRequest {
        PlaceOrderRequest {
            idempotency_key: "key".into(),
            customer_id: "ada".into(),
            lines: vec![item("tea", 1)],
            payment_method: "pm_card_ok".into(),
        }
    }

    fn item(sku: &str, quantity: i64) -> LineItem {
        LineItem {
            sku: sku.into(),
            quantity,
        }
    }

    fn wrong(change: impl FnOnce(&mut PlaceOrderRequest)) -> Vec<String> {
        let mut request = good();
        change(&mut request);
        let status = place(request).unwrap_err();
        assert_eq!(status.code(), Code::InvalidArgument);
        fields(&status)
    }

    #[test]
    fn a_good_order_passes() {
        let new = place(good()).unwrap();
        assert_eq!((new.lines.len(), new.key.as_str()), (1, "key"));
    }

    #[test]
    fn each_field_is_checked() {
        assert_eq!(wrong(|r| r.idempotency_key.clear()), ["idempotency_key"]);
        assert_eq!(
            wrong(|r| r.idempotency_key = "k".repeat(256)),
            ["idempotency_key"]
        );
        assert_eq!(wrong(|r| r.customer_id.clear()), ["customer_id"]);
        assert_eq!(
            wrong(|r| r.payment_method = "a b".into()),
            ["payment_method"]
        );
        assert_eq!(wrong(|r| r.lines.clear()), ["lines"]);
        let many = (0..101).map(|i| item(&format!("sku-{i}"), 1)).collect();
        assert_eq!(wrong(|r| r.lines = many), ["lines"]);
        for bad in [i64::MIN, -1, 0, 1_000_001, i64::MAX] {
            assert_eq!(
                wrong(|r| r.lines = vec![item("tea", bad)]),
                ["lines[0].quantity"]
            );
        }
        let twice = vec![item("tea", 1), item("jam", 1), item("tea", 2)];
        assert_eq!(wrong(|r| r.lines = twice), ["lines[2].sku"]);
    }

    #[test]
    fn one_answer_names_everything() {
        let all = wrong(|r| {
            *r = PlaceOrderRequest {
                lines: vec![item("a b", 0)],
                ..PlaceOrderRequest::default()
            };
        });
        let fields = [
            "idempotency_key",
            "customer_id",
            "lines[0].sku",
            "lines[0].quantity",
            "payment_method",
        ];
        assert_eq!(all, fields);
    }

    #[test]
    fn pages_are_bounded() {
        let page = |page_size| {
            list(ListOrdersRequest {
                page_size,
                ..Default::default()
            })
        };
        assert_eq!(page(0).unwrap().limit, 50);
        assert_eq!(page(1_000).unwrap().limit, 1_000);
        for bad in [-1, 1_001, i32::MIN, i32::MAX] {
            assert_eq!(fields(&page(bad).unwrap_err()), ["page_size"]);
        }
    }
}
