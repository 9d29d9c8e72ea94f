//! Headers that requests bring and answers carry.

use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, header};
use watertight::axum::body::Body;
use watertight::axum::extract::FromRequestParts;
use watertight::axum::response::{IntoResponse, Response};
use watertight::{Problem, problems};

use crate::service::chunk::IMPORT_ID_MAX;
use crate::service::etag;
use crate::service::resume::event_id;

const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
const IMPORT_ID: HeaderName = HeaderName::from_static("import-id");
const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");
/// The longest key, in characters; what orders takes.
const KEY_MAX: usize = 255;
/// A cache may keep it, but must ask each time whether it is still so.
const NO_CACHE: HeaderValue = HeaderValue::from_static("no-cache");

/// The caller's name for one order.
pub(super) struct IdempotencyKey(pub(super) String);

/// The caller's name for one import.
pub(super) struct ImportId(pub(super) String);

/// The version of the order that was seen last.
pub(super) struct LastEventId(pub(super) Option<i64>);

/// The tags of what the reader has.
pub(super) struct IfNoneMatch(Vec<HeaderValue>);

impl<S: Send + Sync> FromRequestParts<S> for IdempotencyKey {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Problem> {
        named(&parts.headers, &IDEMPOTENCY_KEY, "Idempotency-Key", KEY_MAX).map(Self)
    }
}

impl<S: Send + Sync> FromRequestParts<S> for ImportId {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Problem> {
        named(&parts.headers, &IMPORT_ID, "Import-Id", IMPORT_ID_MAX).map(Self)
    }
}

impl<S: Send + Sync> FromRequestParts<S> for LastEventId {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Problem> {
        let field = "Last-Event-ID";
        let Some(text) = one(&parts.headers, &LAST_EVENT_ID, field)? else {
            return Ok(Self(None));
        };
        let version = event_id(&text);
        let why = "must be the id of an event of this stream: a whole number";
        version
            .map(|version| Self(Some(version)))
            .ok_or_else(|| invalid(field, why))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for IfNoneMatch {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Self::Rejection> {
        let values = parts.headers.get_all(header::IF_NONE_MATCH).iter();
        Ok(Self(values.cloned().collect()))
    }
}

impl IfNoneMatch {
    /// The answer to a read: with the thing, or that it is what the reader has.
    pub(super) fn answer(&self, tag: &str, thing: impl IntoResponse) -> Response {
        let texts = self.0.iter().filter_map(|value| value.to_str().ok());
        let mut response = if texts.into_iter().any(|text| etag::matches(text, tag)) {
            let mut unchanged = Response::new(Body::empty());
            *unchanged.status_mut() = http::StatusCode::NOT_MODIFIED;
            unchanged
        } else {
            thing.into_response()
        };
        // A cache must know of the 304 what it knows of the 200 (RFC 9110, 15.4.5),
        // and whether that is compressed depends on its size, which isn't known here.
        let by_encoding = HeaderValue::from_static("accept-encoding");
        response.headers_mut().append(header::VARY, by_encoding);
        tagged(response.headers_mut(), tag);
        response
    }
}

/// Adds a tag, and that a cache must ask each time.
pub(super) fn tagged(headers: &mut HeaderMap, tag: &str) {
    headers.insert(header::CACHE_CONTROL, NO_CACHE);
    if let Ok(tag) = HeaderValue::from_str(tag) {
        headers.insert(header::ETAG, tag);
    }
}

/// A required name that the caller chose: visible ASCII.
fn named(
    headers: &HeaderMap,
    name: &HeaderName,
    field: &'static str,
    max: usize,
) -> Result<String, Problem> {
    let Some(text) = one(headers, name, field)? else {
        return Err(invalid(field, "is required"));
    };
    let is_visible = text.bytes().all(|byte| byte.is_ascii_graphic());
    if text.is_empty() || text.len() > max || !is_visible {
        let why = format!("must have 1 to {max} visible ASCII characters and no blanks");
        return Err(invalid(field, why));
    }
    Ok(text)
}

/// The only value of a header, if it is there.
fn one(
    headers: &HeaderMap,
    name: &HeaderName,
    field: &'static str,
) -> Result<Option<String>, Problem> {
    let mut values = headers.get_all(name).iter();
    let Some(value) = values.next() else {
        return Ok(None);
    };
    if values.next().is_some() {
        return Err(invalid(field, "must not come twice"));
    }
    let text = value
        .to_str()
        .map_err(|_bytes| invalid(field, "must be visible ASCII"))?;
    Ok(Some(text.to_owned()))
}

fn invalid(field: &'static str, why: impl Into<std::borrow::Cow<'static, str>>) -> Problem {
    let why = why.into();
    Problem::new(&problems::INVALID_REQUEST)
        .detail(format!("the header {field} {why}"))
        .field(field, why)
}
