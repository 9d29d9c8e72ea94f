//! Sends the clients of a storm, and counts how their visits ended.

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use http::{Method, Request, StatusCode};
use shop_proto::orders::{Order, PlaceOrderRequest};
use tokio::{sync::Semaphore, time::Instant};
use tonic::transport::{Channel, Endpoint};
use watertight_core::{Deadline, Scope};

use super::{
    grpc::Grpc,
    http1, http2,
    plan::{Get, Visit, Wire, Wish},
};
use crate::{
    check::{CallError, Slot},
    load::Session,
    services::Service,
    shop::{place_body, placed},
    stage::DemoError,
    supervise::Plan,
};

/// Clients under way at most; the next one waits, and is late.
const IN_FLIGHT_MAX: u32 = 768;

/// Connections of each kind that carry many requests: with 256 streams each,
/// nobody waits for a stream.
const CONNECTIONS: usize = 4;

/// How long a client waits who doesn't leave.
const PATIENCE: Duration = Duration::from_secs(15);

/// Orders that visits pick from: the last so many.
const RECENT: i32 = 50;

/// Of these, the ones that are watched: the last, which are still under way.
const WATCHED: u64 = 8;

/// How often they are looked up.
const RECENT_PERIOD: Duration = Duration::from_millis(100);

/// How a visit ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Left,
    Answered,
    Failed(&'static str),
}

/// Visits of one wire by how they ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub(super) struct Count {
    pub(super) requests: u64,
    pub(super) cancelled: u64,
    pub(super) answered: u64,
    pub(super) failed: u64,
}

/// All visits.
#[derive(Clone, Debug, Default)]
pub(super) struct Counts {
    pub(super) wires: BTreeMap<&'static str, Count>,
    /// Failures by kind.
    pub(super) errors: BTreeMap<&'static str, u64>,
}

impl Counts {
    fn add(&mut self, wire: Wire, end: End) {
        let count = self.wires.entry(wire.name()).or_default();
        count.requests += 1;
        match end {
            End::Left => count.cancelled += 1,
            End::Answered => count.answered += 1,
            End::Failed(kind) => {
                count.failed += 1;
                *self.errors.entry(kind).or_default() += 1;
            }
        }
    }

    /// Over all wires.
    pub(super) fn sum(&self, of: fn(&Count) -> u64) -> u64 {
        self.wires.values().map(of).sum()
    }
}

/// The clients of one shop.
#[derive(Debug)]
pub(super) struct Runner {
    session: Arc<Session>,
    gateway: SocketAddr,
    http2: Vec<Channel>,
    grpc: Vec<Grpc>,
    recent: Mutex<Vec<String>>,
    counts: Mutex<Counts>,
    /// Whether clients wait for their answers.
    patient: bool,
}

/// One client under way.
#[derive(Clone, Copy, Debug)]
struct Client<'a> {
    runner: &'a Runner,
    number: usize,
    visit: Visit,
    leave: Duration,
}

/// What a client has of an answer; `None` if it left before.
type Answer<T> = Option<Result<T, CallError>>;

impl Runner {
    /// Clients of the shop that `plan` describes.
    ///
    /// # Errors
    ///
    /// [`DemoError::Client`] if an address is none, which a plan's never is.
    pub(super) fn new(
        session: Arc<Session>,
        plan: &Plan,
        patient: bool,
    ) -> Result<Self, DemoError> {
        let channel =
            |service| Ok::<_, DemoError>(Endpoint::from_shared(plan.url(service))?.connect_lazy());
        let grpc = || {
            Ok(Grpc::new(
                channel(Service::Orders)?,
                channel(Service::Inventory)?,
            ))
        };
        Ok(Self {
            session,
            gateway: SocketAddr::from(([127, 0, 0, 1], plan.ports.main(Service::Gateway))),
            http2: (0..CONNECTIONS)
                .map(|_| channel(Service::Gateway))
                .collect::<Result<_, _>>()?,
            grpc: (0..CONNECTIONS)
                .map(|_| grpc())
                .collect::<Result<_, DemoError>>()?,
            recent: Mutex::default(),
            counts: Mutex::default(),
            patient,
        })
    }

    /// What ended so far.
    pub(super) fn counts(&self) -> Counts {
        lock(&self.counts).clone()
    }

    /// Sends `visits` at `rps` a second and waits until the last client is gone.
    ///
    /// # Cancel safety
    ///
    /// Dropped, clients under way go on until `scope` ends.
    pub(super) async fn run(
        self: &Arc<Self>,
        scope: &Scope,
        visits: impl Iterator<Item = Visit>,
        rps: f64,
    ) {
        let scope = scope.child("storm");
        self.look_up().await;
        let runner = Arc::clone(self);
        scope.every("recent orders", RECENT_PERIOD, move |_scope| {
            let runner = Arc::clone(&runner);
            async move { runner.look_up().await }
        });
        let in_flight = Arc::new(Semaphore::new(IN_FLIGHT_MAX as usize));
        let start = Instant::now();
        for (number, visit) in visits.enumerate() {
            // From the number, not by adding up: rounding must not drift.
            let due = start + Duration::from_secs_f64(number as f64 / rps);
            let wait = due.saturating_duration_since(Instant::now());
            if !wait.is_zero() && scope.pause(wait).await.is_err() {
                break;
            }
            // Nobody closes it.
            let Ok(permit) = Arc::clone(&in_flight).acquire_owned().await else {
                break;
            };
            let runner = Arc::clone(self);
            drop(scope.spawn("visit", async move {
                let client = Client {
                    runner: &runner,
                    number,
                    visit,
                    leave: if runner.patient {
                        PATIENCE
                    } else {
                        visit.leave
                    },
                };
                let end = client.visit().await;
                lock(&runner.counts).add(visit.wire, end);
                drop(permit);
            }));
        }
        // All of them are back.
        drop(in_flight.acquire_many(IN_FLIGHT_MAX).await);
        scope.close(Duration::from_secs(1)).await;
    }

    /// Which orders are the last: those that are still under way among them.
    async fn look_up(&self) {
        let door = Wire::Grpc.door();
        let orders = self
            .session
            .shop()
            .last_orders(door, String::new(), RECENT)
            .await;
        // A look that fails leaves what was known.
        if let Ok(orders) = orders
            && !orders.is_empty()
        {
            *lock(&self.recent) = orders.into_iter().map(|order| order.id).collect();
        }
    }

    fn pick(&self, pick: u64) -> String {
        let recent = lock(&self.recent);
        let at = usize::try_from(pick % (recent.len().max(1) as u64)).unwrap_or(0);
        let none = || uuid::Uuid::nil().to_string();
        recent.get(at).cloned().unwrap_or_else(none)
    }
}

impl Client<'_> {
    async fn visit(&self) -> End {
        match self.visit.wish {
            Wish::Place(body) => {
                let door = self.visit.wire.door();
                let planned = self.runner.session.keeper.plan(&[(body, door)]).await;
                match planned.map(|slots| slots.first().copied().flatten()) {
                    Ok(Some(slot)) => self.place(slot).await,
                    // No journal is kept, so it is the book that is full.
                    Ok(None) | Err(_) => End::Failed("book full"),
                }
            }
            Wish::Get(get) if self.visit.wire == Wire::Grpc => self.get_grpc(get).await,
            Wish::Get(get) => self.get_http(get).await,
        }
    }

    fn grpc(&self) -> &Grpc {
        &self.runner.grpc[self.number % CONNECTIONS]
    }

    async fn get_grpc(&self, get: Get) -> End {
        let (grpc, runner) = (self.grpc(), self.runner);
        let call = async {
            match get {
                Get::Watch(pick) => grpc.watch(runner.pick(pick % WATCHED)).await,
                Get::Read(pick) => grpc.read(runner.pick(pick)).await,
                Get::Stock(sku) => grpc.stock(sku).await,
            }
        };
        let answer = Deadline::after(self.leave).run(call).await.ok();
        End::of(answer.as_ref())
    }

    async fn get_http(&self, get: Get) -> End {
        let path = match get {
            Get::Watch(pick) => format!("/v1/orders/{}/events", self.runner.pick(pick % WATCHED)),
            Get::Read(pick) => format!("/v1/orders/{}", self.runner.pick(pick)),
            Get::Stock(sku) => format!("/v1/stock/{sku}"),
        };
        match self.http(Method::GET, &path, None, Bytes::new()).await {
            Some(Ok((status, _))) if !status.is_success() => End::Failed("refused"),
            answer => End::of(answer.as_ref()),
        }
    }

    /// Places an order; the checker is told what is known of it.
    async fn place(&self, slot: Slot) -> End {
        let session = &self.runner.session;
        session.keeper.book().sent(slot);
        let answer = self.place_by(session.place_request(slot)).await;
        let end = End::of(answer.as_ref());
        // Of whom left nobody knows whether the order came to be.
        let told = answer.unwrap_or_else(|| Err(CallError::timed_out()));
        match session.keeper.placed(slot, told.as_ref()).await {
            Ok(_first) => end,
            Err(error) => {
                session.break_off(error);
                End::Failed("journal")
            }
        }
    }

    async fn place_by(&self, request: PlaceOrderRequest) -> Answer<Order> {
        if self.visit.wire == Wire::Grpc {
            let call = self.grpc().place(request);
            return Deadline::after(self.leave).run(call).await.ok();
        }
        let (key, body) = (request.idempotency_key.as_str(), place_body(&request));
        let answer = self
            .http(Method::POST, "/v1/orders", Some(key), body)
            .await?;
        Some(answer.and_then(|(status, body)| placed(status, &body)))
    }

    async fn http(
        &self,
        method: Method,
        path: &str,
        key: Option<&str>,
        body: Bytes,
    ) -> Answer<(StatusCode, Bytes)> {
        let gateway = self.runner.gateway;
        if self.visit.wire == Wire::Http1 {
            let request = http1::request(gateway, method.as_str(), path, key, &body);
            let answer = http1::ask(gateway, &request, self.leave, self.visit.rude).await;
            return match answer {
                Ok(answer) => answer.map(Ok),
                Err(error) => Some(Err(CallError::transport(error.to_string()))),
            };
        }
        let uri = format!("http://{gateway}{path}");
        let mut request = Request::builder().method(method).uri(uri);
        if let Some(key) = key {
            request = request
                .header("idempotency-key", key)
                .header("content-type", "application/json");
        }
        let request = match request.body(body) {
            Ok(request) => request,
            Err(error) => return Some(Err(CallError::transport(error.to_string()))),
        };
        let channel = &self.runner.http2[self.number % CONNECTIONS];
        let answer = Deadline::after(self.leave).run(http2::ask(channel, request));
        let answer = answer.await.ok()?;
        Some(answer.map(|answer| (answer.status(), answer.into_body())))
    }
}

impl End {
    fn of<T>(answer: Option<&Result<T, CallError>>) -> Self {
        match answer {
            None => Self::Left,
            Some(Ok(_answer)) => Self::Answered,
            Some(Err(error)) => Self::Failed(error.kind()),
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn visits_are_counted_by_their_end() {
        let mut counts = Counts::default();
        counts.add(Wire::Http1, End::of::<()>(None));
        counts.add(Wire::Http1, End::of(Some(&Ok(()))));
        counts.add(
            Wire::Grpc,
            End::of::<()>(Some(&Err(CallError::timed_out()))),
        );
        assert_eq!(counts.sum(|count| count.requests), 3);
        assert_eq!(counts.sum(|count| count.cancelled), 1);
        assert_eq!(counts.wires["http1"].answered, 1);
        assert_eq!(counts.errors, BTreeMap::from([("deadline_exceeded", 1)]));
    }
}
