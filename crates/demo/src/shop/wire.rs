//! The gateway's JSON as a customer reads it, turned into the messages that the
//! checker compares.

use http::StatusCode;
use serde::Deserialize;
use shop_proto::{
    common,
    inventory::Stock,
    orders::{Order, OrderStatus, PricedLine},
};
use tonic::Code;

use crate::check::CallError;

#[derive(Debug, Deserialize)]
struct MoneyDoc {
    amount: i64,
    currency: String,
}

#[derive(Debug, Deserialize)]
struct LineDoc {
    sku: String,
    quantity: i64,
    unit_price: Option<MoneyDoc>,
}

/// Fields that it doesn't name are the gateway's business.
#[derive(Debug, Deserialize)]
pub(super) struct OrderDoc {
    id: String,
    customer_id: String,
    status: String,
    lines: Vec<LineDoc>,
    total: Option<MoneyDoc>,
    version: i64,
}

#[derive(Debug, Deserialize)]
pub(super) struct PageDoc {
    pub(super) orders: Vec<OrderDoc>,
}

#[derive(Debug, Deserialize)]
pub(super) struct StockDoc {
    sku: String,
    available: i64,
    reserved: i64,
    sold: i64,
    received: i64,
}

#[derive(Debug, Default, Deserialize)]
struct ProblemDoc {
    title: Option<String>,
    detail: Option<String>,
    reason: Option<String>,
    order: Option<OrderDoc>,
}

impl From<MoneyDoc> for common::Money {
    fn from(MoneyDoc { amount, currency }: MoneyDoc) -> Self {
        Self { amount, currency }
    }
}

impl TryFrom<OrderDoc> for Order {
    type Error = CallError;

    fn try_from(order: OrderDoc) -> Result<Self, CallError> {
        let status = format!("ORDER_STATUS_{}", order.status);
        let status = OrderStatus::from_str_name(&status)
            .filter(|&status| status != OrderStatus::Unspecified)
            .ok_or_else(|| contradiction(format!("an order is {:?}", order.status)))?;
        let line = |line: LineDoc| PricedLine {
            sku: line.sku,
            quantity: line.quantity,
            unit_price: line.unit_price.map(Into::into),
        };
        Ok(Self {
            id: order.id,
            customer_id: order.customer_id,
            status: status.into(),
            lines: order.lines.into_iter().map(line).collect(),
            total: order.total.map(Into::into),
            version: order.version,
            ..Self::default()
        })
    }
}

impl From<StockDoc> for Stock {
    fn from(stock: StockDoc) -> Self {
        Self {
            sku: stock.sku,
            available: stock.available,
            reserved: stock.reserved,
            sold: stock.sold,
            received: stock.received,
            ..Self::default()
        }
    }
}

/// An answer that contradicts itself, or isn't what the API promises.
pub(super) fn contradiction(message: impl Into<String>) -> CallError {
    CallError {
        code: Code::DataLoss,
        reason: Some(CallError::CONTRADICTION.to_owned()),
        message: message.into(),
    }
}

/// Reads a document that came whole.
pub(super) fn read<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Result<T, CallError> {
    serde_json::from_slice(body)
        .map_err(|error| contradiction(format!("a body can't be read: {error}")))
}

/// The order in the answer to a request that changes one; `done` is the status
/// of the answer once it was done, `end` of the order then.
pub(super) fn changed(
    (status, body): (StatusCode, &[u8]),
    done: StatusCode,
    end: OrderStatus,
) -> Result<Order, CallError> {
    let (order, expected): (Order, &[OrderStatus]) = if status == done {
        (read::<OrderDoc>(body)?.try_into()?, &[end])
    } else if status == StatusCode::ACCEPTED {
        (read::<OrderDoc>(body)?.try_into()?, &[OrderStatus::Pending])
    } else if let Some(order) = order_of_problem(status, body) {
        (
            order.try_into()?,
            &[OrderStatus::Rejected, OrderStatus::Cancelled],
        )
    } else {
        return Err(refused(status, body));
    };
    if expected.contains(&order.status()) {
        Ok(order)
    } else {
        let what = format!("{status} with an order that is {:?}", order.status());
        Err(contradiction(what))
    }
}

/// An order that was placed and rejected comes as a problem with the order.
fn order_of_problem(status: StatusCode, body: &[u8]) -> Option<OrderDoc> {
    let ended = matches!(status, StatusCode::PAYMENT_REQUIRED | StatusCode::CONFLICT);
    let problem = ended.then(|| serde_json::from_slice::<ProblemDoc>(body).ok());
    problem.flatten()?.order
}

/// A refusal in the words of gRPC, which the checker draws conclusions from:
/// what a transport or an overload may have answered is unknown.
pub(super) fn refused(status: StatusCode, body: &[u8]) -> CallError {
    let problem: ProblemDoc = serde_json::from_slice(body).unwrap_or_default();
    let rejected = problem.reason.as_deref() == Some("ORDER_REJECTED");
    let code = match status {
        StatusCode::UNAUTHORIZED => Code::Unauthenticated,
        StatusCode::FORBIDDEN => Code::PermissionDenied,
        StatusCode::NOT_FOUND => Code::NotFound,
        StatusCode::METHOD_NOT_ALLOWED => Code::Unimplemented,
        StatusCode::REQUEST_TIMEOUT | StatusCode::GATEWAY_TIMEOUT => Code::DeadlineExceeded,
        StatusCode::CONFLICT if rejected => Code::FailedPrecondition,
        StatusCode::CONFLICT => Code::Aborted,
        StatusCode::UNPROCESSABLE_ENTITY => Code::AlreadyExists,
        StatusCode::TOO_MANY_REQUESTS => Code::ResourceExhausted,
        StatusCode::BAD_GATEWAY => Code::Internal,
        StatusCode::SERVICE_UNAVAILABLE => Code::Unavailable,
        _ if status.is_client_error() => Code::InvalidArgument,
        _ if status.is_server_error() => Code::Internal,
        _ => return contradiction(format!("an answer with {status}")),
    };
    let said = problem.detail.or(problem.title).unwrap_or_default();
    CallError {
        code,
        reason: problem.reason,
        message: format!("HTTP {status}: {said}"),
    }
}

/// The orders of a stream of events that came to its end, the last one last.
///
/// # Errors
///
/// A contradiction if a version comes out of turn, or if the stream ended before
/// the order did and didn't say why.
pub(super) fn events(body: &[u8]) -> Result<Vec<Order>, CallError> {
    let text = std::str::from_utf8(body).map_err(|_bad| contradiction("events in no UTF-8"))?;
    let (mut orders, mut bye) = (Vec::<Order>::new(), false);
    for event in text.split("\n\n") {
        let field = |name: &str| {
            let lines = event.lines();
            let mut values = lines.filter_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
            values.next_back()
        };
        match (field("event"), field("data")) {
            (Some("order"), Some(data)) => {
                let order: Order = read::<OrderDoc>(data.as_bytes())?.try_into()?;
                let before = orders.last().map_or(i64::MIN, |order| order.version);
                let named = field("id") == Some(&order.version.to_string());
                if order.version <= before || !named {
                    let what = format!("version {} after {before}", order.version);
                    return Err(contradiction(what));
                }
                orders.push(order);
            }
            (Some("bye"), _) => bye = true,
            _ => {}
        }
    }
    let open = |order: &Order| order.status() == OrderStatus::Pending;
    if !bye && orders.last().is_none_or(open) {
        return Err(contradiction("the events ended before the order did"));
    }
    Ok(orders)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::Verdict;

    fn order(status: &str, version: i64) -> String {
        format!(
            r#"{{"id":"7","customer_id":"me","status":"{status}","saga_state":"X","version":{version},
            "lines":[{{"sku":"timer","quantity":2,"unit_price":{{"amount":380,"currency":"EUR"}}}}],
            "total":{{"amount":760,"currency":"EUR"}}}}"#
        )
        .replace('\n', "")
    }

    fn placed(status: u16, body: &str) -> Result<Order, CallError> {
        let status = StatusCode::from_u16(status).unwrap();
        changed(
            (status, body.as_bytes()),
            StatusCode::CREATED,
            OrderStatus::Confirmed,
        )
    }

    #[test]
    fn every_answer_to_an_order_is_understood() {
        let confirmed = placed(201, &order("CONFIRMED", 5)).unwrap();
        assert_eq!(confirmed.lines[0].quantity, 2);
        assert_eq!(confirmed.total.unwrap().amount, 760);
        assert_eq!(
            placed(202, &order("PENDING", 1)).unwrap().status(),
            OrderStatus::Pending
        );
        let problem = |order: &str| format!(r#"{{"title":"t","reason":"R","order":{order}}}"#);
        for (status, end) in [(402, "REJECTED"), (409, "REJECTED"), (409, "CANCELLED")] {
            let rejected = placed(status, &problem(&order(end, 3))).unwrap();
            assert!(rejected.status().as_str_name().ends_with(end));
        }
        for (status, told) in [
            (201, "PENDING"),
            (202, "CONFIRMED"),
            (201, "REJECTED"),
            (201, "SOLD"),
        ] {
            let error = placed(status, &order(told, 1)).unwrap_err();
            assert!(
                error.is(CallError::CONTRADICTION),
                "{status} {told}: {error}"
            );
        }
        assert!(
            placed(409, &problem(&order("CONFIRMED", 3)))
                .unwrap_err()
                .is(CallError::CONTRADICTION)
        );
        assert!(placed(201, "{").unwrap_err().is(CallError::CONTRADICTION));
        assert!(
            placed(200, &order("CONFIRMED", 5))
                .unwrap_err()
                .is(CallError::CONTRADICTION)
        );
    }

    #[test]
    fn what_may_have_been_done_is_unknown() {
        for status in [408, 409, 429, 500, 502, 503, 504] {
            let error = placed(status, r#"{"title":"t"}"#).unwrap_err();
            assert_eq!(error.verdict(), Verdict::Unknown, "{status}");
        }
        for status in [400, 401, 403, 404, 405, 413, 415, 422, 431] {
            let error = placed(status, "not even JSON").unwrap_err();
            assert_eq!(error.verdict(), Verdict::Fail, "{status}");
        }
        let reused = placed(422, r#"{"reason":"IDEMPOTENCY_KEY_REUSED"}"#).unwrap_err();
        assert!(reused.is("IDEMPOTENCY_KEY_REUSED"));
        let rejected = placed(409, r#"{"reason":"ORDER_REJECTED"}"#).unwrap_err();
        assert_eq!(rejected.verdict(), Verdict::Fail);
    }

    #[test]
    fn events_come_in_turn_and_to_an_end() {
        let event = |status, version| {
            format!(
                "id: {version}\nevent: order\ndata: {}\n\n",
                order(status, version)
            )
        };
        let bye = "retry: 1000\nevent: bye\ndata: {\"reason\":\"shutdown\"}\n\n";
        let whole = event("PENDING", 1) + ":\n\n" + &event("CONFIRMED", 5);
        assert_eq!(events(whole.as_bytes()).unwrap().len(), 2);
        let broken_off = event("PENDING", 1) + bye;
        assert_eq!(events(broken_off.as_bytes()).unwrap().len(), 1);
        assert!(events(bye.as_bytes()).unwrap().is_empty());
        let odd = [
            String::new(),
            event("PENDING", 1),
            event("PENDING", 2) + &event("CONFIRMED", 2),
            event("CONFIRMED", 2).replace("id: 2", "id: 3"),
            event("CONFIRMED", 2).replace("EUR\"}}", "EUR\"}"),
        ];
        for text in odd {
            assert!(events(text.as_bytes()).is_err(), "{text:?}");
        }
    }
}
