//! The HTTP side: routes, and which fault befalls which request.

mod acts;
mod answer;
mod control;
mod request;

use std::sync::Arc;

use axum::{
    Router,
    extract::DefaultBodyLimit,
    routing::{get, post},
};

pub(crate) use control::Switches;

use crate::store::Ledger;

/// Bodies are a handful of short fields.
const BODY_BYTES_MAX: usize = 16 * 1024;

/// What every handler works with.
#[derive(Debug)]
pub(crate) struct Api {
    ledger: Ledger,
    switches: Switches,
}

/// All routes over one ledger.
pub(crate) fn router(ledger: Ledger, switches: Switches) -> Router {
    let one = "/v1/authorizations/{reference}";
    Router::new()
        .route("/v1/authorizations", post(acts::authorize))
        .route(one, get(acts::look))
        .route(
            "/v1/authorizations/{reference}/capture",
            post(acts::capture),
        )
        .route("/v1/authorizations/{reference}/void", post(acts::void))
        .route("/v1/authorizations/{reference}/refund", post(acts::refund))
        .route("/v1/ledger", get(acts::ledger))
        .route("/control", get(control::show).put(control::change))
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .with_state(Arc::new(Api { ledger, switches }))
}
