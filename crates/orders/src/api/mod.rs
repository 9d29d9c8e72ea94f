//! gRPC: from the wire to the service and back. Decides nothing.

mod convert;
mod errors;
mod page;
mod validate;

use std::pin::Pin;

use futures_core::Stream;
use futures_util::stream;
use shop_proto::orders::orders_service_server::OrdersService;
use shop_proto::orders::{
    CancelOrderRequest, CancelOrderResponse, GetOrderRequest, GetOrderResponse, ListOrdersRequest,
    ListOrdersResponse, PlaceOrderRequest, PlaceOrderResponse, WatchOrderRequest,
    WatchOrderResponse,
};
use tonic::{Request, Response, Status};
use watertight::RequestScope;

use crate::service::{Orders, Watch};

/// Who names the reasons of errors.
const DOMAIN: &str = "orders.shop";

/// The gRPC service over [`Orders`].
#[derive(Clone, Debug)]
pub struct Grpc {
    orders: Orders,
    log: errors::Log,
}

impl Grpc {
    /// Serves `orders`.
    #[must_use]
    pub fn new(orders: Orders) -> Self {
        Self {
            orders,
            log: errors::Log::default(),
        }
    }
}

/// The changes of one order.
type Changes = Pin<Box<dyn Stream<Item = Result<WatchOrderResponse, Status>> + Send>>;

#[tonic::async_trait]
impl OrdersService for Grpc {
    type WatchOrderStream = Changes;

    async fn place_order(
        &self,
        request: Request<PlaceOrderRequest>,
    ) -> Result<Response<PlaceOrderResponse>, Status> {
        let deadline = request.deadline();
        let new = validate::place(request.into_inner())?;
        let order = self
            .orders
            .place(deadline, new)
            .await
            .map_err(|refused| self.log.status(refused))?;
        Ok(Response::new(PlaceOrderResponse {
            order: Some(convert::order(&order)),
        }))
    }

    async fn get_order(
        &self,
        request: Request<GetOrderRequest>,
    ) -> Result<Response<GetOrderResponse>, Status> {
        let deadline = request.deadline();
        let id = validate::order_id(&request.get_ref().order_id)?;
        let order = self
            .orders
            .get(deadline, id)
            .await
            .map_err(|refused| self.log.status(refused))?;
        Ok(Response::new(GetOrderResponse {
            order: Some(convert::order(&order)),
        }))
    }

    async fn cancel_order(
        &self,
        request: Request<CancelOrderRequest>,
    ) -> Result<Response<CancelOrderResponse>, Status> {
        let deadline = request.deadline();
        let id = validate::order_id(&request.get_ref().order_id)?;
        let order = self
            .orders
            .cancel(deadline, id)
            .await
            .map_err(|refused| self.log.status(refused))?;
        Ok(Response::new(CancelOrderResponse {
            order: Some(convert::order(&order)),
        }))
    }

    async fn list_orders(
        &self,
        request: Request<ListOrdersRequest>,
    ) -> Result<Response<ListOrdersResponse>, Status> {
        let deadline = request.deadline();
        let list = validate::list(request.into_inner())?;
        let (orders, next) = self
            .orders
            .list(deadline, list.customer.clone(), list.after, list.limit)
            .await
            .map_err(|refused| self.log.status(refused))?;
        Ok(Response::new(ListOrdersResponse {
            orders: orders.iter().map(convert::order).collect(),
            next_page_token: next.map_or_else(String::new, |last| {
                page::token(list.customer.as_ref(), last)
            }),
        }))
    }

    async fn watch_order(
        &self,
        request: Request<WatchOrderRequest>,
    ) -> Result<Response<Changes>, Status> {
        let deadline = request.deadline();
        let id = validate::order_id(&request.get_ref().order_id)?;
        let watch = self
            .orders
            .watch(deadline, id)
            .await
            .map_err(|refused| self.log.status(refused))?;
        // The chassis ends it, at the caller's deadline or at its own limit for
        // streams; the deadline here is that of a request, which is shorter.
        Ok(Response::new(Box::pin(stream::unfold(watch, change))))
    }
}

/// The next change of a watched order, and the watch to go on with.
async fn change(mut watch: Watch) -> Option<(Result<WatchOrderResponse, Status>, Watch)> {
    let order = watch.next().await?;
    let changed = WatchOrderResponse {
        order: Some(convert::order(&order)),
    };
    Some((Ok(changed), watch))
}
