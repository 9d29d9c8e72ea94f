//! The admin port: `/metrics`, `/livez`, `/readyz`.

use crate::Readiness;
use crate::telemetry;
use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;

/// The routes of the admin port. They need nothing of the work runtime.
pub(crate) fn router(readiness: Readiness) -> Router {
    Router::new()
        .route("/livez", get(async || "ok\n"))
        .route("/readyz", get(readyz))
        .with_state(readiness)
        .route("/metrics", get(metrics))
}

async fn metrics() -> Response {
    telemetry::collect();
    let text = telemetry::render();
    (
        [(
            header::CONTENT_TYPE,
            "text/plain; version=0.0.4; charset=utf-8",
        )],
        text,
    )
        .into_response()
}

/// 200, or 503 with the failing checks and their reasons.
async fn readyz(State(readiness): State<Readiness>) -> Response {
    let failing: serde_json::Map<_, _> = readiness
        .failing()
        .into_iter()
        .map(|(name, reason)| (name.to_owned(), reason.into()))
        .collect();
    let ready = failing.is_empty();
    let status = if ready {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    let json = serde_json::json!({ "ready": ready, "failing": failing });
    // The line break is for people with a terminal.
    let body = format!("{json}\n");
    (status, [(header::CONTENT_TYPE, "application/json")], body).into_response()
}
