//! Placing an order: record it, then wait for what becomes of it.

use std::sync::Arc;

use shop_types::OrderId;
use tokio::sync::oneshot;
use watertight_core::{Deadline, Span, Value};

use super::Refused;
use super::desk::{Folder, Job, Slot};
use super::fingerprint::fingerprint;
use super::job::Worker;
use super::orders::{Inner, Orders};
use super::wait::Until;
use crate::model::{NewOrder, Order, Reason, State};
use crate::store::{Caller, Claimed, Fingerprint, Kept, Record, Recorded, StoreError, Ticket};

/// What the job tells the caller once it knows.
type Outcome = Result<Recorded, StoreError>;

impl Orders {
    /// Places an order once per key, and waits for its first end until shortly
    /// before `deadline`; then answers the order as it stands.
    ///
    /// Recording and saga are a job of the service; the caller only waits. The
    /// same key with the same body gives the same answer: the order at its first
    /// end, also if it was confirmed there and cancelled since.
    ///
    /// # Limits
    ///
    /// `jobs_max` jobs at once; at the bound only keys that are known get an
    /// answer, everything else is refused before it is recorded.
    ///
    /// # Errors
    ///
    /// - [`Refused::TooManyOrdersInFlight`], retryable
    /// - [`Refused::KeyReused`], final
    /// - [`Refused::BadOrder`]: recorded and rejected for what it asks for; final
    /// - [`Refused::Deadline`], [`Refused::Store`]: recorded or not; repeat it
    ///   with the same key
    ///
    /// # Cancel safety
    ///
    /// Dropped before the record is taken by the store, nothing happens at all;
    /// after that the order goes its way without the caller.
    pub async fn place(&self, deadline: Deadline, new: NewOrder) -> Result<Arc<Order>, Refused> {
        let fingerprint = fingerprint(&new);
        let Some(slot) = self.inner.desk.slot() else {
            return self.repeat(deadline, new, fingerprint).await;
        };
        let (caller, ticket) = Caller::new();
        let (outcome, folder) = self.start(deadline, slot, new, fingerprint, ticket)?;
        let recorded = deadline
            .run(outcome)
            .await
            .map_err(|_passed| Refused::Deadline)?;
        drop(caller);
        let order = match recorded.map_err(|_dropped| Refused::ShuttingDown)?? {
            Recorded::New(order) => {
                let order = Arc::new(order);
                let waiting = self
                    .inner
                    .wait_in(&folder, Until::FirstEnd, deadline, order);
                waiting.await
            }
            Recorded::Known(order) => self.inner.wait(Until::FirstEnd, deadline, order).await?,
            Recorded::KeyReused => return Err(Refused::KeyReused),
            // Only who has dropped the caller could see this.
            Recorded::CallerLeft => return Err(Refused::Deadline),
        };
        answer(order)
    }

    /// Starts the job that records the order and carries it on.
    fn start(
        &self,
        deadline: Deadline,
        slot: Slot,
        new: NewOrder,
        fingerprint: Fingerprint,
        ticket: Ticket,
    ) -> Result<(oneshot::Receiver<Outcome>, Arc<Folder>), Refused> {
        let inner = &self.inner;
        let id = OrderId::at(inner.now_ms());
        // The job is at the desk before the order is in the store, so that the
        // sweeper never takes it for one that nobody works on.
        let job = inner
            .desk
            .begin(id, slot)
            .ok_or(Refused::TooManyOrdersInFlight)?;
        let folder = Arc::clone(job.folder());
        let lease = inner.parts.settings.lease();
        let mut span = inner.parts.scope.job("saga");
        span.set("order.id", Value::shown(id));
        let scope = span.scope().clone();
        let record = Record {
            id,
            new,
            fingerprint,
            owner: inner.owner,
            lease,
            ticket,
            trace: scope.trace(),
        };
        let (tell, outcome) = oneshot::channel();
        let shop = Arc::clone(inner);
        scope.spawn(
            "saga",
            record_and_run(shop, job, deadline, record, tell, span),
        );
        Ok((outcome, folder))
    }

    /// No job is free: whoever repeats a key still gets its answer.
    async fn repeat(
        &self,
        deadline: Deadline,
        new: NewOrder,
        fingerprint: Fingerprint,
    ) -> Result<Arc<Order>, Refused> {
        let kept = self.inner.parts.store.by_key(deadline, new.key).await?;
        let Some(Kept {
            fingerprint: known,
            order,
        }) = kept
        else {
            return Err(Refused::TooManyOrdersInFlight);
        };
        if known != fingerprint {
            return Err(Refused::KeyReused);
        }
        answer(self.inner.wait(Until::FirstEnd, deadline, order).await?)
    }
}

async fn record_and_run(
    shop: Arc<Inner>,
    job: Job,
    deadline: Deadline,
    record: Record,
    tell: oneshot::Sender<Outcome>,
    span: Span,
) {
    let payment_method = record.new.payment_method.clone();
    let recorded = shop.parts.store.record(deadline, record).await;
    let new = match &recorded {
        Ok(Recorded::New(order)) => Some(order.clone()),
        _ => None,
    };
    if new.is_some() {
        span.scope().event("order.recorded", Vec::new);
        shop.parts.faults.point("orders.recorded");
    }
    // The caller may have left; then there is nobody to tell.
    drop(tell.send(recorded));
    if let Some(order) = new {
        let fence = Recorded::FIRST_FENCE;
        let claimed = Claimed {
            order,
            fence,
            payment_method: Some(payment_method),
            trace: span.scope().trace(),
        };
        Worker::new(shop, job, claimed, false).run().await;
    }
}

/// The first end, whatever came after it. Orders that ask for what can't be are
/// the caller's fault, and an error.
fn answer(order: Arc<Order>) -> Result<Arc<Order>, Refused> {
    let order = order.at_first_end().map_or(order, Arc::new);
    let is_bad = order.state == State::Rejected
        && order
            .rejection
            .as_ref()
            .is_some_and(|why| match why.reason {
                Reason::UnknownSku | Reason::MixedCurrency | Reason::TotalOverflow => true,
                Reason::OutOfStock
                | Reason::PaymentDeclined
                | Reason::TimedOut
                | Reason::ReservationLost => false,
            });
    if is_bad {
        Err(Refused::BadOrder(order))
    } else {
        Ok(order)
    }
}
