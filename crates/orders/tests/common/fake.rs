//! Inventory and payments that do as the test says: over sockets, or in-process.

use std::collections::{HashMap, HashSet, VecDeque};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_core::Stream;
use futures_core::future::BoxFuture;
use orders::model::{Line, Reason};
use orders::service::{Call, Refusal, Reply, Stock, Till};
use shop_proto::inventory::inventory_service_server::{InventoryService, InventoryServiceServer};
use shop_proto::payments::payments_service_server::{PaymentsService, PaymentsServiceServer};
use shop_proto::{errors, inventory, payments};
use shop_types::{Money, OrderId, PaymentMethod, Quantity, Sku};
use tokio::sync::watch;
use tonic::metadata::MetadataMap;
use tonic::{Code, Request, Response, Status, Streaming};
use watertight::{App, Running, parse_grpc_timeout};
use watertight_core::Deadline;

use crate::world::{Asked, World};

/// What happens to the next call of a kind.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Fate {
    /// It is done, and the answer is lost.
    ReplyLost,
    /// It is not done, and nobody says so.
    RequestLost,
    /// It never answers; whether it is done doesn't matter.
    Silent,
}

/// Both services, with a script.
#[derive(Clone)]
pub(crate) struct Fake {
    inner: Arc<Inner>,
}

struct Inner {
    world: Mutex<World>,
    script: Mutex<HashMap<Call, VecDeque<Fate>>>,
    held: watch::Sender<HashSet<Call>>,
    /// Which trace each call over the wire belonged to.
    traces: Mutex<Vec<(Call, String)>>,
    /// How much time each call over the wire was given.
    given: Mutex<Vec<(Call, Duration)>>,
    /// Calls over the wire that were ended before they were answered.
    given_up: Mutex<Vec<Call>>,
}

/// A call over the wire that isn't answered yet.
struct Waits<'a> {
    fake: &'a Fake,
    call: Call,
    answered: bool,
}

impl Drop for Waits<'_> {
    fn drop(&mut self) {
        if !self.answered {
            self.fake.inner.given_up.lock().unwrap().push(self.call);
        }
    }
}

impl Fake {
    pub(crate) fn new(available: i64) -> Self {
        let inner = Inner {
            world: Mutex::new(World::new(available)),
            script: Mutex::default(),
            held: watch::Sender::default(),
            traces: Mutex::default(),
            given: Mutex::default(),
            given_up: Mutex::default(),
        };
        Self {
            inner: Arc::new(inner),
        }
    }

    pub(crate) fn world(&self) -> MutexGuard<'_, World> {
        self.inner
            .world
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn traces(&self) -> Vec<(Call, String)> {
        self.inner.traces.lock().unwrap().clone()
    }

    /// How much time each call over the wire was given, in order.
    pub(crate) fn given(&self) -> Vec<(Call, Duration)> {
        self.inner.given.lock().unwrap().clone()
    }

    /// Whether a call of this kind was ended before it was answered.
    pub(crate) fn was_given_up(&self, call: Call) -> bool {
        self.inner.given_up.lock().unwrap().contains(&call)
    }

    /// The next calls of this kind go this way, later ones well.
    pub(crate) fn script(&self, call: Call, fates: impl IntoIterator<Item = Fate>) {
        let mut script = self
            .inner
            .script
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        script.entry(call).or_default().extend(fates);
    }

    /// Calls of this kind wait, not yet done, until they are let go.
    pub(crate) fn hold(&self, call: Call) {
        self.inner.held.send_if_modified(|held| held.insert(call));
    }

    pub(crate) fn let_go(&self, call: Call) {
        self.inner.held.send_if_modified(|held| held.remove(&call));
    }

    /// Waits until a call of this kind has come.
    pub(crate) async fn called(&self, call: Call, times: u32) {
        testkit::wait_until_async(testkit::LIVENESS, || async {
            self.world().calls(call) >= times
        })
        .await;
    }

    async fn take(&self, asked: Asked) -> Reply {
        let call = asked.call;
        let fate = self.next_fate(call);
        if matches!(fate, Some(Fate::RequestLost)) {
            return Reply::Unknown;
        }
        if matches!(fate, Some(Fate::Silent)) {
            return std::future::pending().await;
        }
        let mut held = self.inner.held.subscribe();
        // The sender lives as long as we do.
        let _let_go = held.wait_for(|held| !held.contains(&call)).await;
        let reply = self.world().take(&asked);
        match fate {
            Some(Fate::ReplyLost) => Reply::Unknown,
            _ => reply,
        }
    }

    fn next_fate(&self, call: Call) -> Option<Fate> {
        let mut script = self
            .inner
            .script
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        script.get_mut(&call).and_then(VecDeque::pop_front)
    }

    fn boxed(&self, asked: Asked) -> BoxFuture<'_, Reply> {
        Box::pin(self.take(asked))
    }

    /// Serves both on a port of their own.
    pub(crate) async fn serve(&self) -> Running {
        let args = [
            "fake",
            "--listen",
            "127.0.0.1:0",
            "--unready",
            "0s",
            "--drain",
            "100ms",
        ];
        App::new("fake", args.map(Into::into).to_vec())
            .grpc(InventoryServiceServer::new(self.clone()))
            .grpc(PaymentsServiceServer::new(self.clone()))
            .start()
            .await
            .unwrap()
    }

    async fn over_the_wire(&self, sent: &MetadataMap, asked: Asked) -> Result<Reply, Status> {
        let call = asked.call;
        let given = sent.get("grpc-timeout").unwrap().to_str().unwrap();
        let given = parse_grpc_timeout(given).unwrap();
        self.inner.given.lock().unwrap().push((call, given));
        let trace = watertight_core::current_trace().unwrap();
        let trace = trace.trace_id().to_string();
        self.inner.traces.lock().unwrap().push((call, trace));
        let mut waits = Waits {
            fake: self,
            call,
            answered: false,
        };
        let reply = self.take(asked).await;
        waits.answered = true;
        match reply {
            Reply::Unknown => Err(Status::unavailable("lost on the way")),
            Reply::Refused(refusal) => Err(status(call, &refusal)),
            reply @ (Reply::Done | Reply::Reserved(_)) => Ok(reply),
        }
    }
}

/// What was asked about the order of this name.
fn asked_of(call: Call, id: &str) -> Asked {
    let asked = asked(call, id.parse().unwrap());
    assert_eq!(asked.id.to_string(), id);
    asked
}

fn asked(call: Call, id: OrderId) -> Asked {
    Asked {
        call,
        id,
        lines: vec![],
        method: String::new(),
    }
}

/// The reason that the real service would give.
fn status(call: Call, refusal: &Refusal) -> Status {
    let refused = |code, reason: &str| errors::refused(code, "fake", reason, "no");
    match refusal {
        Refusal::Business(why) if why.reason == Reason::OutOfStock => {
            with_sku(Code::FailedPrecondition, "OUT_OF_STOCK", &why.detail)
        }
        Refusal::Business(why) if why.reason == Reason::UnknownSku => {
            with_sku(Code::NotFound, "SKU_NOT_FOUND", &why.detail)
        }
        Refusal::Business(why) => refused(Code::FailedPrecondition, why.reason.name()),
        Refusal::ReservationLost if call == Call::Commit => {
            refused(Code::FailedPrecondition, "RESERVATION_LOST")
        }
        Refusal::ReservationLost => refused(Code::FailedPrecondition, "RESERVATION_CLOSED"),
        Refusal::PaymentClosed(_) => refused(Code::FailedPrecondition, "PAYMENT_CLOSED"),
        Refusal::AlreadyCaptured => refused(Code::FailedPrecondition, "PAYMENT_CAPTURED"),
        Refusal::PaymentMissing => refused(Code::NotFound, "PAYMENT_NOT_FOUND"),
        Refusal::NotCaptured => refused(Code::FailedPrecondition, "PAYMENT_NOT_CAPTURED"),
    }
}

fn with_sku(code: Code, reason: &str, sku: &str) -> Status {
    errors::refused_with(code, "fake", reason, "no", [("sku", sku.to_owned())])
}

impl Stock for Fake {
    fn reserve<'a>(&'a self, _: Deadline, id: OrderId, lines: &'a [Line]) -> BoxFuture<'a, Reply> {
        self.boxed(Asked {
            lines: lines.to_vec(),
            ..asked(Call::Reserve, id)
        })
    }

    fn commit(&self, _: Deadline, id: OrderId) -> BoxFuture<'_, Reply> {
        self.boxed(asked(Call::Commit, id))
    }

    fn release(&self, _: Deadline, id: OrderId) -> BoxFuture<'_, Reply> {
        self.boxed(asked(Call::Release, id))
    }
}

impl Till for Fake {
    fn authorize<'a>(
        &'a self,
        _: Deadline,
        id: OrderId,
        _: Money,
        method: &'a PaymentMethod,
    ) -> BoxFuture<'a, Reply> {
        self.boxed(Asked {
            method: method.as_str().to_owned(),
            ..asked(Call::Authorize, id)
        })
    }

    fn capture(&self, _: Deadline, id: OrderId) -> BoxFuture<'_, Reply> {
        self.boxed(asked(Call::Capture, id))
    }

    fn void(&self, _: Deadline, id: OrderId) -> BoxFuture<'_, Reply> {
        self.boxed(asked(Call::Void, id))
    }

    fn refund(&self, _: Deadline, id: OrderId) -> BoxFuture<'_, Reply> {
        self.boxed(asked(Call::Refund, id))
    }
}

type NoStream<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

fn nobody_asks<T>() -> Result<Response<T>, Status> {
    Err(Status::unimplemented("orders doesn't call this"))
}

#[tonic::async_trait]
impl InventoryService for Fake {
    type WatchStockStream = NoStream<inventory::WatchStockResponse>;

    async fn reserve(
        &self,
        request: Request<inventory::ReserveRequest>,
    ) -> Result<Response<inventory::ReserveResponse>, Status> {
        let (sent, _, request) = request.into_parts();
        let line = |line: &inventory::ReservationLine| Line {
            sku: Sku::new(line.sku.as_str()).unwrap(),
            quantity: Quantity::new(line.quantity).unwrap(),
            unit_price: None,
        };
        let lines = request.lines.iter().map(line).collect();
        let asked = Asked {
            lines,
            ..asked_of(Call::Reserve, &request.order_id)
        };
        let reply = self.over_the_wire(&sent, asked).await?;
        let Reply::Reserved(priced) = reply else {
            return nobody_asks();
        };
        let wire = |line: &Line| inventory::PricedReservationLine {
            sku: line.sku.as_str().to_owned(),
            quantity: line.quantity.get(),
            unit_price: line.unit_price.map(Into::into),
        };
        // In another order than asked for, as inventory sorts by SKU.
        let lines = priced.lines.iter().rev().map(wire).collect();
        let total = Some(priced.total.into());
        Ok(Response::new(inventory::ReserveResponse {
            lines,
            total,
            expire_time: None,
        }))
    }

    async fn commit(
        &self,
        request: Request<inventory::CommitRequest>,
    ) -> Result<Response<inventory::CommitResponse>, Status> {
        let asked = asked_of(Call::Commit, &request.get_ref().order_id);
        self.over_the_wire(request.metadata(), asked).await?;
        Ok(Response::new(inventory::CommitResponse::default()))
    }

    async fn release(
        &self,
        request: Request<inventory::ReleaseRequest>,
    ) -> Result<Response<inventory::ReleaseResponse>, Status> {
        let asked = asked_of(Call::Release, &request.get_ref().order_id);
        self.over_the_wire(request.metadata(), asked).await?;
        Ok(Response::new(inventory::ReleaseResponse::default()))
    }

    async fn get_stock(
        &self,
        _: Request<inventory::GetStockRequest>,
    ) -> Result<Response<inventory::GetStockResponse>, Status> {
        nobody_asks()
    }

    async fn list_stock(
        &self,
        _: Request<inventory::ListStockRequest>,
    ) -> Result<Response<inventory::ListStockResponse>, Status> {
        nobody_asks()
    }

    async fn receive_stock(
        &self,
        _: Request<inventory::ReceiveStockRequest>,
    ) -> Result<Response<inventory::ReceiveStockResponse>, Status> {
        nobody_asks()
    }

    async fn watch_stock(
        &self,
        _: Request<inventory::WatchStockRequest>,
    ) -> Result<Response<Self::WatchStockStream>, Status> {
        nobody_asks()
    }

    async fn import_catalog(
        &self,
        _: Request<Streaming<inventory::ImportCatalogRequest>>,
    ) -> Result<Response<inventory::ImportCatalogResponse>, Status> {
        nobody_asks()
    }
}

#[tonic::async_trait]
impl PaymentsService for Fake {
    async fn authorize(
        &self,
        request: Request<payments::AuthorizeRequest>,
    ) -> Result<Response<payments::AuthorizeResponse>, Status> {
        let (sent, _, request) = request.into_parts();
        let asked = Asked {
            method: request.payment_method,
            ..asked_of(Call::Authorize, &request.order_id)
        };
        self.over_the_wire(&sent, asked).await?;
        Ok(Response::new(payments::AuthorizeResponse::default()))
    }

    async fn capture(
        &self,
        request: Request<payments::CaptureRequest>,
    ) -> Result<Response<payments::CaptureResponse>, Status> {
        let asked = asked_of(Call::Capture, &request.get_ref().order_id);
        self.over_the_wire(request.metadata(), asked).await?;
        Ok(Response::new(payments::CaptureResponse::default()))
    }

    async fn void(
        &self,
        request: Request<payments::VoidRequest>,
    ) -> Result<Response<payments::VoidResponse>, Status> {
        let asked = asked_of(Call::Void, &request.get_ref().order_id);
        self.over_the_wire(request.metadata(), asked).await?;
        Ok(Response::new(payments::VoidResponse::default()))
    }

    async fn refund(
        &self,
        request: Request<payments::RefundRequest>,
    ) -> Result<Response<payments::RefundResponse>, Status> {
        let asked = asked_of(Call::Refund, &request.get_ref().order_id);
        self.over_the_wire(request.metadata(), asked).await?;
        Ok(Response::new(payments::RefundResponse::default()))
    }

    async fn get_payment(
        &self,
        _: Request<payments::GetPaymentRequest>,
    ) -> Result<Response<payments::GetPaymentResponse>, Status> {
        nobody_asks()
    }

    async fn list_payments(
        &self,
        _: Request<payments::ListPaymentsRequest>,
    ) -> Result<Response<payments::ListPaymentsResponse>, Status> {
        nobody_asks()
    }
}
