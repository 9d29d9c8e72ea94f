//! Why a call to the service has no answer.

use watertight_store::StoreError;

use super::{provider::OutcomeUnknown, turns::TooMany};
use crate::domain::Refusal;

/// Why a call to the service has no answer. All but [`Failure::Refused`] may be
/// repeated: nothing happens twice.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// It can't be done; final unless the payment moves on.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The intent stands; what came of it at the provider is not known.
    #[error(transparent)]
    Unknown(#[from] OutcomeUnknown),
    /// The store did not do it, or nobody knows whether it did.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Too many calls are in flight.
    #[error(transparent)]
    TooMany(#[from] TooMany),
    /// Another call for the order took longer than the deadline allows.
    #[error("another call for the order is under way")]
    Busy,
}

impl Failure {
    /// Whether the log has it already, see [`StoreError::is_logged_by_store`].
    #[must_use]
    pub fn is_logged_by_store(&self) -> bool {
        matches!(self, Self::Store(error) if error.is_logged_by_store())
    }

    /// A word for metrics.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            Self::Refused(_) => "refused",
            Self::Unknown(_) => "unknown",
            Self::Store(_) => "store",
            Self::TooMany(_) => "too_many",
            Self::Busy => "busy",
        }
    }
}
