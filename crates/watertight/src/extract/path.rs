//! Parameters in the path.

use super::{invalid, shortened};
use crate::{Problem, problems};
use axum::extract::path::ErrorKind;
use axum::extract::rejection::PathRejection;
use axum::extract::{FromRequestParts, RawPathParams};
use http::request::Parts;
use serde::de::DeserializeOwned;

/// The parameters of the route's template, as [`axum::extract::Path`].
///
/// # Errors
///
/// 400 `invalid-request` naming the parameter that is not what `T` wants, or
/// not UTF-8. A `T` that doesn't fit the template is the service's fault: 500,
/// and a line in the log.
#[derive(Clone, Copy, Debug, Default)]
pub struct Path<T>(pub T);

impl<T, S> FromRequestParts<S> for Path<T>
where
    T: DeserializeOwned + Send,
    S: Send + Sync,
{
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        match axum::extract::Path::<T>::from_request_parts(parts, state).await {
            Ok(path) => Ok(Self(path.0)),
            Err(rejection) => {
                let names = names(parts, state).await;
                Err(refused(rejection, &names))
            }
        }
    }
}

/// The names of the template's parameters, in order.
async fn names<S: Send + Sync>(parts: &mut Parts, state: &S) -> Vec<String> {
    let params = RawPathParams::from_request_parts(parts, state).await;
    params.map_or_else(
        |_rejection| Vec::new(),
        |params| params.iter().map(|(name, _)| name.to_owned()).collect(),
    )
}

fn refused(rejection: PathRejection, names: &[String]) -> Problem {
    let PathRejection::FailedToDeserializePathParams(failed) = rejection else {
        return misfit(&rejection);
    };
    let name = |index: usize| names.get(index).map_or("", String::as_str);
    let cannot_parse = |field: &str, value: &str, wanted: &str| {
        invalid(field, &format!("{:?} is no {wanted}", shortened(value)))
    };
    match failed.kind() {
        ErrorKind::ParseErrorAtKey {
            key,
            value,
            expected_type,
        } => cannot_parse(key, value, expected_type),
        ErrorKind::ParseErrorAtIndex {
            index,
            value,
            expected_type,
        } => cannot_parse(name(*index), value, expected_type),
        ErrorKind::ParseError {
            value,
            expected_type,
        } => cannot_parse(name(0), value, expected_type),
        ErrorKind::InvalidUtf8InPathParam { key } => invalid(key, "is not UTF-8"),
        ErrorKind::DeserializeError { key, message, .. } => invalid(key, message),
        // A type of its own around a single parameter.
        ErrorKind::Message(message) if names.len() == 1 => invalid(name(0), message),
        ErrorKind::Message(message) => invalid("", message),
        // The type doesn't fit the template.
        ErrorKind::WrongNumberOfParameters { .. } | ErrorKind::UnsupportedType { .. } | _ => {
            misfit(&failed)
        }
    }
}

fn misfit(error: &dyn std::fmt::Display) -> Problem {
    tracing::error!(%error, "a handler's path parameters don't fit its route");
    Problem::new(&problems::INTERNAL)
}
