//! Requests become the shop's own types, or an answer that names every field
//! at fault.

use shop_proto::{
    errors::{self, Violations},
    payments::{AuthorizeRequest, ListPaymentsRequest},
};
use shop_types::{Money, OrderId, PaymentMethod};
use tonic::Status;

use super::{ERROR_DOMAIN, page};
use crate::{
    domain::{AMOUNT_MAX, Ask, What},
    store::ROWS_MAX,
};

/// Payments in a page if the caller doesn't say.
const PAGE_DEFAULT: u32 = 100;

/// The id in a request that has nothing else.
pub(super) fn order_id(text: &str) -> Result<OrderId, Status> {
    text.parse()
        .map_err(|why| errors::invalid(ERROR_DOMAIN, "order_id", why))
}

/// All fields of an Authorize.
pub(super) fn authorize(request: AuthorizeRequest) -> Result<Ask, Status> {
    let mut violations = Violations::default();
    let order = violations.take("order_id", request.order_id.parse::<OrderId>());
    let amount = match &request.amount {
        None => {
            violations.add("amount", "must be given");
            None
        }
        Some(wire) => violations
            .take("amount.currency", Money::try_from(wire))
            .filter(|amount| in_range(&mut violations, *amount)),
    };
    let method = PaymentMethod::new(request.payment_method);
    let method = violations.take("payment_method", method);
    match (order, amount, method) {
        (Some(order), Some(amount), Some(method)) => Ok(Ask {
            order,
            what: What::Authorize { amount, method },
        }),
        _ => Err(violations.into_status(ERROR_DOMAIN)),
    }
}

fn in_range(violations: &mut Violations, amount: Money) -> bool {
    let fits = (0..=AMOUNT_MAX).contains(&amount.minor());
    if !fits {
        violations.add("amount.amount", format!("must be 0 to {AMOUNT_MAX}"));
    }
    fits
}

/// Which page of the list.
#[derive(Clone, Copy, Debug)]
pub(super) struct Page {
    pub(super) after: Option<OrderId>,
    pub(super) size: u32,
}

/// Size and token of a page.
pub(super) fn page(request: &ListPaymentsRequest) -> Result<Page, Status> {
    let mut violations = Violations::default();
    let size = match u32::try_from(request.page_size) {
        Ok(0) => PAGE_DEFAULT,
        Ok(size @ ..=ROWS_MAX) => size,
        _ => {
            violations.add("page_size", format!("must be 0 to {ROWS_MAX}"));
            0
        }
    };
    let after = match request.page_token.as_str() {
        "" => None,
        token => violations.take("page_token", page::read(token)),
    };
    if violations.is_empty() {
        return Ok(Page { after, size });
    }
    Err(violations.into_status(ERROR_DOMAIN))
}
