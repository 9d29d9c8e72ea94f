//! One try at a saga: calls, durable steps, pauses.

use std::sync::Arc;
use std::time::{Duration, Instant};

use shop_types::PaymentMethod;
use watertight_core::{Deadline, Scope, Span};

use super::desk::Job;
use super::orders::Inner;
use super::{After, Backoff, Call, Next, Refusal, Reply, Saga, Step};
use crate::audit::Entry;
use crate::model::{FirstEnd, Order, Priced, State};
use crate::store::{Advance, Advanced, Claimed, StoreError};

/// A job at work on one order, under one lease.
///
/// It ends when the saga does, when its try is over (the sweeper begins the next
/// one), when the lease is somebody else's, or when the service shuts down. It
/// may be dropped at any await: what is durable is where the next one goes on.
pub(super) struct Worker {
    shop: Arc<Inner>,
    job: Job,
    saga: Saga,
    order: Order,
    fence: i64,
    payment_method: Option<PaymentMethod>,
    deadline: Deadline,
    backoff: Backoff,
    /// When the last step was made.
    since: Instant,
}

/// The job can't go on; somebody else will, or has.
struct Stop;

impl Worker {
    /// A worker on what was claimed; `resumed` as [`Saga::new`] says.
    pub(super) fn new(shop: Arc<Inner>, job: Job, claimed: Claimed, resumed: bool) -> Self {
        let settings = &shop.parts.settings;
        Self {
            saga: Saga::new(&claimed.order, resumed, settings.forward_max),
            deadline: Deadline::after(settings.try_max),
            order: claimed.order,
            fence: claimed.fence,
            payment_method: claimed.payment_method,
            backoff: Backoff::default(),
            since: Instant::now(),
            shop,
            job,
        }
    }

    /// Works until one of the ends above.
    pub(super) async fn run(mut self) {
        let shop = Arc::clone(&self.shop);
        shop.meters.jobs.increment(1.0);
        let _running = Decrement(&shop);
        let deadline = self.deadline;
        if deadline.run(self.work()).await.is_err() {
            let (order, state) = (self.order.id, self.saga.state().name());
            // Thousands may say so at once while a dependency is away: the
            // counters of retries tell operators, this tells who looks closer.
            tracing::debug!(%order, state, "try is over, the sweeper goes on");
        }
    }

    async fn work(&mut self) {
        self.job.folder().publish(Arc::new(self.order.clone()));
        // A stop has been logged where it happened.
        let (Ok(()) | Err(Stop)) = self.steps().await;
    }

    async fn steps(&mut self) -> Result<(), Stop> {
        loop {
            if self.job.is_cancelled() {
                self.saga.cancel();
            }
            match self.saga.next(self.shop.now_ms()) {
                Next::End => return Ok(()),
                Next::Step(step) => self.advance(step).await?,
                Next::Call(call) => self.try_call(call).await?,
            }
        }
    }

    async fn try_call(&mut self, call: Call) -> Result<(), Stop> {
        let reply = self.call(call).await;
        self.shop.parts.faults.point(replied_point(call));
        if reply == Reply::Refused(Refusal::PaymentMissing) {
            self.shop.note_missing_payment(self.order.id);
        }
        match self.saga.reply(reply) {
            After::Step(step) => self.advance(step).await,
            After::Again => {
                self.shop.meters.retry(call);
                self.pause().await;
                Ok(())
            }
        }
    }

    /// Makes a call under its own deadline, once it is its turn. No answer in
    /// time is unknown.
    async fn call(&self, call: Call) -> Reply {
        let settings = &self.shop.parts.settings;
        let (calls, max) = match call {
            Call::Reserve | Call::Commit | Call::Release => {
                (&self.shop.stock_calls, settings.stock_call_max)
            }
            Call::Authorize | Call::Capture | Call::Refund | Call::Void => {
                (&self.shop.till_calls, settings.till_call_max)
            }
        };
        // Ends with the try at the latest. It is never closed.
        let Ok(_turn) = calls.acquire().await else {
            return Reply::Unknown;
        };
        let deadline = Deadline::after(max).min(self.deadline);
        let mut span = self.scope().span(call.name());
        let asked = span.ambient(self.dispatch(call, deadline));
        let reply = deadline.run(asked).await.unwrap_or(Reply::Unknown);
        match &reply {
            Reply::Reserved(_) | Reply::Done => {}
            // An answer like any other: out of stock, declined.
            Reply::Refused(_) => span.set("order.refused", true),
            Reply::Unknown => span.fail("the outcome is unknown"),
        }
        reply
    }

    async fn dispatch(&self, call: Call, deadline: Deadline) -> Reply {
        let (id, parts) = (self.order.id, &self.shop.parts);
        match call {
            Call::Reserve => parts.stock.reserve(deadline, id, &self.order.lines).await,
            Call::Authorize => match (self.order.total, &self.payment_method) {
                (Some(total), Some(method)) => {
                    parts.till.authorize(deadline, id, total, method).await
                }
                // Neither can be missing here, see the steps of the store.
                _ => Reply::Unknown,
            },
            Call::Capture => parts.till.capture(deadline, id).await,
            Call::Commit => parts.stock.commit(deadline, id).await,
            Call::Refund => parts.till.refund(deadline, id).await,
            Call::Void => parts.till.void(deadline, id).await,
            Call::Release => parts.stock.release(deadline, id).await,
        }
    }

    /// Makes the step durable, however often the store must be asked.
    async fn advance(&mut self, step: Step) -> Result<(), Stop> {
        if step.pause {
            self.pause().await;
        }
        loop {
            let advanced = self
                .shop
                .parts
                .store
                .advance(self.deadline, self.to_store(&step));
            match advanced.await {
                Ok(Advanced::Done {
                    updated_ms,
                    cancel_requested,
                }) => {
                    self.moved(step, updated_ms, cancel_requested);
                    return Ok(());
                }
                Ok(Advanced::CancelCame) => {
                    // Not confirmed: ask the saga again, which turns back now.
                    self.saga.cancel();
                    return Ok(());
                }
                Err(error) => self.not_stored(&error).await?,
            }
        }
    }

    fn to_store(&self, step: &Step) -> Advance {
        Advance {
            id: self.order.id,
            fence: self.fence,
            version: self.order.version,
            to: step.to,
            priced: step.priced.clone(),
            rejection: step.rejection.clone(),
        }
    }

    async fn not_stored(&mut self, error: &StoreError) -> Result<(), Stop> {
        let order = self.order.id;
        match error {
            StoreError::Retry(_) | StoreError::Unavailable(_) | StoreError::Unknown(_) => {
                self.shop.meters.store_retries.increment(1);
                self.pause().await;
                Ok(())
            }
            StoreError::Conflict(why) => {
                self.shop.meters.lost.increment(1);
                tracing::warn!(%order, why, "lease lost, somebody else goes on");
                Err(Stop)
            }
            StoreError::Corrupt(why) => {
                self.shop.leave_alone(order, why);
                Err(Stop)
            }
        }
    }

    fn moved(&mut self, step: Step, updated_ms: i64, cancel_requested: bool) {
        self.shop
            .meters
            .step(self.saga.state(), self.since.elapsed());
        self.since = Instant::now();
        if !step.pause {
            self.backoff.reset();
        }
        self.saga.moved(&step);
        if cancel_requested {
            self.saga.cancel();
        }
        self.note(step, updated_ms, cancel_requested);
        let order = &self.order;
        self.scope().event(event(order.state), || {
            vec![("order.version", order.version.into())]
        });
        self.job.folder().publish(Arc::new(self.order.clone()));
        if let Some(point) = moved_point(self.order.state) {
            self.shop.parts.faults.point(point);
        }
        if self.order.state.is_end() {
            self.shop.meters.ended(&self.order);
            self.audit();
        }
    }

    /// Under the scope of the job, which is in the trace of the request that
    /// began it; the request itself may be gone.
    fn audit(&self) {
        let scope = self.scope();
        self.shop.parts.audit.note(&scope, Entry::of(&self.order));
    }

    /// Of the job: it runs under it.
    fn scope(&self) -> Scope {
        watertight_core::current().unwrap_or_else(|| self.shop.parts.scope.clone())
    }

    fn note(&mut self, step: Step, updated_ms: i64, cancel_requested: bool) {
        let order = &mut self.order;
        order.state = step.to;
        order.rejection = step.rejection;
        order.version += 1;
        order.updated_ms = updated_ms;
        order.cancel_requested = cancel_requested;
        if step.to.is_end() {
            order.first_end.get_or_insert(FirstEnd {
                state: step.to,
                version: order.version,
                updated_ms,
            });
        }
        if let Some(Priced { lines, total }) = step.priced {
            order.lines = lines;
            order.total = Some(total);
        }
    }

    /// Pauses, unless somebody wants the job to look up.
    async fn pause(&mut self) {
        let pause: Duration = self.backoff.pause(rand::random());
        // Either end of the pause is as good.
        let _nudged_or_over = Deadline::after(pause).run(self.job.nudged()).await;
    }
}

/// Counts a job down however it ends.
struct Decrement<'a>(&'a Inner);

impl Drop for Decrement<'_> {
    fn drop(&mut self) {
        self.0.meters.jobs.decrement(1.0);
    }
}

/// Runs a job, and ends its span with it.
pub(super) async fn in_span(span: Span, job: impl Future<Output = ()>) {
    job.await;
    drop(span);
}

/// What a trace says when an order has come to a state.
fn event(state: State) -> &'static str {
    match state {
        State::Recorded => "order.recorded",
        State::Reserved => "order.reserved",
        State::Authorized => "order.authorized",
        State::Captured => "order.captured",
        State::Confirmed => "order.confirmed",
        State::Refunding => "order.refunding",
        State::Voiding => "order.voiding",
        State::Releasing => "order.releasing",
        State::Rejected => "order.rejected",
        State::Cancelled => "order.cancelled",
    }
}

fn replied_point(call: Call) -> &'static str {
    match call {
        Call::Reserve => "orders.reserve.replied",
        Call::Authorize => "orders.authorize.replied",
        Call::Capture => "orders.capture.replied",
        Call::Commit => "orders.commit.replied",
        Call::Refund => "orders.refund.replied",
        Call::Void => "orders.void.replied",
        Call::Release => "orders.release.replied",
    }
}

fn moved_point(state: State) -> Option<&'static str> {
    match state {
        State::Reserved => Some("orders.reserved"),
        State::Authorized => Some("orders.authorized"),
        State::Captured => Some("orders.captured"),
        State::Confirmed => Some("orders.confirmed"),
        State::Recorded
        | State::Refunding
        | State::Voiding
        | State::Releasing
        | State::Rejected
        | State::Cancelled => None,
    }
}
