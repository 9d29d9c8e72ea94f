//! Orders: place, read, list, cancel.

use std::fmt::Write as _;
use std::time::Duration;

use http::{HeaderValue, StatusCode, header};
use sha2::{Digest, Sha256};
use shop_proto::orders::{LineItem, ListOrdersRequest, Order, PlaceOrderRequest};
use watertight::axum::extract::State;
use watertight::axum::response::{IntoResponse, Response};
use watertight::extract::{Json, Object, Path, Query};
use watertight::{Problem, problems};

use super::Gateway;
use super::document::{CancelProblems, ListProblems, OrderProblems, PlaceProblems};
use super::dto::{self, ListOrders, PlaceOrder};
use super::headers::{IdempotencyKey, IfNoneMatch, tagged};
use super::problems::{Kind, Placed, failed, refused};
use crate::service::etag;

/// When to look again at an order that is under way.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// Place an order
///
/// Once per `Idempotency-Key`: for seven days the same key with the same body
/// gives the same answer, whatever became of the connection. The answer comes
/// at the order's first end, or as 202 when the request's time runs out first;
/// the order then goes on by itself.
#[utoipa::path(
    post, path = "/v1/orders", tag = "orders",
    params(
        ("Idempotency-Key" = String, Header, min_length = 1, max_length = 255, example = "3f0c9a1e",
         description = "Chosen by the caller, new for each order: visible ASCII characters."),
        ("X-Request-Timeout" = Option<u64>, Header, example = 2000,
         description = "How long the caller waits, in milliseconds."),
    ),
    request_body(content = PlaceOrder, content_type = "application/json"),
    responses(
        (status = 201, description = "The order is confirmed.", body = dto::Order, headers(
            ("Location" = String, description = "Where the order is found."),
            ("ETag" = String, description = "The order's version."))),
        (status = 202, description = "The order is recorded and under way; the time ran out first.", body = dto::Order, headers(
            ("Location" = String, description = "Where the order is found."),
            ("ETag" = String, description = "The order's version."),
            ("Retry-After" = u64, description = "Seconds after which to look again."))),
        PlaceProblems,
    )
)]
pub(super) async fn place_order(
    State(gateway): State<Gateway>,
    IdempotencyKey(idempotency_key): IdempotencyKey,
    Json(Object(body)): Json<Object<PlaceOrder>>,
) -> Result<Response, Problem> {
    let lines = body.lines.into_iter().map(|Object(line)| LineItem {
        sku: line.sku,
        quantity: line.quantity,
    });
    let request = PlaceOrderRequest {
        idempotency_key,
        customer_id: body.customer_id,
        lines: lines.collect(),
        payment_method: body.payment_method,
    };
    let placed = gateway.orders().place(request).await;
    let order = placed.map_err(|failure| refused(Kind::Write, failure))?;
    match Placed::of(&order) {
        Placed::Confirmed => Ok(located(StatusCode::CREATED, order)),
        Placed::Pending => Ok(pending(order)),
        Placed::Failed(kind) => Err(failed(kind, order.into())),
    }
}

/// Read an order
#[utoipa::path(
    get, path = "/v1/orders/{id}", tag = "orders",
    params(
        ("id" = String, Path, format = "uuid", description = "UUID of the order."),
        ("If-None-Match" = Option<String>, Header, description = "The `ETag` of what the reader has, several, or `*`."),
    ),
    responses(
        (status = 200, description = "The order as it stands.", body = dto::Order, headers(
            ("ETag" = String, description = "The order's version."),
            ("Cache-Control" = String, description = "`no-cache`."))),
        (status = 304, description = "The reader has it.", headers(
            ("ETag" = String, description = "The order's version."))),
        OrderProblems,
    )
)]
pub(super) async fn get_order(
    State(gateway): State<Gateway>,
    Path(id): Path<String>,
    known: IfNoneMatch,
) -> Result<Response, Problem> {
    let found = gateway.orders().get(id).await;
    let order = found.map_err(|failure| refused(Kind::Read, failure))?;
    let tag = etag::of_version(order.version);
    Ok(known.answer(&tag, Json(dto::Order::from(order))))
}

/// Cancel an order
///
/// What is reserved is released, what is authorised is voided, what is captured
/// is refunded. Cancelling twice gives the same answer.
#[utoipa::path(
    delete, path = "/v1/orders/{id}", tag = "orders",
    params(
        ("id" = String, Path, format = "uuid", description = "UUID of the order."),
        ("X-Request-Timeout" = Option<u64>, Header, description = "How long the caller waits, in milliseconds."),
    ),
    responses(
        (status = 200, description = "The order is cancelled.", body = dto::Order, headers(
            ("ETag" = String, description = "The order's version."))),
        (status = 202, description = "The order is being cancelled; the time ran out first.", body = dto::Order, headers(
            ("Location" = String, description = "Where the order is found."),
            ("ETag" = String, description = "The order's version."),
            ("Retry-After" = u64, description = "Seconds after which to look again."))),
        CancelProblems,
    )
)]
pub(super) async fn cancel_order(
    State(gateway): State<Gateway>,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let cancelled = gateway.orders().cancel(id).await;
    let order = cancelled.map_err(|failure| refused(Kind::Write, failure))?;
    match Placed::of(&order) {
        Placed::Pending => Ok(pending(order)),
        Placed::Confirmed | Placed::Failed(_) => Ok(located(StatusCode::OK, order)),
    }
}

/// List orders
///
/// Newest first, in pages.
#[utoipa::path(
    get, path = "/v1/orders", tag = "orders",
    params(
        ListOrders,
        ("If-None-Match" = Option<String>, Header, description = "The `ETag` of what the reader has, several, or `*`."),
    ),
    responses(
        (status = 200, description = "A page of orders.", body = dto::OrderPage, headers(
            ("ETag" = String, description = "Of the page as it is now."),
            ("Link" = String, description = "The next page, `rel=\"next\"`, if there is one."),
            ("Cache-Control" = String, description = "`no-cache`."))),
        (status = 304, description = "The reader has it.", headers(
            ("ETag" = String, description = "Of the page as it is now."))),
        ListProblems,
    )
)]
pub(super) async fn list_orders(
    State(gateway): State<Gateway>,
    Query(query): Query<ListOrders>,
    known: IfNoneMatch,
) -> Result<Response, Problem> {
    let asked = page_asked(&query)?;
    let listed = gateway.orders().list(asked).await;
    let listed = listed.map_err(|failure| refused(Kind::Read, failure))?;
    let next_cursor = Some(listed.next_page_token).filter(|token| !token.is_empty());
    let next = next_cursor
        .as_deref()
        .map(|cursor| next_link(&query, cursor));
    let page = dto::OrderPage {
        orders: listed.orders.into_iter().map(dto::Order::from).collect(),
        next_cursor,
    };
    let mut response = known.answer(&page_tag(&page), Json(page));
    if let Some(link) = next.and_then(|link| HeaderValue::try_from(link).ok()) {
        response.headers_mut().insert(header::LINK, link);
    }
    Ok(response)
}

/// Over gRPC an empty text and zero stand for what isn't given; here what isn't
/// given isn't there, so they are mistakes.
fn page_asked(query: &ListOrders) -> Result<ListOrdersRequest, Problem> {
    let invalid = |field, why| {
        Problem::new(&problems::INVALID_REQUEST)
            .detail(format!("{field} {why}"))
            .field(field, why)
    };
    if query.limit == Some(0) {
        return Err(invalid("limit", "must be 1 to 1000"));
    }
    for (field, text) in [
        ("cursor", &query.cursor),
        ("customer_id", &query.customer_id),
    ] {
        if text.as_ref().is_some_and(String::is_empty) {
            return Err(invalid(field, "must not be empty"));
        }
    }
    Ok(ListOrdersRequest {
        customer_id: query.customer_id.clone().unwrap_or_default(),
        page_size: query.limit.unwrap_or(0),
        page_token: query.cursor.clone().unwrap_or_default(),
    })
}

fn next_link(query: &ListOrders, cursor: &str) -> String {
    let mut link = format!("</v1/orders?cursor={}", percent(cursor));
    if let Some(limit) = query.limit {
        link += &format!("&limit={limit}");
    }
    if let Some(customer) = &query.customer_id {
        link += &format!("&customer_id={}", percent(customer));
    }
    link + ">; rel=\"next\""
}

/// Percent-encodes all but what is never encoded (RFC 3986, 2.3).
fn percent(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            // Writing to a string can't fail.
            let _written = write!(encoded, "%{byte:02X}");
        }
    }
    encoded
}

/// A page has no version, so its tag is made of what stands on it.
fn page_tag(page: &dto::OrderPage) -> String {
    let mut hash = Sha256::new();
    for order in &page.orders {
        hash.update(order.id.as_bytes());
        hash.update(order.version.to_be_bytes());
    }
    hash.update(page.next_cursor.as_deref().unwrap_or_default().as_bytes());
    let digest = hash.finalize();
    let mut tag = String::from("W/\"");
    for byte in &digest[..12] {
        let _written = write!(tag, "{byte:02x}");
    }
    tag + "\""
}

fn pending(order: Order) -> Response {
    let mut response = located(StatusCode::ACCEPTED, order);
    let seconds = HeaderValue::from(LOOK_AGAIN.as_secs());
    response.headers_mut().insert(header::RETRY_AFTER, seconds);
    response
}

/// The order with where it is found and its tag.
fn located(status: StatusCode, order: Order) -> Response {
    let tag = etag::of_version(order.version);
    let path = HeaderValue::try_from(dto::order_path(&order.id));
    let mut response = (status, Json(dto::Order::from(order))).into_response();
    tagged(response.headers_mut(), &tag);
    if let Ok(path) = path {
        response.headers_mut().insert(header::LOCATION, path);
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_keep_what_was_asked() {
        let query = ListOrders {
            cursor: None,
            limit: Some(2),
            customer_id: Some("a&b ü".into()),
        };
        assert_eq!(
            next_link(&query, "x_-9"),
            "</v1/orders?cursor=x_-9&limit=2&customer_id=a%26b%20%C3%BC>; rel=\"next\""
        );
    }
}
