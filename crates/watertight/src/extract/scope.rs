//! The request's scope as a handler's argument.

use crate::RequestScope as _;
use axum::extract::FromRequestParts;
use http::request::Parts;
use std::convert::Infallible;
use std::ops::Deref;

/// The request's scope, for axum's handlers: see [`crate::RequestScope`] for what
/// it is, and for all who have the request.
///
/// A type of its own because [`crate::Scope`] knows nothing of axum.
///
/// # Examples
///
/// ```
/// use watertight::extract;
///
/// async fn handler(scope: extract::Scope) {
///     drop(scope.spawn("prefetch", async { /* ends with the request */ }));
/// }
/// ```
#[derive(Clone, Debug)]
pub struct Scope(pub crate::Scope);

impl Deref for Scope {
    type Target = crate::Scope;

    fn deref(&self) -> &crate::Scope {
        &self.0
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Scope {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Infallible> {
        Ok(Self(parts.scope()))
    }
}
