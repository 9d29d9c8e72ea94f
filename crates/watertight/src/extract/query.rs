//! Parameters in the query.

use super::invalid;
use crate::{Problem, problems};
use axum::extract::FromRequestParts;
use axum::extract::rejection::QueryRejection;
use http::request::Parts;
use serde::de::DeserializeOwned;
use std::error::Error;

/// The parameters after the `?`, as [`axum::extract::Query`].
///
/// # Errors
///
/// 400 `invalid-request` naming the parameter that is unknown (with
/// `#[serde(deny_unknown_fields)]`), missing, there twice, or not what `T`
/// wants; 400 `malformed-request` for what is not UTF-8.
#[derive(Clone, Copy, Debug, Default)]
pub struct Query<T>(pub T);

impl<T, S> FromRequestParts<S> for Query<T>
where
    T: DeserializeOwned,
    S: Send + Sync,
{
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Problem> {
        // The parser below would put U+FFFD in place of what is not UTF-8.
        if !is_utf8(parts.uri.query().unwrap_or_default()) {
            return Err(Problem::new(&problems::MALFORMED_REQUEST)
                .detail("the query is not UTF-8 once its percent signs are decoded"));
        }
        match axum::extract::Query::try_from_uri(&parts.uri) {
            Ok(query) => Ok(Self(query.0)),
            Err(rejection) => Err(refused(&rejection)),
        }
    }
}

fn refused(rejection: &QueryRejection) -> Problem {
    let mut cause: Option<&(dyn Error + 'static)> = Some(rejection);
    while let Some(error) = cause {
        if let Some(error) =
            error.downcast_ref::<serde_path_to_error::Error<serde::de::value::Error>>()
        {
            return invalid(&error.path().to_string(), &error.inner().to_string());
        }
        cause = error.source();
    }
    invalid("", &rejection.body_text())
}

/// Whether the query is UTF-8 once it is percent-decoded.
fn is_utf8(query: &str) -> bool {
    if !query.contains('%') {
        return true;
    }
    let hex = |byte: Option<u8>| char::from(byte?).to_digit(16);
    let mut decoded = Vec::with_capacity(query.len());
    let mut rest = query.as_bytes();
    while let [first, after @ ..] = rest {
        rest = after;
        let digits = (hex(after.first().copied()), hex(after.get(1).copied()));
        match (first, digits) {
            (b'%', (Some(high), Some(low))) => {
                decoded.extend(u8::try_from(high * 16 + low));
                rest = &after[2..];
            }
            _ => decoded.push(*first),
        }
    }
    std::str::from_utf8(&decoded).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percent_signs_are_decoded_before_looking() {
        assert!(is_utf8("a=%C3%A4&b=%41%"));
        assert!(is_utf8("a=%zz%4"));
        assert!(!is_utf8("a=%ff"));
        assert!(!is_utf8("a=%c3&b=1"));
    }
}
