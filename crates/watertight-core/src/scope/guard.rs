//! A scope that ends with whoever holds it.

use super::{CancelReason, Scope};
use std::ops::Deref;

/// Cancels its scope when it is dropped, for [`CancelReason::Client`]: nobody
/// waits any more.
///
/// Dropping can't wait. What is still there a second later is found by the
/// [`crate::Warden`], and named.
#[derive(Debug)]
#[must_use = "dropping it cancels the scope"]
pub struct ScopeGuard(Scope);

impl Scope {
    /// Cancels this scope when the guard is dropped.
    pub fn guard(self) -> ScopeGuard {
        ScopeGuard(self)
    }
}

impl Deref for ScopeGuard {
    type Target = Scope;

    fn deref(&self) -> &Scope {
        &self.0
    }
}

impl Drop for ScopeGuard {
    fn drop(&mut self) {
        self.0.cancel_for(CancelReason::Client);
    }
}
