//! What goes over the wire as JSON.

use serde::{Deserialize, Serialize};
use shop_proto::convert::unix_ms;
use shop_proto::orders::{self as orders, OrderStatus, RejectionReason, SagaState};
use shop_proto::{common, inventory};
use utoipa::{IntoParams, ToSchema};
use watertight::extract::Object;

use crate::service::rfc3339;

/// Where an order is found.
pub(super) fn order_path(id: &str) -> String {
    format!("/v1/orders/{id}")
}

/// An amount of money in integer minor units: 1999 with EUR is 19.99 euro.
#[derive(Clone, Debug, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Money {
    /// Amount in the currency's minor unit.
    #[schema(example = 1999)]
    pub(super) amount: i64,
    /// ISO 4217 code in capitals.
    #[schema(example = "EUR")]
    pub(super) currency: String,
}

/// Asks for an order. Prices are not part of it: inventory has them.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "customer_id": "ada",
    "payment_method": "pm_card_ok",
    "lines": [{"sku": "tea-assam", "quantity": 2}]
}))]
pub(super) struct PlaceOrder {
    /// Whose order it is.
    #[schema(min_length = 1, max_length = 64)]
    pub(super) customer_id: String,
    /// The provider's token of a payment method. The stub that comes with the
    /// shop declines `pm_card_declined` and `pm_card_insufficient`.
    #[schema(min_length = 1, max_length = 128)]
    pub(super) payment_method: String,
    /// What is ordered, no SKU twice.
    #[schema(min_items = 1, max_items = 100, value_type = Vec<Line>)]
    pub(super) lines: Vec<Object<Line>>,
}

/// One line as the customer asks for it.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Line {
    /// Stock keeping unit.
    #[schema(min_length = 1, max_length = 64, pattern = "^[A-Za-z0-9._-]+$")]
    pub(super) sku: String,
    /// Pieces.
    #[schema(minimum = 1, maximum = 1_000_000)]
    pub(super) quantity: i64,
}

/// An order as it stands.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(example = json!({
    "id": "019a9f5e-7c00-7000-8000-000000000001",
    "customer_id": "ada",
    "status": "CONFIRMED",
    "saga_state": "CONFIRMED",
    "lines": [{"sku": "tea-assam", "quantity": 2, "unit_price": {"amount": 450, "currency": "EUR"}}],
    "total": {"amount": 900, "currency": "EUR"},
    "create_time": "2026-11-20T10:15:30.123Z",
    "update_time": "2026-11-20T10:15:30.171Z",
    "version": 5
}))]
pub(super) struct Order {
    /// UUID of the order.
    pub(super) id: String,
    /// Whose order it is.
    pub(super) customer_id: String,
    /// Where it stands: `PENDING`, `CONFIRMED`, `REJECTED` or `CANCELLED`.
    pub(super) status: &'static str,
    /// How far its saga has come; for people who watch it.
    pub(super) saga_state: &'static str,
    /// What was asked for.
    pub(super) lines: Vec<PricedLine>,
    /// Sum of the lines; absent until the stock is reserved.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) total: Option<Money>,
    /// Why it was rejected, if it was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) rejection: Option<Rejection>,
    /// When it was recorded.
    #[schema(format = DateTime)]
    pub(super) create_time: String,
    /// When it last changed.
    #[schema(format = DateTime)]
    pub(super) update_time: String,
    /// Grows with every durable step.
    pub(super) version: i64,
}

/// One line with the price that inventory gave it.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(super) struct PricedLine {
    /// Stock keeping unit.
    pub(super) sku: String,
    /// Pieces.
    pub(super) quantity: i64,
    /// Price of one piece; absent until the stock is reserved.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) unit_price: Option<Money>,
}

/// Why an order was rejected.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(super) struct Rejection {
    /// `OUT_OF_STOCK`, `PAYMENT_DECLINED`, `UNKNOWN_SKU`, `MIXED_CURRENCY`,
    /// `TOTAL_OVERFLOW`, `TIMED_OUT` or `RESERVATION_LOST`.
    pub(super) reason: &'static str,
    /// Says more, for people, for example the SKU at fault.
    pub(super) detail: String,
}

/// A page of orders, newest first.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct OrderPage {
    /// The orders.
    pub(super) orders: Vec<Order>,
    /// Where the next page begins; absent on the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) next_cursor: Option<String>,
}

/// Which page of orders.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct ListOrders {
    /// From the page before, with the same `customer_id`; without it, the first page.
    #[param(min_length = 1)]
    pub(super) cursor: Option<String>,
    /// Orders in a page, 50 unless said otherwise.
    #[param(minimum = 1, maximum = 1_000)]
    pub(super) limit: Option<i32>,
    /// Only this customer's orders.
    #[param(min_length = 1, max_length = 64)]
    pub(super) customer_id: Option<String>,
}

/// The stock of one SKU: `available + reserved + sold = received`.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({
    "sku": "tea-assam", "name": "Assam, 100 g", "price": {"amount": 450, "currency": "EUR"},
    "available": 97, "reserved": 1, "sold": 2, "received": 100, "version": 8
}))]
pub(super) struct Stock {
    /// Stock keeping unit.
    pub(super) sku: String,
    /// What it is called.
    pub(super) name: String,
    /// Price of one piece.
    pub(super) price: Option<Money>,
    /// Pieces that can be reserved.
    pub(super) available: i64,
    /// Pieces that orders hold.
    pub(super) reserved: i64,
    /// Pieces sold.
    pub(super) sold: i64,
    /// Pieces that ever came in.
    pub(super) received: i64,
    /// Grows with every change.
    pub(super) version: i64,
}

/// A problem document (RFC 9457).
#[derive(Serialize, ToSchema)]
#[schema(example = json!({
    "type": "/problems/invalid-request",
    "title": "The request is not valid",
    "status": 400,
    "errors": [{"field": "lines[0].quantity", "detail": "must be 1 to 1000000"}],
    "trace_id": "4bf92f3577b34da6a3ce929d0e0e4736"
}))]
pub(super) struct Problem {
    /// Names the kind of problem, for programs: never renamed, never reused.
    /// As an address it says more, for people.
    #[schema(rename = "type")]
    #[serde(rename = "type")]
    kind: String,
    /// What kind of problem it is, for people.
    title: String,
    /// The HTTP status.
    status: u16,
    /// What happened this time, or what to do about it.
    detail: Option<String>,
    /// The fields at fault.
    errors: Option<Vec<FieldError>>,
    /// Names the request in the logs of all services it went through.
    trace_id: Option<String>,
    /// The stable reason of the service behind.
    reason: Option<String>,
    /// The order as it stands, if the request was about one that failed.
    order: Option<Order>,
    /// UUID of the order that was recorded although the request was refused.
    order_id: Option<String>,
}

/// A field at fault.
#[derive(Serialize, ToSchema)]
pub(super) struct FieldError {
    /// Its path, such as `lines[2].quantity`, or the name of a header or a parameter.
    field: String,
    /// What is wrong with it.
    detail: String,
}

impl From<common::Money> for Money {
    fn from(money: common::Money) -> Self {
        let common::Money { amount, currency } = money;
        Self { amount, currency }
    }
}

impl From<orders::Order> for Order {
    fn from(order: orders::Order) -> Self {
        let time = |at: Option<_>| at.map_or_else(String::new, |at| rfc3339::format(unix_ms(&at)));
        let (status, saga_state) = (order.status(), order.saga_state());
        let rejection = rejection(&order);
        Self {
            status: status_name(status),
            saga_state: saga_name(saga_state),
            rejection,
            id: order.id,
            customer_id: order.customer_id,
            lines: order.lines.into_iter().map(PricedLine::from).collect(),
            total: order.total.map(Money::from),
            create_time: time(order.create_time),
            update_time: time(order.update_time),
            version: order.version,
        }
    }
}

fn rejection(order: &orders::Order) -> Option<Rejection> {
    let reason = order.rejection_reason();
    (reason != RejectionReason::Unspecified).then(|| Rejection {
        reason: unprefixed(reason.as_str_name(), "REJECTION_REASON_"),
        detail: order.rejection_detail.clone(),
    })
}

impl From<orders::PricedLine> for PricedLine {
    fn from(line: orders::PricedLine) -> Self {
        Self {
            sku: line.sku,
            quantity: line.quantity,
            unit_price: line.unit_price.map(Money::from),
        }
    }
}

impl From<inventory::Stock> for Stock {
    fn from(stock: inventory::Stock) -> Self {
        Self {
            sku: stock.sku,
            name: stock.name,
            price: stock.price.map(Money::from),
            available: stock.available,
            reserved: stock.reserved,
            sold: stock.sold,
            received: stock.received,
            version: stock.version,
        }
    }
}

fn status_name(status: OrderStatus) -> &'static str {
    unprefixed(status.as_str_name(), "ORDER_STATUS_")
}

fn saga_name(state: SagaState) -> &'static str {
    unprefixed(state.as_str_name(), "SAGA_STATE_")
}

/// The names of the contract without what makes them unique there.
fn unprefixed(name: &'static str, prefix: &str) -> &'static str {
    name.strip_prefix(prefix).unwrap_or(name)
}
