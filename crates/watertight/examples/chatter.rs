//! A service that talks too much, and tells secrets: for tests of the log.
//!
//! `chatter --lines-per-s 20000 --level info` logs so much, besides whatever it
//! is asked for: `/leak` logs its headers, query and body in many ways,
//! `/panic` panics with its query.

use http::{HeaderMap, StatusCode};
use std::io::Error;
use std::process::ExitCode;
use std::time::Duration;
use watertight::axum::Router;
use watertight::axum::extract::RawQuery;
use watertight::axum::routing::{get, post};
use watertight::{App, BoxError};

watertight::settings! {
    [chatter]
    struct Config {
        /// Lines a second.
        lines_per_s: u32 = default("0").range("0", "1000000"),
        /// The level of these: `error` or `info`.
        level: String = default("info"),
        /// Panic instead of starting.
        panic_first: bool = default("false"),
    }
}

/// How often some of the lines are logged.
const BEAT: Duration = Duration::from_millis(10);
const BEATS_PER_S: u32 = 100;

async fn leak(headers: HeaderMap, RawQuery(query): RawQuery, body: String) -> StatusCode {
    let query = query.unwrap_or_default();
    let header = headers
        .get("authorization")
        .and_then(|value| value.to_str().ok());
    let error: BoxError = Error::other(format!("refused: {query}")).into();
    let error: &(dyn std::error::Error + 'static) = error.as_ref();
    tracing::info!(?headers, "headers");
    tracing::info!(header, query, body, "parts");
    tracing::error!(error, "error");
    tracing::warn!("{query} {body} {header:?}");
    StatusCode::NO_CONTENT
}

#[expect(clippy::panic, reason = "what this is for")]
async fn fall_over(RawQuery(query): RawQuery) -> StatusCode {
    panic!("cannot go on with {}", query.unwrap_or_default())
}

fn main() -> ExitCode {
    watertight::run("chatter", async |mut app: App| {
        let config = app.config::<Config>()?;
        assert!(!config.panic_first, "as told");
        let (lines, errors) = (config.lines_per_s / BEATS_PER_S, config.level == "error");
        let router = Router::new()
            .route("/ping", get(async || "pong"))
            .route("/leak", post(leak))
            .route("/panic", get(fall_over));
        Ok(app.http(router).every("chatter", BEAT, move |_scope| {
            for line in 0..lines {
                let filler = "so that a line is about as long as lines of a service are";
                if errors {
                    tracing::error!(line, filler, "chatter");
                } else {
                    tracing::info!(line, filler, "chatter");
                }
            }
            std::future::ready(())
        }))
    })
}
