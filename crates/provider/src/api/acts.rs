//! The handlers of the acts, and the referee's view of the ledger.

use std::{sync::Arc, time::Duration};

use axum::{
    Json,
    body::Bytes,
    extract::{Path, Query, State},
    http::StatusCode,
    response::{IntoResponse, Response},
};
use serde::Deserialize;
use serde_json::json;

use super::{
    Api, answer,
    request::{self, AmountBody, AuthorizeBody, Visit},
};
use crate::{
    authorization::{Act, Refusal},
    faults::{DELAY_MS_MAX, Fate},
    store::PAGE_MAX,
};

type Shared = State<Arc<Api>>;

/// `POST /v1/authorizations`.
pub(super) async fn authorize(State(api): Shared, visit: Visit, bytes: Bytes) -> Response {
    let asked =
        request::body::<AuthorizeBody>(&bytes).and_then(|asked| asked.check().map(|()| asked));
    let asked = match asked {
        Ok(asked) => asked,
        Err(why) => return answer::bad_request(&why),
    };
    let act = Act::Authorize {
        amount: asked.amount,
        currency: asked.currency,
        payment_method: asked.payment_method,
    };
    api.act(visit, asked.reference, |_fate| act).await
}

/// `POST /v1/authorizations/{reference}/capture`.
pub(super) async fn capture(
    State(api): Shared,
    visit: Visit,
    Path(reference): Path<String>,
    bytes: Bytes,
) -> Response {
    match amount(&bytes) {
        Err(why) => answer::bad_request(&why),
        Ok(amount) => {
            let act = |fate: Fate| Act::Capture {
                amount,
                twice: fate.twice,
            };
            api.act(visit, reference, act).await
        }
    }
}

/// `POST /v1/authorizations/{reference}/void`.
pub(super) async fn void(
    State(api): Shared,
    visit: Visit,
    Path(reference): Path<String>,
) -> Response {
    api.act(visit, reference, |_fate| Act::Void).await
}

/// `POST /v1/authorizations/{reference}/refund`.
pub(super) async fn refund(
    State(api): Shared,
    visit: Visit,
    Path(reference): Path<String>,
    bytes: Bytes,
) -> Response {
    match amount(&bytes) {
        Err(why) => answer::bad_request(&why),
        Ok(total) => {
            api.act(visit, reference, |_fate| Act::Refund { total })
                .await
        }
    }
}

fn amount(bytes: &Bytes) -> Result<Option<i64>, String> {
    let amount = request::body::<AmountBody>(bytes)?.amount;
    request::amount(amount).map(|()| amount)
}

/// `GET /v1/authorizations/{reference}`.
pub(super) async fn look(
    State(api): Shared,
    visit: Visit,
    Path(reference): Path<String>,
) -> Response {
    let fate = api.switches.draw(visit.tag);
    if let Some(failure) = befall(fate).await {
        return failure;
    }
    let found = match api.ledger.get(visit.deadline, reference).await {
        Ok(Some(found)) => answer::outcome(Ok(found), false, fate.misreport),
        Ok(None) => answer::outcome(Err(Refusal::NotFound), false, false),
        Err(failure) => return answer::store_error(&failure),
    };
    answer::spoil(found, fate).await
}

/// Which page of the ledger.
#[derive(Debug, Deserialize)]
#[serde(default)]
pub(super) struct Page {
    after: String,
    limit: u32,
}

impl Default for Page {
    fn default() -> Self {
        Self {
            after: String::new(),
            limit: PAGE_MAX,
        }
    }
}

/// `GET /v1/ledger`: the referee speaks, so no fault befalls it.
pub(super) async fn ledger(State(api): Shared, visit: Visit, Query(page): Query<Page>) -> Response {
    let limit = page.limit.clamp(1, PAGE_MAX);
    match api.ledger.page(visit.deadline, page.after, limit).await {
        Ok(found) => {
            let full = found.len() >= limit as usize;
            let next = found.last().filter(|_| full).map(|last| &last.reference);
            Json(json!({ "authorizations": found, "next": next })).into_response()
        }
        Err(failure) => answer::store_error(&failure),
    }
}

/// What befalls a request before its work: delay, silence, failure.
async fn befall(fate: Fate) -> Option<Response> {
    if !fate.delay.is_zero() {
        answer::silence(fate.delay).await;
    }
    if fate.hang {
        // The request's own deadline ends it much earlier.
        answer::silence(Duration::from_millis(DELAY_MS_MAX)).await;
    }
    (fate.hang || fate.fail).then(|| {
        let code = StatusCode::INTERNAL_SERVER_ERROR;
        answer::error(code, "internal", "failed on request")
    })
}

impl Api {
    /// One act from end to end: what befalls it before, the work, what befalls
    /// the answer.
    async fn act(
        &self,
        visit: Visit,
        reference: String,
        act: impl FnOnce(Fate) -> Act,
    ) -> Response {
        if let Err(why) = request::reference(&reference) {
            return answer::bad_request(&why);
        }
        let fate = self.switches.draw(visit.tag);
        if let Some(failure) = befall(fate).await {
            return failure;
        }
        let act = act(fate);
        let held = matches!(act, Act::Authorize { .. });
        match self.ledger.act(visit.deadline, reference, act).await {
            Err(failure) => answer::store_error(&failure),
            Ok(done) => answer::spoil(answer::outcome(done, held, fate.misreport), fate).await,
        }
    }
}
