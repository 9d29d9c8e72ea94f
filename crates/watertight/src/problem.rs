//! Errors as clients see them over HTTP: problem documents (RFC 9457).

use crate::TraceContext;
use axum::body::Body;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::Value;
use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

/// The content type of a problem document.
const CONTENT_TYPE: HeaderValue = HeaderValue::from_static("application/problem+json");
/// Members that belong to the chassis; an extension can't have their names.
const RESERVED: [&str; 6] = ["type", "title", "status", "detail", "errors", "trace_id"];
/// Faults listed in one document; more are left out. A client mends the first
/// few and tries again.
const ERRORS_MAX: usize = 32;

/// A kind of problem: what stays the same from one occurrence to the next.
///
/// The slug is a promise to clients, who tell problems apart by it: it is never
/// renamed and never reused. Services define their own as constants; see
/// [`crate::problems`] for the chassis'.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProblemKind {
    /// The last part of `type`, which is `/problems/<slug>`; lowercase, with dashes.
    pub slug: &'static str,
    /// A short sentence for people.
    pub title: &'static str,
    /// The HTTP status.
    pub status: StatusCode,
}

impl ProblemKind {
    /// A kind of problem.
    ///
    /// # Panics
    ///
    /// Unless `status` is 400 to 599 and `slug` consists of lowercase letters,
    /// digits and dashes. In a constant that is an error of the compiler.
    #[must_use]
    pub const fn new(slug: &'static str, title: &'static str, status: u16) -> Self {
        assert!(
            status >= 400 && status < 600,
            "a problem has an error status"
        );
        assert!(is_slug(slug.as_bytes()), "a slug is like out-of-stock");
        let Ok(status) = StatusCode::from_u16(status) else {
            unreachable!()
        };
        Self {
            slug,
            title,
            status,
        }
    }

    /// The `type` member: `/problems/<slug>`, relative to the server.
    #[must_use]
    pub fn uri(&self) -> String {
        format!("/problems/{}", self.slug)
    }
}

const fn is_slug(mut bytes: &[u8]) -> bool {
    if bytes.is_empty() {
        return false;
    }
    while let [first, rest @ ..] = bytes {
        if !matches!(first, b'a'..=b'z' | b'0'..=b'9' | b'-') {
            return false;
        }
        bytes = rest;
    }
    true
}

/// `type`, `title` and `status`: an entry in a list of kinds.
impl Serialize for ProblemKind {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(3))?;
        self.members(&mut map)?;
        map.end()
    }
}

impl ProblemKind {
    fn members<M: SerializeMap>(&self, map: &mut M) -> Result<(), M::Error> {
        map.serialize_entry("type", &self.uri())?;
        map.serialize_entry("title", self.title)?;
        map.serialize_entry("status", &self.status.as_u16())
    }
}

/// One problem as it occurred: a response, an error, and a JSON object.
///
/// As a response it is `application/problem+json`; a handler returns
/// `Result<_, Problem>`. As JSON it can stand in a line of a stream. The trace
/// id of the request is in the member `trace_id`, and in the response's header
/// `x-trace-id`.
///
/// Whatever is put into it is shown to the caller: no secrets, no internals.
///
/// # Limits
///
/// 32 faults in `errors`; more are left out.
///
/// # Examples
///
/// ```
/// use watertight::{Problem, problems};
///
/// let problem = Problem::new(&problems::INVALID_REQUEST)
///     .detail("one line can't be ordered")
///     .field("lines[2].quantity", "must be at least 1");
/// let json = serde_json::to_value(&problem).unwrap();
/// assert_eq!(json["type"], "/problems/invalid-request");
/// assert_eq!(json["errors"][0]["field"], "lines[2].quantity");
/// ```
#[derive(Clone)]
#[must_use = "a problem does nothing until it is returned"]
pub struct Problem(Box<Inner>);

/// Behind a pointer, so that `Result<_, Problem>` stays small.
#[derive(Clone)]
struct Inner {
    kind: ProblemKind,
    detail: Option<Cow<'static, str>>,
    errors: Vec<FieldError>,
    retry_after: Option<Duration>,
    extensions: serde_json::Map<String, Value>,
    headers: HeaderMap,
    trace: Option<TraceContext>,
}

#[derive(Clone, Debug, serde::Serialize)]
struct FieldError {
    field: Cow<'static, str>,
    detail: Cow<'static, str>,
}

impl Problem {
    /// A problem of this kind that occurred in the calling code's trace; nothing
    /// else is said about the occurrence yet.
    pub fn new(kind: &ProblemKind) -> Self {
        Self(Box::new(Inner {
            kind: *kind,
            detail: None,
            errors: Vec::new(),
            retry_after: None,
            extensions: serde_json::Map::new(),
            headers: HeaderMap::new(),
            trace: watertight_core::current_trace(),
        }))
    }

    /// What happened this time, in a sentence for people.
    pub fn detail(mut self, detail: impl Into<Cow<'static, str>>) -> Self {
        self.0.detail = Some(detail.into());
        self
    }

    /// Adds a fault in a field of the request, such as `lines[2].quantity`, and
    /// what is wrong with it.
    pub fn field(
        mut self,
        field: impl Into<Cow<'static, str>>,
        detail: impl Into<Cow<'static, str>>,
    ) -> Self {
        if self.0.errors.len() < ERRORS_MAX {
            self.0.errors.push(FieldError {
                field: field.into(),
                detail: detail.into(),
            });
        }
        self
    }

    /// When it makes sense to try again: the header `Retry-After`, in whole
    /// seconds, rounded up.
    pub fn retry_after(mut self, after: Duration) -> Self {
        self.0.retry_after = Some(after);
        self
    }

    /// Adds a member of the document, which clients of this kind may rely on.
    /// Names that RFC 9457 or the chassis give a meaning are left alone.
    pub fn with(mut self, key: &str, value: impl Into<Value>) -> Self {
        if !RESERVED.contains(&key) {
            self.0.extensions.insert(key.to_owned(), value.into());
        }
        self
    }

    /// Adds a header to the response, such as `Allow` or `WWW-Authenticate`.
    pub fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.0.headers.insert(name, value);
        self
    }

    /// Its kind.
    #[must_use]
    pub fn kind(&self) -> &ProblemKind {
        &self.0.kind
    }

    /// The HTTP status, which is its kind's.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        self.0.kind.status
    }
}

impl Serialize for Problem {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let inner = &self.0;
        let mut map = serializer.serialize_map(None)?;
        inner.kind.members(&mut map)?;
        if let Some(detail) = &inner.detail {
            map.serialize_entry("detail", detail)?;
        }
        if !inner.errors.is_empty() {
            map.serialize_entry("errors", &inner.errors)?;
        }
        if let Some(trace) = inner.trace {
            map.serialize_entry("trace_id", &format_args!("{}", trace.trace_id()))?;
        }
        for (key, value) in &inner.extensions {
            map.serialize_entry(key, value)?;
        }
        map.end()
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        // Strings and JSON values can't fail to be written; the status says the most.
        let json = serde_json::to_vec(&self).unwrap_or_default();
        let mut response = Response::new(Body::from(json));
        *response.status_mut() = self.0.kind.status;
        let (retry_after, trace) = (self.0.retry_after, self.0.trace);
        let headers = response.headers_mut();
        headers.extend(self.0.headers);
        headers.insert(header::CONTENT_TYPE, CONTENT_TYPE);
        // Some of the statuses may be cached unless told otherwise (404, 405).
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if let Some(trace) = trace {
            crate::trace::name(headers, trace);
        }
        if let Some(after) = retry_after {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds(after)));
        }
        response
    }
}

fn seconds(duration: Duration) -> u64 {
    duration.as_secs() + u64::from(duration.subsec_nanos() > 0)
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.kind.title)?;
        if let Some(detail) = &self.0.detail {
            write!(f, ": {detail}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Problem")
            .field("kind", &self.0.kind.slug)
            .field("detail", &self.0.detail)
            .field("errors", &self.0.errors)
            .finish_non_exhaustive()
    }
}

impl std::error::Error for Problem {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::problems;

    #[test]
    fn members_stand_in_order_and_extensions_follow() {
        let problem = Problem::new(&problems::INVALID_REQUEST)
            .detail("no")
            .field("a.b[1]", "must be positive")
            .with("status", 200)
            .with("balance", 30);
        assert_eq!(
            serde_json::to_string(&problem).unwrap(),
            concat!(
                r#"{"type":"/problems/invalid-request","title":"The request is not valid","status":400,"#,
                r#""detail":"no","errors":[{"field":"a.b[1]","detail":"must be positive"}],"balance":30}"#
            )
        );
    }

    #[test]
    fn a_response_says_what_it_is_and_when_to_come_back() {
        let response = Problem::new(&problems::OVERLOADED)
            .retry_after(Duration::from_millis(1_001))
            .header(header::ALLOW, HeaderValue::from_static("GET"))
            .into_response();
        assert_eq!(response.status(), 503);
        let header = |name| response.headers().get(name).unwrap().to_str().unwrap();
        assert_eq!(
            header(header::CONTENT_TYPE.as_str()),
            "application/problem+json"
        );
        assert_eq!(header("retry-after"), "2");
        assert_eq!(header("allow"), "GET");
        assert_eq!(header("cache-control"), "no-store");
    }

    #[test]
    fn the_trace_is_that_of_the_code_that_found_the_problem() {
        let trace = TraceContext::new(0xabc, 1);
        let scope = crate::Scope::root("test").with_trace(trace);
        let problem = scope.enter(|| Problem::new(&problems::INTERNAL));
        let id = trace.trace_id().to_string();
        assert_eq!(serde_json::to_value(&problem).unwrap()["trace_id"], *id);
        assert_eq!(problem.into_response().headers()["x-trace-id"], *id);
    }

    #[test]
    fn faults_are_bounded() {
        let full = (0..2 * ERRORS_MAX).fold(Problem::new(&problems::INVALID_REQUEST), |p, i| {
            p.field(format!("f{i}"), "no")
        });
        assert_eq!(full.0.errors.len(), ERRORS_MAX);
    }

    #[test]
    fn the_chassis_kinds_are_told_apart_by_their_slugs() {
        let mut slugs: Vec<_> = problems::ALL.iter().map(|kind| kind.slug).collect();
        slugs.sort_unstable();
        slugs.dedup();
        assert_eq!(slugs.len(), problems::ALL.len());
    }
}
