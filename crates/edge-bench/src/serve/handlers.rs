//! The HTTP handlers, the same on every server.

use std::convert::Infallible;

use axum::{
    Json, Router,
    body::Body,
    http::{HeaderMap, header},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use bytes::Bytes;
use futures_util::stream;
use serde::Serialize;

/// What `/big` sends: this many times [`CHUNK`].
const CHUNKS: usize = 256;

/// Static, so that what a reader leaves behind is the server's memory and not the handler's.
static CHUNK: [u8; 64 * 1024] = [0x20; 64 * 1024];

#[derive(Serialize)]
struct Hello {
    message: &'static str,
}

/// All routes; `/hello` logs so many lines for each request.
pub(super) fn router(lines: u32) -> Router {
    let hello = if lines == 0 {
        get(hello)
    } else {
        get(move || {
            say(lines);
            hello()
        })
    };
    Router::new()
        .route("/hello", hello)
        .route("/count", post(count))
        .route("/big", get(big))
        .route("/events", get(events))
}

async fn hello() -> Json<Hello> {
    Json(Hello { message: "hello" })
}

/// Lines as a service logs them for its requests: a sentence, a few fields.
pub(super) fn say(lines: u32) {
    for number in 0..lines {
        tracing::info!(
            number,
            customer = "anonymous",
            elapsed_ms = 1.25,
            "somebody was greeted, as asked"
        );
    }
}

/// Holds on to the headers until the body has come, as many handlers do.
async fn count(headers: HeaderMap, body: Bytes) -> String {
    format!("{} headers, {} bytes\n", headers.len(), body.len())
}

/// 16 MiB.
async fn big() -> Body {
    let chunks = (0..CHUNKS).map(|_| Ok::<_, Infallible>(Bytes::from_static(&CHUNK)));
    Body::from_stream(stream::iter(chunks))
}

/// Events for ever, as fast as they are read; each is made afresh.
async fn events() -> Response {
    let event = || Bytes::from(format!("data: {}\n\n", "x".repeat(1_000)));
    let events = stream::iter(std::iter::repeat_with(move || Ok::<_, Infallible>(event())));
    let kind = [(header::CONTENT_TYPE, "text/event-stream")];
    (kind, Body::from_stream(events)).into_response()
}
