//! What goes out, and how it is spoilt on request.

use std::{future::pending, time::Duration};

use axum::{
    Json,
    body::{Body, Bytes},
    http::StatusCode,
    response::{IntoResponse, Response},
};
use serde_json::json;
use watertight_core::Deadline;
use watertight_store::StoreError;

use crate::{
    authorization::{Authorization, Refusal, Status},
    faults::Fate,
};

/// An error: a word for programs, a sentence for people.
pub(super) fn error(code: StatusCode, word: &str, message: &str) -> Response {
    (code, Json(json!({ "error": word, "message": message }))).into_response()
}

/// The request can't be meant like this.
pub(super) fn bad_request(message: &str) -> Response {
    error(StatusCode::BAD_REQUEST, "bad_request", message)
}

/// The ledger could not do it, or nobody knows whether it did.
pub(super) fn store_error(failure: &StoreError) -> Response {
    tracing::warn!(error = %failure, "the ledger failed");
    let code = match failure {
        StoreError::Retry(_) | StoreError::Unavailable(_) => StatusCode::SERVICE_UNAVAILABLE,
        StoreError::Conflict(_) | StoreError::Unknown(_) | StoreError::Corrupt(_) => {
            StatusCode::INTERNAL_SERVER_ERROR
        }
    };
    error(code, "ledger", &failure.to_string())
}

/// What an act came to. A declined one is 402 to whoever asks for money to be
/// held, and only to them (`held`).
pub(super) fn outcome(
    outcome: Result<Authorization, Refusal>,
    held: bool,
    misreport: bool,
) -> Response {
    match outcome {
        Ok(a) if held && a.status == Status::Declined => refusal(Refusal::Declined, true),
        Ok(a) => Json(if misreport { misreported(a) } else { a }).into_response(),
        Err(why) => refusal(why, held),
    }
}

fn refusal(why: Refusal, held: bool) -> Response {
    let code = match why {
        Refusal::Declined if held => StatusCode::PAYMENT_REQUIRED,
        Refusal::NotFound => StatusCode::NOT_FOUND,
        Refusal::Declined
        | Refusal::Closed
        | Refusal::Mismatch
        | Refusal::Captured
        | Refusal::NotCaptured => StatusCode::CONFLICT,
    };
    (code, Json(json!({ "error": why.to_string() }))).into_response()
}

/// The lie about amounts: one minor unit too much.
fn misreported(mut a: Authorization) -> Authorization {
    a.amount += 1;
    if a.captured > 0 {
        a.captured += 1;
    }
    a
}

/// What befalls the answer once the work is done: late, lost, or neither.
pub(super) async fn spoil(answer: Response, fate: Fate) -> Response {
    if !fate.late.is_zero() {
        silence(fate.late).await;
    }
    if fate.lose { torn() } else { answer }
}

/// Says nothing for `d`. Not `Scope::pause`: that gives up at once when the
/// caller's deadline comes first, and a silent company doesn't know of deadlines.
pub(super) async fn silence(d: Duration) {
    let _over = Deadline::after(d).run(pending::<()>()).await;
}

/// A reply whose body fails at once: the server closes the connection, and the
/// caller learns nothing.
fn torn() -> Response {
    let failure = Err::<Bytes, _>(std::io::Error::other("reply lost on request"));
    let body = futures_util::stream::once(std::future::ready(failure));
    Response::new(Body::from_stream(body))
}
