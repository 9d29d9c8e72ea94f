//! Calls with a deadline each, and errors that say what may be concluded.

use std::time::Duration;

use bytes::Bytes;
use shop_proto::{
    MESSAGE_BYTES_MAX, inventory,
    inventory::{Stock, inventory_service_client::InventoryServiceClient},
    orders,
    orders::{Order, orders_service_client::OrdersServiceClient},
    payments,
    payments::{Payment, payments_service_client::PaymentsServiceClient},
};
use tonic::{
    Request, Response, Status,
    transport::{Channel, Endpoint},
};
use watertight::HttpClient;
use watertight_core::{Deadline, Scope};

use super::front::Front;
use crate::check::{CallError, Door, LedgerPage};

/// How long a connection may take to be made.
const CONNECT_MAX: Duration = Duration::from_secs(1);

/// What a call gets beyond the deadline that the server was told: the server's
/// own answer is worth more than ours.
const GRACE: Duration = Duration::from_millis(250);

/// Rows of a page.
const PAGE: i32 = 1_000;

/// Rows of a page of the ledger.
const LEDGER_PAGE: usize = 1_000;

/// Where the services listen, each as `http://HOST:PORT`.
#[derive(Clone, Debug)]
pub(crate) struct Addresses {
    pub(crate) gateway: String,
    pub(crate) orders: String,
    pub(crate) inventory: String,
    pub(crate) payments: String,
    pub(crate) provider: String,
}

/// Clients of all services; clones share the connections.
///
/// The connections are tonic's own, not the chassis': a checker that shares its
/// client with the services it checks would share its faults too.
#[derive(Clone, Debug)]
pub(crate) struct Shop {
    orders: OrdersServiceClient<Channel>,
    inventory: InventoryServiceClient<Channel>,
    payments: PaymentsServiceClient<Channel>,
    front: Front,
    provider: HttpClient,
    provider_url: String,
    scope: Scope,
    call_max: Duration,
}

fn channel(url: String) -> Result<Channel, tonic::transport::Error> {
    let endpoint = Endpoint::from_shared(url)?;
    Ok(endpoint
        .connect_timeout(CONNECT_MAX)
        .tcp_nodelay(true)
        .connect_lazy())
}

impl Shop {
    /// Clients of the shop at these addresses; they connect when first used.
    ///
    /// # Errors
    ///
    /// If an address is none, which a checked one never is.
    pub(crate) fn new(
        scope: &Scope,
        at: &Addresses,
        call_max: Duration,
    ) -> Result<Self, tonic::transport::Error> {
        let orders = channel(at.orders.clone())?;
        let inventory = channel(at.inventory.clone())?;
        let payments = channel(at.payments.clone())?;
        Ok(Self {
            orders: OrdersServiceClient::new(orders).max_decoding_message_size(MESSAGE_BYTES_MAX),
            inventory: InventoryServiceClient::new(inventory)
                .max_decoding_message_size(MESSAGE_BYTES_MAX),
            payments: PaymentsServiceClient::new(payments)
                .max_decoding_message_size(MESSAGE_BYTES_MAX),
            front: Front::new(scope.child("call"), at.gateway.clone(), call_max),
            provider: HttpClient::new("provider"),
            provider_url: at.provider.clone(),
            scope: scope.child("call"),
            call_max,
        })
    }

    fn request<T>(&self, message: T) -> Request<T> {
        let mut request = Request::new(message);
        request.set_timeout(self.call_max);
        request
    }

    async fn answer<T>(
        &self,
        call: impl Future<Output = Result<Response<T>, Status>>,
    ) -> Result<T, CallError> {
        match Deadline::after(self.call_max + GRACE).run(call).await {
            Ok(answer) => Ok(answer?.into_inner()),
            Err(_passed) => Err(CallError::timed_out()),
        }
    }

    /// PlaceOrder.
    pub(crate) async fn place(
        &self,
        door: Door,
        message: orders::PlaceOrderRequest,
    ) -> Result<Order, CallError> {
        if door == Door::Http {
            return self.front.place(message).await;
        }
        let mut client = self.orders.clone();
        let answer = self
            .answer(client.place_order(self.request(message)))
            .await?;
        answer
            .order
            .ok_or_else(|| CallError::transport("an answer without an order"))
    }

    /// GetOrder.
    pub(crate) async fn order(&self, door: Door, order_id: String) -> Result<Order, CallError> {
        if door == Door::Http {
            return self.front.order(&order_id).await;
        }
        let mut client = self.orders.clone();
        let request = self.request(orders::GetOrderRequest { order_id });
        let answer = self.answer(client.get_order(request)).await?;
        answer
            .order
            .ok_or_else(|| CallError::transport("an answer without an order"))
    }

    /// CancelOrder.
    pub(crate) async fn cancel(&self, door: Door, order_id: String) -> Result<Order, CallError> {
        if door == Door::Http {
            return self.front.cancel(&order_id).await;
        }
        let mut client = self.orders.clone();
        let request = self.request(orders::CancelOrderRequest { order_id });
        let answer = self.answer(client.cancel_order(request)).await?;
        answer
            .order
            .ok_or_else(|| CallError::transport("an answer without an order"))
    }

    /// The last orders of a customer, or of all.
    pub(crate) async fn last_orders(
        &self,
        door: Door,
        customer_id: String,
        rows: i32,
    ) -> Result<Vec<Order>, CallError> {
        if door == Door::Http {
            return self.front.orders(&customer_id, rows).await;
        }
        let page = self.orders(customer_id, rows, String::new()).await?;
        Ok(page.orders)
    }

    /// What an order went through, as the gateway tells it, up to its end.
    pub(crate) async fn watch(&self, order_id: &str) -> Result<Vec<Order>, CallError> {
        self.front.watch(order_id).await
    }

    /// ListOrders: one page.
    pub(crate) async fn orders(
        &self,
        customer_id: String,
        page_size: i32,
        page_token: String,
    ) -> Result<orders::ListOrdersResponse, CallError> {
        let mut client = self.orders.clone();
        let message = orders::ListOrdersRequest {
            customer_id,
            page_size,
            page_token,
        };
        self.answer(client.list_orders(self.request(message))).await
    }

    /// GetStock.
    pub(crate) async fn stock(&self, door: Door, sku: &str) -> Result<Stock, CallError> {
        if door == Door::Http {
            return self.front.stock(sku).await;
        }
        let mut client = self.inventory.clone();
        let request = self.request(inventory::GetStockRequest {
            sku: sku.to_owned(),
        });
        let answer = self.answer(client.get_stock(request)).await?;
        answer
            .stock
            .ok_or_else(|| CallError::transport("an answer without stock"))
    }

    /// ListStock: one page.
    pub(crate) async fn stocks(
        &self,
        page_token: String,
    ) -> Result<inventory::ListStockResponse, CallError> {
        let mut client = self.inventory.clone();
        let message = inventory::ListStockRequest {
            page_size: PAGE,
            page_token,
        };
        self.answer(client.list_stock(self.request(message))).await
    }

    /// ReceiveStock.
    pub(super) async fn receive(
        &self,
        message: inventory::ReceiveStockRequest,
    ) -> Result<(), CallError> {
        let mut client = self.inventory.clone();
        self.answer(client.receive_stock(self.request(message)))
            .await
            .map(drop)
    }

    /// ImportCatalog.
    pub(super) async fn import(
        &self,
        messages: Vec<inventory::ImportCatalogRequest>,
    ) -> Result<inventory::ImportCatalogResponse, CallError> {
        let mut client = self.inventory.clone();
        let request = self.request(tokio_stream::iter(messages));
        self.answer(client.import_catalog(request)).await
    }

    /// ListPayments: one page.
    pub(crate) async fn payments(
        &self,
        page_token: String,
    ) -> Result<(Vec<Payment>, String), CallError> {
        let mut client = self.payments.clone();
        let message = payments::ListPaymentsRequest {
            page_size: PAGE,
            page_token,
        };
        let page = self
            .answer(client.list_payments(self.request(message)))
            .await?;
        Ok((page.payments, page.next_page_token))
    }

    /// A page of the provider's ledger, over HTTP, behind a reference.
    pub(crate) async fn ledger(&self, after: Option<&str>) -> Result<LedgerPage, CallError> {
        self.ledger_page(after, LEDGER_PAGE).await
    }

    /// The same with so many rows at most.
    pub(crate) async fn ledger_page(
        &self,
        after: Option<&str>,
        rows: usize,
    ) -> Result<LedgerPage, CallError> {
        let mut url = format!("{}/v1/ledger?limit={rows}", self.provider_url);
        if let Some(after) = after {
            url += &format!("&after={after}");
        }
        let request = http::Request::get(url).body(Bytes::new());
        let request = request.map_err(|error| CallError::transport(error.to_string()))?;
        let bounded = self.scope.with_deadline(Deadline::after(self.call_max));
        let answer = match bounded.run(self.provider.send(request)).await {
            Ok(Ok(answer)) if answer.status().is_success() => answer.into_body(),
            Ok(Ok(answer)) => return Err(CallError::transport(answer.status().to_string())),
            Ok(Err(error)) => return Err(CallError::transport(crate::console::chain(&error))),
            Err(_closed) => return Err(CallError::timed_out()),
        };
        serde_json::from_slice(&answer).map_err(|error| CallError::transport(error.to_string()))
    }
}
