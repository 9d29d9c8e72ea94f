//! The admin port. `/metrics`, `/livez` and `/readyz` are open; everything
//! else needs the admin token, or a caller on this machine if there is none.

mod guard;
mod html;
mod index;
mod log;
mod purge;
mod tasks;
mod token;

use crate::config::Reloader;
use crate::ops::TaskWatch;
use crate::series::ADMIN_REFUSED;
use crate::telemetry;
use crate::{Problem, Readiness, RequestScope as _, problems};
use arc_swap::ArcSwapOption;
use axum::Router;
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use guard::{Authorization, Caller, Refused, decide};
use std::sync::Arc;
pub(crate) use token::Token;

/// The token that holds at this moment.
pub(crate) type LiveToken = Arc<ArcSwapOption<Token>>;

/// The routes of the admin port. They need nothing of the work runtime.
pub(crate) fn router(
    readiness: Readiness,
    reloader: Arc<Reloader>,
    watch: Arc<TaskWatch>,
) -> Router {
    let token = reloader.token();
    let service = watch.service();
    let filter = get(log::show)
        .put(log::change)
        .post(log::change)
        .delete(log::restore)
        .layer(DefaultBodyLimit::max(log::FILTER_BYTES_MAX));
    // Also for paths that don't exist: who may not see them may not search for them.
    let guarded = Router::new()
        .route("/config", get(config))
        .with_state(reloader)
        .route("/", get(async move || index::index(service)))
        .route("/debug/tasks", get(tasks::tasks))
        .with_state(watch)
        .route("/debug/purge", post(purge::purge))
        .route("/debug/log", filter)
        .method_not_allowed_fallback(async || Problem::new(&problems::METHOD_NOT_ALLOWED))
        .fallback(async || Problem::new(&problems::NOT_FOUND))
        .layer(from_fn_with_state(token, guarded));
    Router::new()
        .route("/livez", get(async || "ok\n"))
        .route("/readyz", get(readyz))
        .with_state(readiness)
        .route("/metrics", get(metrics))
        .merge(guarded)
}

/// Lets a request through, or says why not.
async fn guarded(State(token): State<LiveToken>, request: Request, next: Next) -> Response {
    let headers = request.headers();
    let authority = request
        .uri()
        .authority()
        .map(|authority| authority.as_str());
    let host = headers
        .get(header::HOST)
        .and_then(|host| host.to_str().ok());
    let Some(info) = request.conn() else {
        // Not from a socket: nobody knows from where.
        return refusal(Refused::NotLocal);
    };
    let caller = Caller {
        peer: info.peer.ip(),
        authorization: Authorization::of(headers),
        host: authority.or(host),
    };
    let token = token.load_full();
    match decide(token.as_deref(), caller) {
        Ok(()) => next.run(request).await,
        Err(refused) => refusal(refused),
    }
}

fn refusal(refused: Refused) -> Response {
    let (reason, kind, detail) = match refused {
        Refused::NoToken => (
            "no_token",
            &problems::UNAUTHENTICATED,
            "this needs `Authorization: Bearer` with the admin token",
        ),
        Refused::SeveralTokens => (
            "several_tokens",
            &problems::UNAUTHENTICATED,
            "this needs one `Authorization`, not several",
        ),
        Refused::WrongToken => (
            "wrong_token",
            &problems::UNAUTHENTICATED,
            "this is not the admin token",
        ),
        Refused::NotLocal => (
            "not_local",
            &problems::FORBIDDEN,
            "no admin token is set, so this is for callers on the same machine",
        ),
        Refused::StrangeHost => (
            "strange_host",
            &problems::FORBIDDEN,
            "no admin token is set, so Host must be an address or localhost",
        ),
    };
    ADMIN_REFUSED.with([reason]).increment(1);
    let problem = Problem::new(kind).detail(detail);
    if kind.status == StatusCode::UNAUTHORIZED {
        let scheme = HeaderValue::from_static("Bearer");
        return problem
            .header(header::WWW_AUTHENTICATE, scheme)
            .into_response();
    }
    problem.into_response()
}

/// What the process runs with; secrets only as set or not.
async fn config(State(reloader): State<Arc<Reloader>>) -> Response {
    let state = reloader.state();
    let json = serde_json::json!({
        "settings": state.effective.json(),
        "restart_needed": state.restart,
        "last_reload_refused": state.refused,
    });
    json_response(StatusCode::OK, &json)
}

/// The line break is for people with a terminal.
fn json_response(status: StatusCode, json: &serde_json::Value) -> Response {
    let body = format!("{json}\n");
    (status, [(header::CONTENT_TYPE, "application/json")], body).into_response()
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
    json_response(status, &json)
}
