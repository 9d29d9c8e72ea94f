//! What the saga needs of other services, in the words of this one.

use futures_core::future::BoxFuture;
use shop_types::{Money, OrderId, PaymentMethod};
use watertight_core::Deadline;

use super::Reply;
use crate::model::Line;

/// Inventory, as the saga sees it. Every call is idempotent by order id.
///
/// A call hands `deadline` on, and answers [`Reply::Unknown`] for all that isn't
/// clearly done or clearly refused by then.
///
/// # Cancel safety
///
/// A call that is dropped may or may not have been done: unknown.
pub trait Stock: Send + Sync + 'static {
    /// Reserves all lines or none, and prices them.
    fn reserve<'a>(
        &'a self,
        deadline: Deadline,
        id: OrderId,
        lines: &'a [Line],
    ) -> BoxFuture<'a, Reply>;
    /// Sells what is reserved.
    fn commit(&self, deadline: Deadline, id: OrderId) -> BoxFuture<'_, Reply>;
    /// Gives back what is reserved or sold, and closes the order over there.
    fn release(&self, deadline: Deadline, id: OrderId) -> BoxFuture<'_, Reply>;
}

/// Payments, as the saga sees it. As [`Stock`], every call is idempotent by
/// order id and unknown unless it is clear.
///
/// # Cancel safety
///
/// As [`Stock`].
pub trait Till: Send + Sync + 'static {
    /// Holds the money.
    fn authorize<'a>(
        &'a self,
        deadline: Deadline,
        id: OrderId,
        total: Money,
        method: &'a PaymentMethod,
    ) -> BoxFuture<'a, Reply>;
    /// Takes the money that is held.
    fn capture(&self, deadline: Deadline, id: OrderId) -> BoxFuture<'_, Reply>;
    /// Lets go of the money, and closes the payment over there.
    fn void(&self, deadline: Deadline, id: OrderId) -> BoxFuture<'_, Reply>;
    /// Returns the money that was taken.
    fn refund(&self, deadline: Deadline, id: OrderId) -> BoxFuture<'_, Reply>;
}
