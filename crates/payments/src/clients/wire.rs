//! The provider's JSON, and what we make of its answers.

use bytes::Bytes;
use http::{Method, StatusCode};
use serde::{Deserialize, Serialize};
use shop_types::{Currency, OrderId};

use crate::domain::{Call, FIGURE_MAX, Reply, Status, View};

/// One request: method, path and body.
pub(super) struct Wire {
    pub(super) method: Method,
    pub(super) path: String,
    pub(super) body: Bytes,
}

/// Asks to hold money. No `Debug`: the payment method is a secret.
#[derive(Serialize)]
struct AuthorizeBody<'a> {
    reference: &'a str,
    amount: i64,
    currency: &'a str,
    payment_method: &'a str,
}

#[derive(Serialize)]
struct AmountBody {
    #[serde(skip_serializing_if = "Option::is_none")]
    amount: Option<i64>,
}

/// Puts a call on the wire.
pub(super) fn request(order: OrderId, call: &Call) -> Result<Wire, serde_json::Error> {
    let one = "/v1/authorizations";
    let (method, path, body) = match call {
        Call::Authorize { amount, method } => {
            let body = AuthorizeBody {
                reference: &order.to_string(),
                amount: amount.minor(),
                currency: amount.currency().code(),
                payment_method: method.as_str(),
            };
            (Method::POST, one.to_owned(), serde_json::to_vec(&body)?)
        }
        Call::Capture { amount } => {
            let body = AmountBody {
                amount: Some(*amount),
            };
            let path = format!("{one}/{order}/capture");
            (Method::POST, path, serde_json::to_vec(&body)?)
        }
        Call::Void => (Method::POST, format!("{one}/{order}/void"), b"{}".to_vec()),
        Call::Refund { total } => {
            let path = format!("{one}/{order}/refund");
            let body = serde_json::to_vec(&AmountBody { amount: *total })?;
            (Method::POST, path, body)
        }
        Call::Look => (Method::GET, format!("{one}/{order}"), Vec::new()),
    };
    Ok(Wire {
        method,
        path,
        body: body.into(),
    })
}

/// Why an answer is none.
#[derive(Debug)]
pub(super) enum Unusable {
    /// It failed, or has too much to do: another endpoint may do better.
    Elsewhere(String),
    /// It makes no sense.
    Nonsense(String),
}

/// Reads an answer.
pub(super) fn reply(order: OrderId, code: StatusCode, body: &[u8]) -> Result<Reply, Unusable> {
    match code {
        StatusCode::OK => view(order, body).map(Reply::Shown),
        StatusCode::PAYMENT_REQUIRED => Ok(Reply::Declined),
        StatusCode::NOT_FOUND => Ok(Reply::Absent),
        StatusCode::CONFLICT => Ok(match error_word(body) {
            word if word == "closed" => Reply::Closed,
            word => Reply::Refused(word),
        }),
        code if code.is_server_error() || code == StatusCode::TOO_MANY_REQUESTS => {
            Err(Unusable::Elsewhere(format!("answered {code}")))
        }
        code => Err(Unusable::Nonsense(format!("answered {code}"))),
    }
}

/// The longest error word that is kept, in characters.
const WORD_CHARACTERS_MAX: usize = 32;

fn error_word(body: &[u8]) -> String {
    #[derive(Deserialize)]
    struct Error {
        error: String,
    }
    let word = serde_json::from_slice::<Error>(body).map(|error| error.error);
    let word = word.unwrap_or_else(|_none| String::from("no reason given"));
    word.chars().take(WORD_CHARACTERS_MAX).collect()
}

#[derive(Deserialize)]
struct Authorization {
    reference: String,
    status: WireStatus,
    amount: i64,
    currency: String,
    captured: i64,
    refunded: i64,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum WireStatus {
    Authorized,
    Declined,
    Captured,
    Voided,
    Refunded,
}

/// Believes nothing that can't be.
fn view(order: OrderId, body: &[u8]) -> Result<View, Unusable> {
    let nonsense = |why: &str| Unusable::Nonsense(format!("malformed answer: {why}"));
    let wire: Authorization =
        serde_json::from_slice(body).map_err(|error| nonsense(&error.to_string()))?;
    if wire.reference.parse() != Ok(order) {
        return Err(nonsense("another reference"));
    }
    let figures = [wire.amount, wire.captured, wire.refunded];
    if figures
        .iter()
        .any(|figure| !(0..=FIGURE_MAX).contains(figure))
    {
        return Err(nonsense("a figure is out of range"));
    }
    if wire.refunded > wire.captured {
        return Err(nonsense("more returned than taken"));
    }
    let currency = match wire.currency.as_str() {
        "" => None,
        code => Some(
            code.parse::<Currency>()
                .map_err(|error| nonsense(&error.to_string()))?,
        ),
    };
    Ok(View {
        status: match wire.status {
            WireStatus::Authorized => Status::Authorized,
            WireStatus::Declined => Status::Declined,
            WireStatus::Captured => Status::Captured,
            WireStatus::Voided => Status::Voided,
            WireStatus::Refunded => Status::Refunded,
        },
        amount: wire.amount,
        currency,
        captured: wire.captured,
        refunded: wire.refunded,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body(order: OrderId, amount: i64, captured: i64, refunded: i64) -> String {
        format!(
            r#"{{"reference":"{order}","status":"captured","amount":{amount},"currency":"EUR",
                "captured":{captured},"refunded":{refunded},"captures":1,"refunds":0}}"#
        )
    }

    #[test]
    fn an_answer_that_cannot_be_is_not_believed() {
        let order = OrderId::at(1);
        let read = |text: String| reply(order, StatusCode::OK, text.as_bytes());
        assert!(read(body(order, 5, 5, 0)).is_ok());
        for bad in [
            body(OrderId::at(2), 5, 5, 0),
            body(order, -5, 5, 0),
            body(order, 5, FIGURE_MAX + 1, 0),
            body(order, 5, 5, 6),
            body(order, 5, 5, 0).replace("EUR", "XXX"),
            body(order, 5, 5, 0).replace("captured\",", "sold\","),
            String::from("<html>"),
        ] {
            assert!(
                matches!(read(bad.clone()), Err(Unusable::Nonsense(_))),
                "{bad}"
            );
        }
    }

    #[test]
    fn words_become_replies() {
        let order = OrderId::at(1);
        let read = |code, body: &str| reply(order, code, body.as_bytes());
        let conflict = StatusCode::CONFLICT;
        assert_eq!(
            read(conflict, r#"{"error":"closed"}"#).unwrap(),
            Reply::Closed
        );
        let long = format!(r#"{{"error":"{}"}}"#, "x".repeat(1_000));
        assert_eq!(
            read(conflict, &long).unwrap(),
            Reply::Refused("x".repeat(32))
        );
        assert_eq!(read(StatusCode::NOT_FOUND, "").unwrap(), Reply::Absent);
        let failed = read(StatusCode::BAD_GATEWAY, "");
        assert!(matches!(failed, Err(Unusable::Elsewhere(_))));
        let strange = read(StatusCode::IM_A_TEAPOT, "");
        assert!(matches!(strange, Err(Unusable::Nonsense(_))));
    }
}
