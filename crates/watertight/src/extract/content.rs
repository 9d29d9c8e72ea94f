//! What a body says it is, and what becomes of one that doesn't come whole.

use super::shortened;
use crate::{Problem, problems};
use http::{HeaderMap, HeaderName, HeaderValue, header};
use std::error::Error;
use std::io;

/// Refuses a body unless its content type is `wanted`, in UTF-8, uncompressed;
/// for handlers that read a body by themselves.
///
/// # Errors
///
/// 415, which names `wanted` in `Accept-Post`, too.
pub fn check_content(headers: &HeaderMap, wanted: &'static str) -> Result<(), Problem> {
    check(headers, wanted, |text| is_utf8(text, |kind| kind == wanted))
}

pub(super) fn check(
    headers: &HeaderMap,
    wanted: &'static str,
    is_wanted: impl Fn(&str) -> bool,
) -> Result<(), Problem> {
    let unsupported = |detail: String| {
        Err(Problem::new(&problems::UNSUPPORTED_MEDIA_TYPE)
            .detail(detail)
            .header(
                HeaderName::from_static("accept-post"),
                HeaderValue::from_static(wanted),
            ))
    };
    let mut types = headers.get_all(header::CONTENT_TYPE).iter();
    let Some(value) = types.next() else {
        return unsupported(format!("there is no content-type; it must be {wanted}"));
    };
    let text = value.to_str().unwrap_or_default();
    if types.next().is_some() || !is_wanted(text) {
        let text = shortened(text);
        return unsupported(format!(
            "content-type must be {wanted} in UTF-8, not {text:?}"
        ));
    }
    match headers.get(header::CONTENT_ENCODING) {
        Some(encoding) if !encoding.as_bytes().eq_ignore_ascii_case(b"identity") => {
            unsupported("the body must not be compressed".into())
        }
        Some(_) | None => Ok(()),
    }
}

/// `application/json` or `*/*+json`.
pub(super) fn is_json(content_type: &str) -> bool {
    is_utf8(content_type, |essence| {
        essence.split_once('/').is_some_and(|(kind, subtype)| {
            (kind == "application" && subtype == "json")
                || (!kind.is_empty() && subtype.len() > 5 && subtype.ends_with("+json"))
        })
    })
}

/// Whether the type is right and the charset, if there is one, UTF-8: JSON knows
/// no other (RFC 8259, 8.1).
fn is_utf8(content_type: &str, is_kind: impl Fn(&str) -> bool) -> bool {
    let mut parts = content_type.split(';').map(str::trim);
    let essence = parts.next().unwrap_or_default().to_ascii_lowercase();
    let utf8 = |parameter: &str| match parameter.split_once('=') {
        Some((name, value)) if name.trim().eq_ignore_ascii_case("charset") => {
            value.trim().trim_matches('"').eq_ignore_ascii_case("utf-8")
        }
        Some(_) | None => true,
    };
    is_kind(&essence) && parts.all(utf8)
}

/// The problem of a body that ended before its end: 408 if it stopped coming,
/// 400 if it broke off.
pub fn body_broke_off(error: &axum::Error) -> Problem {
    let timed_out = |error: &io::Error| error.kind() == io::ErrorKind::TimedOut;
    if causes(error).any(|cause| cause.downcast_ref().is_some_and(timed_out)) {
        return Problem::new(&problems::REQUEST_TIMEOUT)
            .detail("the body stopped coming in before it was complete");
    }
    Problem::new(&problems::MALFORMED_REQUEST).detail("the body broke off")
}

/// An error, and what is behind it.
pub(super) fn causes(error: &axum::Error) -> impl Iterator<Item = &(dyn Error + 'static)> {
    let first: &(dyn Error + 'static) = error;
    std::iter::successors(Some(first), |&error| error.source())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_types() {
        for good in [
            "application/json",
            "Application/JSON; charset=UTF-8",
            "application/json;charset=\"utf-8\"",
            "application/merge-patch+json",
            "application/json; profile=x",
        ] {
            assert!(is_json(good), "{good}");
        }
        for bad in [
            "",
            "json",
            "text/json",
            "text/plain",
            "application/jsonx",
            "application/+json",
            "application/json; charset=latin1",
            "application/x-www-form-urlencoded",
            "application/json, text/plain",
        ] {
            assert!(!is_json(bad), "{bad}");
        }
    }

    #[test]
    fn other_types_are_as_strict() {
        let check = |kinds: &[&'static str]| {
            let kinds = kinds.iter().map(|kind| HeaderValue::from_static(kind));
            let headers = kinds.map(|kind| (header::CONTENT_TYPE, kind));
            check_content(&headers.collect(), "application/x-ndjson").is_ok()
        };
        for good in [
            "application/x-ndjson",
            "Application/X-NDJSON; charset=utf-8",
        ] {
            assert!(check(&[good]), "{good}");
        }
        for bad in ["application/json", "application/x-ndjson; charset=latin1"] {
            assert!(!check(&[bad]), "{bad}");
        }
        assert!(!check(&[]));
        assert!(!check(&["application/x-ndjson", "application/x-ndjson"]));
    }
}
