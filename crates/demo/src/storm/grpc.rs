//! Clients who speak gRPC with orders and inventory and cancel their calls.

use shop_proto::{
    inventory::{GetStockRequest, inventory_service_client::InventoryServiceClient},
    orders::{
        GetOrderRequest, Order, PlaceOrderRequest, WatchOrderRequest,
        orders_service_client::OrdersServiceClient,
    },
};
use tonic::transport::Channel;

use crate::check::CallError;

/// Clients on one connection each.
#[derive(Clone, Debug)]
pub(super) struct Grpc {
    orders: OrdersServiceClient<Channel>,
    inventory: InventoryServiceClient<Channel>,
}

impl Grpc {
    pub(super) fn new(orders: Channel, inventory: Channel) -> Self {
        Self {
            orders: OrdersServiceClient::new(orders),
            inventory: InventoryServiceClient::new(inventory),
        }
    }

    /// PlaceOrder.
    ///
    /// # Errors
    ///
    /// What the shop or the transport says.
    ///
    /// # Cancel safety
    ///
    /// Dropped, the call is cancelled, as those below.
    pub(super) async fn place(&self, request: PlaceOrderRequest) -> Result<Order, CallError> {
        let answer = self.orders.clone().place_order(request).await?;
        let order = answer.into_inner().order;
        order.ok_or_else(|| CallError::transport("an answer without an order"))
    }

    /// GetOrder.
    pub(super) async fn read(&self, order_id: String) -> Result<(), CallError> {
        let request = GetOrderRequest { order_id };
        self.orders.clone().get_order(request).await?;
        Ok(())
    }

    /// WatchOrder, to its end.
    pub(super) async fn watch(&self, order_id: String) -> Result<(), CallError> {
        let request = WatchOrderRequest { order_id };
        let mut changes = self.orders.clone().watch_order(request).await?.into_inner();
        while changes.message().await?.is_some() {}
        Ok(())
    }

    /// GetStock.
    pub(super) async fn stock(&self, sku: &str) -> Result<(), CallError> {
        let sku = sku.to_owned();
        self.inventory
            .clone()
            .get_stock(GetStockRequest { sku })
            .await?;
        Ok(())
    }
}
