//! `/debug/log`: which log lines are written, and how to have others for a while.

use super::json_response;
use crate::config::{LogFilter, Value, show_duration};
use crate::{ConnInfo, Problem, extract, problems, telemetry};
use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::response::Response;
use http::{HeaderMap, StatusCode, header};
use serde::Deserialize;
use std::time::Duration;
use telemetry::{AUDIT, NotOurs, Shown};

/// A longer filter is not one.
pub(super) const FILTER_BYTES_MAX: usize = 4 * 1_024;
/// How long another filter may hold, if its time is limited.
const LASTS_MAX: Duration = Duration::from_secs(24 * 60 * 60);

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Params {
    /// How long the filter holds, such as `10m`; not given, until it is taken back.
    r#for: Option<String>,
}

/// The filter that holds, and the configured one.
pub(super) async fn show() -> Result<Response, Problem> {
    let shown = telemetry::shown().ok_or_else(not_ours)?;
    Ok(answer(&shown))
}

/// Has the filter in the body hold, for a time or until it is taken back.
pub(super) async fn change(
    caller: ConnInfo,
    extract::Query(params): extract::Query<Params>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, Problem> {
    not_a_page(&headers)?;
    let body = body.map_err(|_too_long_or_broken_off| {
        Problem::new(&problems::BODY_TOO_LARGE)
            .detail(format!("a filter has {FILTER_BYTES_MAX} bytes at most"))
    })?;
    let filter = std::str::from_utf8(&body).map_err(|_bad| {
        Problem::new(&problems::MALFORMED_REQUEST).detail("the filter is not UTF-8")
    })?;
    let filter = LogFilter::parse(filter.trim()).map_err(|fault| {
        let fault = extract::Fault::new("", &fault).message;
        Problem::new(&problems::INVALID_REQUEST).detail(fault)
    })?;
    let lasts = params.r#for.map(|text| lasts(&text)).transpose()?;
    put(caller, Some((&filter, lasts)))
}

/// Has the configured filter hold again.
pub(super) async fn restore(caller: ConnInfo, headers: HeaderMap) -> Result<Response, Problem> {
    not_a_page(&headers)?;
    put(caller, None)
}

fn put(
    caller: ConnInfo,
    wish: Option<(&LogFilter, Option<Duration>)>,
) -> Result<Response, Problem> {
    let before = telemetry::instead(wish).map_err(|NotOurs| not_ours())?;
    let now = telemetry::shown().ok_or_else(not_ours)?;
    let lasts = now.left.map(show_duration);
    tracing::info!(
        target: AUDIT,
        from = before.filter,
        to = now.filter,
        lasts,
        peer = %caller.peer,
        "the log's filter was changed on the admin port"
    );
    Ok(answer(&now))
}

fn lasts(text: &str) -> Result<Duration, Problem> {
    let fault = |what: &str| {
        let what = format!("`for` {what}");
        let what = extract::Fault::new("for", &what).message;
        Problem::new(&problems::INVALID_REQUEST).detail(what)
    };
    let lasts = Duration::parse(text).map_err(|what| fault(&what))?;
    if lasts.is_zero() || lasts > LASTS_MAX {
        return Err(fault("must be more than 0s and 1d at most"));
    }
    Ok(lasts)
}

/// A page of another site may send a POST without asking; browsers say from where.
fn not_a_page(headers: &HeaderMap) -> Result<(), Problem> {
    if headers.contains_key(header::ORIGIN) {
        return Err(Problem::new(&problems::FORBIDDEN).detail("this is not for pages in browsers"));
    }
    Ok(())
}

fn not_ours() -> Problem {
    Problem::new(&problems::NOT_IMPLEMENTED).detail("this program logs in a way of its own")
}

fn answer(shown: &Shown) -> Response {
    let json = serde_json::json!({
        "filter": shown.filter,
        "configured": shown.configured,
        "lasts_seconds": shown.left.map(|left| left.as_secs_f64().ceil()),
    });
    json_response(StatusCode::OK, &json)
}
