//! Orders over gRPC.

use std::time::Duration;

use shop_proto::orders::orders_service_client::OrdersServiceClient;
use shop_proto::orders::{
    CancelOrderRequest, GetOrderRequest, ListOrdersRequest, ListOrdersResponse, Order,
    PlaceOrderRequest, WatchOrderRequest, WatchOrderResponse,
};
use tonic::Streaming;
use watertight::{ConfigError, GrpcChannel, Scope};

use super::{Failure, incomplete};

/// Connections for calls; each carries as many at once as orders allows (256).
const CONNECTIONS: usize = 4;
/// Connections for watches, opened as they are needed: with the most event
/// streams that may be set (8,000) each has half of what it carries, since
/// watches end unevenly.
const WATCH_CONNECTIONS: usize = 63;
/// When a watch is given up that brings nothing: beyond `events_idle`, whatever that
/// is set to, which ends it in order.
const WATCH_IDLE_MAX: Duration = Duration::from_secs(25 * 3600);
/// What orders is told less of the time that is left, at least: within it the
/// answer PENDING must come back, be turned into JSON and be sent.
const MARGIN_MIN: Duration = Duration::from_millis(50);

/// The orders service.
#[derive(Clone, Debug)]
pub struct Orders {
    calls: OrdersServiceClient<GrpcChannel>,
    /// Apart from the calls: a watch holds its HTTP/2 stream for minutes.
    watches: OrdersServiceClient<GrpcChannel>,
}

/// The changes of one order; dropping it ends the watch at the other side.
#[derive(Debug)]
pub struct Watch(Streaming<WatchOrderResponse>);

impl Orders {
    /// Orders at `url`.
    ///
    /// # Errors
    ///
    /// [`ConfigError::Url`].
    pub fn connect(url: &str) -> Result<Self, ConfigError> {
        let calls = GrpcChannel::builder("orders", url)
            .connections(CONNECTIONS)
            .margin(MARGIN_MIN)
            .connect_lazy()?;
        let watches = GrpcChannel::builder("orders watches", url)
            .connections(WATCH_CONNECTIONS)
            .stream_idle(WATCH_IDLE_MAX)
            .connect_lazy()?;
        Ok(Self {
            calls: client(calls),
            watches: client(watches),
        })
    }

    /// Places an order.
    ///
    /// # Errors
    ///
    /// What orders refuses, or that it can't be reached.
    ///
    /// # Cancel safety
    ///
    /// The order may have been placed; the same key says so.
    pub async fn place(&self, request: PlaceOrderRequest) -> Result<Order, Failure> {
        let answer = self.calls.clone().place_order(request).await?;
        answer.into_inner().order.ok_or_else(incomplete)
    }

    /// One order.
    ///
    /// # Errors
    ///
    /// As [`Orders::place`].
    ///
    /// # Cancel safety
    ///
    /// Safe: it only reads.
    pub async fn get(&self, order_id: String) -> Result<Order, Failure> {
        let request = GetOrderRequest { order_id };
        let answer = self.calls.clone().get_order(request).await?;
        answer.into_inner().order.ok_or_else(incomplete)
    }

    /// Cancels an order.
    ///
    /// # Errors
    ///
    /// As [`Orders::place`].
    ///
    /// # Cancel safety
    ///
    /// The order may have been cancelled; asking again says so.
    pub async fn cancel(&self, order_id: String) -> Result<Order, Failure> {
        let request = CancelOrderRequest { order_id };
        let answer = self.calls.clone().cancel_order(request).await?;
        answer.into_inner().order.ok_or_else(incomplete)
    }

    /// A page of orders.
    ///
    /// # Errors
    ///
    /// As [`Orders::place`].
    ///
    /// # Cancel safety
    ///
    /// Safe: it only reads.
    pub async fn list(&self, request: ListOrdersRequest) -> Result<ListOrdersResponse, Failure> {
        Ok(self.calls.clone().list_orders(request).await?.into_inner())
    }

    /// Watches an order until it ends, under `scope` instead of the request's:
    /// a watch outlives the deadline of the request that began it.
    ///
    /// # Errors
    ///
    /// As [`Orders::place`].
    ///
    /// # Cancel safety
    ///
    /// Safe: the watch ends.
    pub async fn watch(&self, scope: &Scope, order_id: String) -> Result<Watch, Failure> {
        let request = WatchOrderRequest { order_id };
        let mut client = self.watches.clone();
        let answer = scope.ambient(client.watch_order(request)).await?;
        Ok(Watch(answer.into_inner()))
    }
}

impl Watch {
    /// The order at first, then after each change; `None` after an end state.
    ///
    /// # Errors
    ///
    /// That orders can't be reached any more.
    ///
    /// # Cancel safety
    ///
    /// Safe: what has come is kept for the next call.
    pub async fn next(&mut self) -> Result<Option<Order>, Failure> {
        match self.0.message().await? {
            Some(change) => change.order.map(Some).ok_or_else(incomplete),
            None => Ok(None),
        }
    }
}

fn client(channel: GrpcChannel) -> OrdersServiceClient<GrpcChannel> {
    OrdersServiceClient::new(channel).max_decoding_message_size(shop_proto::MESSAGE_BYTES_MAX)
}
