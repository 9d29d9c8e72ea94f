//! What surrounds all routes.

use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, header};
use tower_http::compression::CompressionLayer;
use tower_http::compression::predicate::{NotForContentType, Predicate as _, SizeAbove};
use tower_http::cors::{AllowOrigin, CorsLayer};
use watertight::axum::Router;
use watertight::axum::body::Body;
use watertight::axum::middleware::{map_request, map_response};
use watertight::axum::response::Response;

use crate::config::Origin;

/// Smaller answers gain nothing from compression.
const COMPRESSED_BYTES_MIN: u16 = 1_024;
/// How long a browser may remember what CORS allows.
const CORS_MAX_AGE: Duration = Duration::from_secs(3_600);

/// Puts the layers around: security headers innermost, on all answers; then
/// compression; CORS last, since a browser's question needs no handler.
pub(super) fn around(router: Router, cors_origins: &[Origin]) -> Router {
    let compressed = SizeAbove::new(COMPRESSED_BYTES_MIN.into())
        .and(NotForContentType::SSE)
        .and(NotForContentType::const_new("application/x-ndjson"));
    let router = router
        .layer(map_response(secure))
        .layer(CompressionLayer::new().compress_when(compressed))
        .layer(map_request(decide_encoding));
    if cors_origins.is_empty() {
        return router;
    }
    router.layer(cors(cors_origins))
}

/// Leaves `gzip` or nothing of `Accept-Encoding`.
///
/// Who accepts nothing that there is gets the answer as it is. The layer that
/// compresses would turn its status into 406 after the work was done: an order
/// that was placed would look as if it were refused.
async fn decide_encoding(mut request: Request<Body>) -> Request<Body> {
    let headers = request.headers_mut();
    if wants_gzip(headers) {
        let gzip = HeaderValue::from_static("gzip");
        headers.insert(header::ACCEPT_ENCODING, gzip);
    } else {
        headers.remove(header::ACCEPT_ENCODING);
    }
    request
}

/// Whether gzip is accepted, and no less than what is not compressed
/// (RFC 9110, 12.5.3). What is malformed is passed over.
fn wants_gzip(headers: &HeaderMap) -> bool {
    let (mut gzip, mut identity, mut any) = (None, None, None);
    let values = headers.get_all(header::ACCEPT_ENCODING).iter();
    let values = values.filter_map(|value| value.to_str().ok());
    for item in values.flat_map(|value| value.split(',')) {
        let (coding, weight) = item.split_once(';').unwrap_or((item, "q=1"));
        let Some(weight) = quality(weight) else {
            continue;
        };
        match coding.trim().to_ascii_lowercase().as_str() {
            "gzip" | "x-gzip" => gzip = Some(weight),
            "identity" => identity = Some(weight),
            "*" => any = Some(weight),
            _other => {}
        }
    }
    let gzip = gzip.or(any).unwrap_or(0.0);
    gzip > 0.0 && gzip >= identity.or(any).unwrap_or(0.0)
}

/// The number in `q=0.5`.
fn quality(weight: &str) -> Option<f32> {
    let (name, value) = weight.split_once('=')?;
    let value: f32 = value.trim().parse().ok()?;
    let is_weight = name.trim().eq_ignore_ascii_case("q") && (0.0..=1.0).contains(&value);
    is_weight.then_some(value)
}

/// An answer is what it says it is, belongs in no frame, and tells nobody where
/// its reader came from. What shows something sets a policy of its own.
async fn secure(mut response: Response) -> Response {
    let headers = response.headers_mut();
    for (name, value) in [
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers
        .entry(header::CONTENT_SECURITY_POLICY)
        .or_insert(HeaderValue::from_static(
            "default-src 'none'; frame-ancestors 'none'",
        ));
    response
}

fn cors(origins: &[Origin]) -> CorsLayer {
    let header = HeaderName::from_static;
    let allowed = if origins.iter().any(Origin::is_any) {
        AllowOrigin::any()
    } else {
        AllowOrigin::list(origins.iter().map(Origin::header))
    };
    CorsLayer::new()
        .allow_origin(allowed)
        .allow_methods([Method::GET, Method::POST, Method::DELETE])
        .allow_headers([
            header::CONTENT_TYPE,
            header::IF_NONE_MATCH,
            header("idempotency-key"),
            header("import-id"),
            header("last-event-id"),
            header("traceparent"),
            header("x-request-timeout"),
        ])
        .expose_headers([
            header::ETAG,
            header::LINK,
            header::LOCATION,
            header::RETRY_AFTER,
            header("x-trace-id"),
        ])
        .max_age(CORS_MAX_AGE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gzip_is_for_those_who_want_it() {
        let wants = |values: &[&'static str]| {
            let values = values.iter().map(|value| HeaderValue::from_static(value));
            let headers = values.map(|value| (header::ACCEPT_ENCODING, value));
            wants_gzip(&headers.collect())
        };
        for gzip in [
            "gzip",
            "GZip;Q=0.5",
            "br, x-gzip",
            "*",
            "*;q=0.1",
            "identity;q=0, gzip",
            "identity;q=0.5, gzip; q=0.5",
        ] {
            assert!(wants(&[gzip]), "{gzip}");
        }
        assert!(wants(&["br", "gzip"]) && !wants(&[]));
        for plain in [
            "",
            "br",
            "gzip;q=0",
            "gzip;q=0.000, *",
            "gzip;q=2",
            "gzip;q=NaN",
            "gzip;level=1",
            "*;q=0",
            "identity;q=0",
            "identity, gzip;q=0.9",
        ] {
            assert!(!wants(&[plain]), "{plain}");
        }
    }
}
