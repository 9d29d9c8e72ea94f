//! An orders service that answers as the idempotency key says.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use futures_util::{Stream, StreamExt as _, stream};
use shop_proto::errors::{refused, retryable};
use shop_proto::orders::orders_service_server::{OrdersService, OrdersServiceServer};
use shop_proto::orders::{
    CancelOrderRequest, CancelOrderResponse, GetOrderRequest, GetOrderResponse, ListOrdersRequest,
    ListOrdersResponse, Order, OrderStatus, PlaceOrderRequest, PlaceOrderResponse, RejectionReason,
    WatchOrderRequest, WatchOrderResponse,
};
use tonic::{Code, Request, Response, Status};
use watertight::{App, Running};

use crate::shop::args;

/// What it says to each request is in its idempotency key: `order:STATUS:REASON`
/// with the names of the contract, or `error:CODE:REASON:MS` with the number of
/// the code; without MS it names no time to come back.
#[derive(Clone, Debug, Default)]
struct Fake {
    made: Made,
}

/// How many changes of orders were made for watches.
#[derive(Clone, Debug, Default)]
pub(crate) struct Made(Arc<AtomicU64>);

impl Made {
    pub(crate) fn count(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

pub(crate) const ORDER: &str = "019a9f5e-7c00-7000-8000-000000000001";
/// What no caller must ever see.
pub(crate) const SECRET: &str = "constraint failed: orders.key";

pub(crate) async fn start() -> Running {
    start_counted().await.0
}

pub(crate) async fn start_counted() -> (Running, Made) {
    let fake = Fake::default();
    let made = fake.made.clone();
    let app = App::new("fake", args("fake", None, &[]));
    let app = app.grpc(OrdersServiceServer::new(fake));
    (app.start().await.unwrap(), made)
}

fn say(script: &str) -> Result<Order, Status> {
    let mut words = script.split(':');
    let (what, name) = (words.next().unwrap(), words.next().unwrap());
    let (reason, ms) = (words.next().unwrap_or_default(), words.next());
    if what == "error" {
        let code = Code::from(name.parse::<i32>().unwrap());
        return Err(match (reason, ms) {
            ("", _) => Status::new(code, SECRET),
            (_, None) => refused(code, "orders.shop", reason, SECRET),
            (_, Some(ms)) => {
                let after = std::time::Duration::from_millis(ms.parse().unwrap());
                retryable(code, "orders.shop", reason, SECRET, after)
            }
        });
    }
    let reason = RejectionReason::from_str_name(&format!("REJECTION_REASON_{reason}"));
    Ok(Order {
        id: ORDER.to_owned(),
        status: OrderStatus::from_str_name(&format!("ORDER_STATUS_{name}"))
            .unwrap()
            .into(),
        rejection_reason: reason.unwrap_or_default().into(),
        version: 3,
        ..Order::default()
    })
}

type Changes = Pin<Box<dyn Stream<Item = Result<WatchOrderResponse, Status>> + Send>>;

#[tonic::async_trait]
impl OrdersService for Fake {
    type WatchOrderStream = Changes;

    async fn place_order(
        &self,
        request: Request<PlaceOrderRequest>,
    ) -> Result<Response<PlaceOrderResponse>, Status> {
        let key = request.into_inner().idempotency_key;
        if key == "silent" {
            std::future::pending::<()>().await;
        }
        let order = Some(say(&key)?);
        Ok(Response::new(PlaceOrderResponse { order }))
    }

    async fn get_order(
        &self,
        _request: Request<GetOrderRequest>,
    ) -> Result<Response<GetOrderResponse>, Status> {
        Err(say("error:14:OUTCOME_UNKNOWN:2500").unwrap_err())
    }

    async fn cancel_order(
        &self,
        _request: Request<CancelOrderRequest>,
    ) -> Result<Response<CancelOrderResponse>, Status> {
        std::future::pending().await
    }

    async fn list_orders(
        &self,
        _request: Request<ListOrdersRequest>,
    ) -> Result<Response<ListOrdersResponse>, Status> {
        // As many as make a page worth compressing.
        let orders = (0..100).map(|_| say("order:PENDING").unwrap());
        Ok(Response::new(ListOrdersResponse {
            orders: orders.collect(),
            next_page_token: String::new(),
        }))
    }

    /// The same order with ever higher versions, as fast as it is taken.
    async fn watch_order(
        &self,
        _request: Request<WatchOrderRequest>,
    ) -> Result<Response<Changes>, Status> {
        let made = self.made.clone();
        let changes = stream::iter(1..).map(move |version| {
            made.0.fetch_add(1, Ordering::Relaxed);
            let order = Order {
                version,
                customer_id: "x".repeat(1_000),
                ..say("order:PENDING").unwrap()
            };
            Ok(WatchOrderResponse { order: Some(order) })
        });
        Ok(Response::new(Box::pin(changes)))
    }
}
