//! The calls of a customer, and what the checker learns from each answer.

use shop_proto::orders::{Order, PlaceOrderRequest};
use shop_types::OrderId;
use tokio::time::Instant;
use watertight_core::join;

use super::{Session, schedule::Kind, session::since};
use crate::{
    catalog::ARTICLES,
    check::{Answer, Body, CallError, Door, Findings, Invariant, Slot, Status, Tracked, Verdict},
};

/// Orders that later calls pick from: the last so many.
const RECENT: usize = 2_000;

/// Of the orders read through the gateway, one in so many is followed by its
/// events.
const WATCHES: u64 = 5;

/// How many orders a call looks at before it finds none that fits.
const PICKS: u64 = 8;

/// A step between picks that visits them all.
const STRIDE: u64 = 1_009;

impl Session {
    /// PlaceOrder as the checker remembers it, for the first time or again.
    pub(crate) fn place_request(&self, slot: Slot) -> PlaceOrderRequest {
        let book = self.keeper.book();
        self.request(book.key(slot), book.customer(slot), book.get(slot).body)
    }

    fn request(&self, key: String, customer: String, body: Body) -> PlaceOrderRequest {
        PlaceOrderRequest {
            idempotency_key: key,
            customer_id: customer,
            lines: body.line_items(),
            payment_method: body.method().token().to_owned(),
        }
    }

    /// Places a planned order.
    pub(super) async fn place(&self, slot: Slot, due: Instant) {
        self.keeper.book().sent(slot);
        let door = self.keeper.book().get(slot).door;
        let answer = self.shop().place(door, self.place_request(slot)).await;
        self.stats().place(since(due));
        self.placed(slot, answer.as_ref()).await;
    }

    async fn placed(&self, slot: Slot, answer: Result<&Order, &CallError>) {
        let first = self.durable(self.keeper.placed(slot, answer).await);
        match answer {
            Ok(_order) if first == Some(true) => self.stats().order(),
            Ok(_order) => {}
            Err(error) => self.failed(error),
        }
    }

    /// Counts an error; one that stands for an answer which can't be is a
    /// violation, too.
    fn failed(&self, error: &CallError) {
        self.stats().error(error.kind());
        if error.is(CallError::CONTRADICTION) {
            let mut findings = self.keeper.findings();
            findings.add(Invariant::Contradiction, error);
        }
    }

    /// Places an order that the full book has no room for.
    pub(super) async fn place_untracked(&self, body: Body, door: Door, number: u64, due: Instant) {
        let key = format!("untracked-{}-{number}", self.keeper.run());
        let request = self.request(key, format!("untracked-{}", self.keeper.run()), body);
        let answer = self.shop().place(door, request).await;
        self.stats().place(since(due));
        match answer {
            Ok(_order) => self.stats().order(),
            Err(error) => self.failed(&error),
        }
    }

    /// Makes any other call of the schedule.
    pub(super) async fn call(&self, kind: Kind, door: Door, due: Instant) {
        match kind {
            Kind::Place => {}
            Kind::GetStock(article) => self.get_stock(article, door, due).await,
            Kind::GetOrder(pick) if door == Door::Http && pick.is_multiple_of(WATCHES) => {
                self.watch(pick, due).await;
            }
            Kind::GetOrder(pick) => self.get_order(pick, door, due).await,
            Kind::ListOrders(pick) => self.list_orders(pick, door, due).await,
            Kind::Cancel(pick) => self.cancel(pick, door).await,
            Kind::Repeat(pick) => self.repeat(pick, door).await,
            Kind::Reuse(pick) => self.reuse(pick, door).await,
        }
    }

    /// One of the recent orders that fits.
    fn pick(&self, pick: u64, fits: impl Fn(&Tracked) -> bool) -> Option<(Slot, Tracked)> {
        let book = self.keeper.book();
        let span = book.len().min(RECENT) as u64;
        let back = |i| usize::try_from((pick % span.max(1) + i * STRIDE) % span.max(1)).ok();
        (0..PICKS)
            .filter_map(|i| book.recent(back(i)?))
            .find(|(_, order)| fits(order))
    }

    async fn get_stock(&self, article: u8, door: Door, due: Instant) {
        let sku = ARTICLES[usize::from(article)].sku;
        let answer = self.shop().stock(door, sku).await;
        self.stats().read(since(due));
        match answer {
            Ok(stock) => {
                let found = crate::check::balance(&stock);
                self.keeper.findings().merge(found);
            }
            Err(error) => self.failed(&error),
        }
    }

    async fn get_order(&self, pick: u64, door: Door, due: Instant) {
        let Some((slot, tracked)) = self.pick(pick, Tracked::is_acknowledged) else {
            return;
        };
        let Answer::Order(id, _) = tracked.answer else {
            return;
        };
        let answer = self.shop().order(door, id.to_string()).await;
        self.stats().read(since(due));
        self.shown(slot, id, answer.as_ref().map(std::slice::from_ref));
    }

    /// Follows the events of an order to its end.
    async fn watch(&self, pick: u64, due: Instant) {
        if let Some((slot, tracked)) = self.pick(pick, Tracked::is_acknowledged) {
            self.follow(slot, tracked).await;
            self.stats().read(since(due));
        }
    }

    async fn follow(&self, slot: Slot, tracked: Tracked) {
        if let Answer::Order(id, _) = tracked.answer {
            let answer = self.shop().watch(&id.to_string()).await;
            self.shown(slot, id, answer.as_deref());
        }
    }

    /// Compares an acknowledged order with what a reader was shown of it.
    fn shown(&self, slot: Slot, id: OrderId, answer: Result<&[Order], &CallError>) {
        let mut found = Findings::default();
        match answer {
            Ok(orders) => {
                let body = self.keeper.book().get(slot).body;
                for order in orders {
                    if let Some(difference) = body.difference(order) {
                        found.add(Invariant::Changed, format!("order {id}: {difference}"));
                    }
                }
            }
            Err(error) if error.is("ORDER_NOT_FOUND") => {
                let key = self.keeper.book().key(slot);
                found.add(Invariant::Lost, format!("{key}, order {id}, while reading"));
            }
            Err(error) => self.failed(error),
        }
        self.keeper.findings().merge(found);
    }

    async fn list_orders(&self, pick: u64, door: Door, due: Instant) {
        let customer = match self.pick(pick, Tracked::is_acknowledged) {
            Some((slot, _)) if !pick.is_multiple_of(3) => self.keeper.book().customer(slot),
            _ => String::new(),
        };
        let answer = self.shop().last_orders(door, customer.clone(), 20).await;
        self.stats().read(since(due));
        match answer {
            Ok(orders) => {
                let strange = |owner: &str| !customer.is_empty() && owner != customer;
                if orders.iter().any(|order| strange(&order.customer_id)) {
                    let what = format!("{customer} was shown another customer's order");
                    self.keeper.findings().add(Invariant::Changed, what);
                }
            }
            Err(error) => self.failed(&error),
        }
    }

    async fn cancel(&self, pick: u64, door: Door) {
        let fits = |order: &Tracked| {
            matches!(
                order.answer,
                Answer::Order(_, Status::Confirmed | Status::Pending)
            ) && !order.is_cancelling()
        };
        let Some((slot, order)) = self.pick(pick, fits) else {
            return;
        };
        if self.durable(self.keeper.cancel(slot).await).is_some() {
            let cancel = self.cancel_by(door, slot);
            let outcome = match door {
                Door::Grpc => cancel.await,
                // Beside it somebody watches: few other orders are seen to change.
                Door::Http => join(cancel, self.follow(slot, order)).await.0,
            };
            self.stats().other();
            if let Err(error) = outcome {
                self.failed(&error);
            }
        }
    }

    /// Sends a cancellation that is noted already. `true` once it is settled.
    pub(crate) async fn cancel_again(&self, slot: Slot) -> Result<bool, CallError> {
        let door = self.keeper.book().get(slot).door;
        self.cancel_by(door, slot).await
    }

    async fn cancel_by(&self, door: Door, slot: Slot) -> Result<bool, CallError> {
        let Answer::Order(id, told) = self.keeper.book().get(slot).answer else {
            return Ok(true);
        };
        match self.shop().cancel(door, id.to_string()).await {
            Ok(order) if Status::of(order.status()) == Status::Cancelled => {
                Ok(self.durable(self.keeper.cancelled(slot).await).is_some())
            }
            Ok(order) => {
                self.keeper.book().reached(slot, Status::of(order.status()));
                Ok(false)
            }
            Err(error) if error.is("ORDER_REJECTED") => {
                if told == Status::Confirmed {
                    let what = format!("order {id} was confirmed, and is rejected when cancelled");
                    self.keeper.findings().add(Invariant::WrongEnd, what);
                }
                self.keeper.book().cancel_refused(slot);
                Ok(true)
            }
            Err(error) => Err(error),
        }
    }

    async fn repeat(&self, pick: u64, door: Door) {
        let fits = |order: &Tracked| matches!(order.answer, Answer::Order(..) | Answer::Sent);
        if let Some((slot, _)) = self.pick(pick, fits) {
            // Through any door: the key is what counts.
            let answer = self.shop().place(door, self.place_request(slot)).await;
            self.stats().other();
            self.placed(slot, answer.as_ref()).await;
        }
    }

    /// Repeats an order whose outcome isn't known. `true` once it is.
    pub(crate) async fn resolve(&self, slot: Slot) -> bool {
        let door = self.keeper.book().get(slot).door;
        let answer = self.shop().place(door, self.place_request(slot)).await;
        let known = match &answer {
            Ok(_order) => true,
            Err(error) => error.verdict() == Verdict::Fail,
        };
        self.durable(self.keeper.placed(slot, answer.as_ref()).await)
            .is_some()
            && known
    }

    async fn reuse(&self, pick: u64, door: Door) {
        let Some((slot, tracked)) = self.pick(pick, Tracked::is_acknowledged) else {
            return;
        };
        let mut request = self.place_request(slot);
        request.lines = tracked.body.altered().line_items();
        let key = request.idempotency_key.clone();
        let answer = self.shop().place(door, request).await;
        self.stats().other();
        match answer {
            Err(error) if error.is("IDEMPOTENCY_KEY_REUSED") => {}
            Err(error) if error.verdict() == Verdict::Unknown => {
                self.failed(&error);
            }
            other => {
                let what = format!("{key} with another body: {other:?}");
                self.keeper.findings().add(Invariant::KeyReused, what);
            }
        }
    }
}
