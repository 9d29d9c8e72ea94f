//! JSON bodies.

use super::{content, invalid, shortened};
use crate::{Problem, problems};
use axum::RequestExt;
use axum::body::{Body, HttpBody as _};
use axum::extract::{FromRequest, Request};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::{HeaderValue, header};
use http_body_util::{BodyExt, LengthLimitError};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::error::Category;

/// What a body must be.
const JSON: &str = "application/json";

/// A JSON body, in a request or a response.
///
/// # Limits
///
/// The body is read whole, up to [`axum::extract::DefaultBodyLimit`]: one that
/// is declared longer is refused unread. Values nest 128 deep at most.
///
/// # Errors
///
/// As an extractor, with a [`Problem`]: 415 unless the content type is
/// `application/json` or ends with `+json`, in UTF-8 and uncompressed; 413 over
/// the limit; 408 if the body didn't come in time; 400 `malformed-request` with
/// line and column for what is not JSON (also: nothing, more than one value,
/// `NaN`, invalid UTF-8); 400 `invalid-request` with the field's path for what
/// is not a `T`.
#[derive(Clone, Copy, Debug, Default)]
pub struct Json<T>(pub T);

impl<T, S> FromRequest<S> for Json<T>
where
    T: DeserializeOwned,
    S: Send + Sync,
{
    type Rejection = Problem;

    async fn from_request(request: Request, _state: &S) -> Result<Self, Problem> {
        content::check(request.headers(), JSON, content::is_json)?;
        let body = read(request).await?;
        parse(&body).map(Self)
    }
}

impl<T: Serialize> IntoResponse for Json<T> {
    fn into_response(self) -> Response {
        match serde_json::to_vec(&self.0) {
            Ok(json) => {
                let mut response = Response::new(Body::from(json));
                let json = HeaderValue::from_static(JSON);
                response.headers_mut().insert(header::CONTENT_TYPE, json);
                response
            }
            Err(error) => {
                tracing::error!(%error, "a response can't be written as JSON");
                Problem::new(&problems::INTERNAL).into_response()
            }
        }
    }
}

async fn read(request: Request) -> Result<Bytes, Problem> {
    let declared = request.body().size_hint().lower();
    let body = request.into_limited_body();
    // The limit itself is axum's secret, but a limited body promises no more than it.
    let limit = body.size_hint().upper();
    if let Some(limit) = limit.filter(|limit| declared > *limit) {
        return Err(too_large(Some(limit)));
    }
    match body.collect().await {
        Ok(body) => Ok(body.to_bytes()),
        Err(error) => Err(unread(&error, limit)),
    }
}

fn too_large(limit: Option<u64>) -> Problem {
    let problem = Problem::new(&problems::BODY_TOO_LARGE);
    match limit {
        Some(limit) => problem
            .detail(format!("the body may have {limit} bytes at most"))
            .with("bytes_max", limit),
        None => problem,
    }
}

fn unread(error: &axum::Error, limit: Option<u64>) -> Problem {
    if content::causes(error).any(|cause| cause.is::<LengthLimitError>()) {
        return too_large(limit);
    }
    content::body_broke_off(error)
}

fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, Problem> {
    let malformed = |detail: String| Problem::new(&problems::MALFORMED_REQUEST).detail(detail);
    let text = std::str::from_utf8(body).map_err(|error| {
        let at = error.valid_up_to();
        malformed(format!(
            "the body is not UTF-8: invalid byte at offset {at}"
        ))
    })?;
    if text.trim_ascii().is_empty() {
        return Err(malformed("the body is empty; JSON is expected".into()));
    }
    let mut json = serde_json::Deserializer::from_str(text);
    let value = serde_path_to_error::deserialize(&mut json).map_err(|error| {
        let path = error.path().to_string();
        refused(&path, error.inner())
    })?;
    match json.end() {
        Ok(()) => Ok(value),
        Err(error) => Err(refused("", &error)),
    }
}

fn refused(path: &str, error: &serde_json::Error) -> Problem {
    let message = error.to_string();
    match error.classify() {
        Category::Data => {
            // The position helps with a file in front of you; the path names the field.
            let place = format!(" at line {} column {}", error.line(), error.column());
            let message = message.strip_suffix(&place).unwrap_or(&message);
            invalid(path, message)
                .with("line", error.line())
                .with("column", error.column())
        }
        Category::Syntax | Category::Eof | Category::Io => {
            let message = shortened(&message);
            Problem::new(&problems::MALFORMED_REQUEST)
                .detail(format!("the body is not JSON: {message}"))
                .with("line", error.line())
                .with("column", error.column())
        }
    }
}
