//! Cancelling an order.

use std::sync::Arc;

use shop_types::OrderId;
use watertight_core::{Deadline, Value};

use super::Refused;
use super::desk::Slot;
use super::job::{Worker, in_span};
use super::orders::{Inner, Orders};
use super::wait::Until;
use crate::model::{Order, State};
use crate::store::{Cancel, Cancelled, StoreError};

impl Orders {
    /// Cancels an order, and waits for the end until shortly before `deadline`;
    /// then answers the order as it stands.
    ///
    /// The wish is durable at once. A saga under way sees it at its next step
    /// and goes back; a confirmed order is refunded and its goods return.
    ///
    /// # Limits
    ///
    /// Takes a job, of which there are `jobs_max`.
    ///
    /// # Errors
    ///
    /// - [`Refused::NotFound`], final
    /// - [`Refused::AlreadyRejected`], final
    /// - [`Refused::TooManyOrdersInFlight`], retryable
    /// - [`Refused::Store`], retryable: cancelling twice is cancelling once
    ///
    /// # Cancel safety
    ///
    /// Safe: once begun, it goes on without the caller.
    pub async fn cancel(&self, deadline: Deadline, id: OrderId) -> Result<Arc<Order>, Refused> {
        let slot = self
            .inner
            .desk
            .slot()
            .ok_or(Refused::TooManyOrdersInFlight)?;
        let shop = Arc::clone(&self.inner);
        let note = self
            .inner
            .parts
            .scope
            .in_current_trace()
            .spawn("cancel", note(shop, slot, deadline, id));
        let noted = deadline
            .run(note)
            .await
            .map_err(|_passed| Refused::Deadline)?;
        let order = match noted.map_err(|_cancelled| Refused::ShuttingDown)?? {
            Noted::NotFound => return Err(Refused::NotFound(id)),
            Noted::Order(order) => self.inner.wait(Until::End, deadline, order).await?,
        };
        // It may have been rejected, or even confirmed, while we asked.
        if order.state == State::Rejected {
            return Err(Refused::AlreadyRejected(id));
        }
        Ok(order)
    }
}

enum Noted {
    NotFound,
    Order(Order),
}

/// Makes the wish durable and sees to it that somebody acts on it.
async fn note(
    shop: Arc<Inner>,
    slot: Slot,
    deadline: Deadline,
    id: OrderId,
) -> Result<Noted, StoreError> {
    let lease = shop.parts.settings.lease();
    let cancel = Cancel {
        id,
        owner: shop.owner,
        lease,
    };
    Ok(match shop.parts.store.cancel(deadline, cancel).await? {
        Cancelled::NotFound => Noted::NotFound,
        Cancelled::Over(order) => Noted::Order(order),
        Cancelled::Noted(order) => {
            shop.desk.folder(id).cancel();
            Noted::Order(order)
        }
        Cancelled::Reopened(claimed) => {
            let order = claimed.order.clone();
            // If a job is just about to leave, the sweeper takes over.
            if let Some(job) = shop.desk.begin(id, slot) {
                let worker = Worker::new(Arc::clone(&shop), job, claimed, true);
                let mut span = shop.parts.scope.job("saga");
                span.set("order.id", Value::shown(id));
                let scope = span.scope().clone();
                scope.spawn("saga", in_span(span, worker.run()));
            }
            Noted::Order(order)
        }
    })
}
