//! Why the service gives no order back.

use std::sync::Arc;

use shop_types::OrderId;

use crate::model::Order;
use crate::store::StoreError;

/// Why a call got no answer.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Refused {
    /// All jobs are busy and nothing was recorded. Later it may work.
    #[error("too many orders in flight")]
    TooManyOrdersInFlight,
    /// All places for watchers are taken. Later it may work.
    #[error("too many watchers")]
    TooManyWatchers,
    /// The key stands for an order with another body.
    #[error("the idempotency key stands for another order")]
    KeyReused,
    /// The order was recorded and rejected, because of what it asks for.
    #[error("the order asks for what can't be")]
    BadOrder(Arc<Order>),
    /// There is no such order.
    #[error("there is no order {0}")]
    NotFound(OrderId),
    /// The order was rejected, so there is nothing to cancel.
    #[error("order {0} was rejected")]
    AlreadyRejected(OrderId),
    /// The deadline passed before it was clear what became of the call.
    #[error("the deadline passed")]
    Deadline,
    /// The service shuts down. Later, or elsewhere, it may work.
    #[error("the service shuts down")]
    ShuttingDown,
    /// The store gave no answer.
    #[error("the store can't answer")]
    Store(#[from] StoreError),
}
