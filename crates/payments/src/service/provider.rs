//! What the service needs of the external provider.

use std::fmt;

use futures_util::future::BoxFuture;
use shop_types::OrderId;
use watertight_core::Deadline;

use crate::domain::{Call, Reply};

/// The outcome of a call is not known: it may have happened, or may still
/// happen. Never treat it as failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the provider's answer is not known: {0}")]
pub struct OutcomeUnknown(pub String);

/// The external provider. Every call is idempotent by the order.
///
/// Dropping the future of a call leaves its outcome unknown.
pub trait Provider: Send + Sync + fmt::Debug {
    /// Makes one call, within the deadline.
    fn call(
        &self,
        deadline: Deadline,
        order: OrderId,
        call: Call,
    ) -> BoxFuture<'_, Result<Reply, OutcomeUnknown>>;
}
