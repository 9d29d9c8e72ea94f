//! What work after the response may know of its request.

use crate::{Label, Priority, Scope, TraceContext, current};

/// A copy of what identifies a request, without anything that keeps the request
/// alive.
///
/// `Copy`, and that is the point: whatever is `Copy` owns nothing, so no body, no
/// connection and no buffer can hang on to it. The closure gets it as an argument;
/// what else it needs from the request must be `Copy`, too: ids, amounts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Snapshot {
    trace: Option<TraceContext>,
    label: Label,
    priority: Priority,
}

impl Snapshot {
    /// Of the request that a scope belongs to.
    #[must_use]
    pub fn of(scope: &Scope) -> Self {
        Self {
            trace: scope.trace(),
            label: scope.label(),
            priority: scope.priority(),
        }
    }

    /// Of the calling code's scope; `None` if it has none.
    #[must_use]
    pub fn current() -> Option<Self> {
        current().map(|scope| Self::of(&scope))
    }

    /// The trace of the request.
    #[must_use]
    pub fn trace(&self) -> Option<TraceContext> {
        self.trace
    }

    /// Its route.
    #[must_use]
    pub fn label(&self) -> Label {
        self.label
    }

    /// How important it was.
    #[must_use]
    pub fn priority(&self) -> Priority {
        self.priority
    }
}
