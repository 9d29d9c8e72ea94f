//! The same calls over HTTP, through the gateway.

use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request, StatusCode};
use serde_json::json;
use shop_proto::{
    inventory::Stock,
    orders::{Order, OrderStatus, PlaceOrderRequest},
};
use watertight::HttpClient;
use watertight_core::{Deadline, Scope};

use super::wire::{self, OrderDoc, PageDoc, StockDoc};
use crate::{check::CallError, console::chain};

/// A client of the gateway; clones share the connections.
#[derive(Clone, Debug)]
pub(super) struct Front {
    client: HttpClient,
    url: String,
    scope: Scope,
    call_max: Duration,
}

impl Front {
    /// Connects when it is first used.
    pub(super) fn new(scope: Scope, url: String, call_max: Duration) -> Self {
        Self {
            client: HttpClient::new("gateway"),
            url,
            scope,
            call_max,
        }
    }

    async fn send(
        &self,
        method: Method,
        path: &str,
        key: Option<&str>,
        body: Bytes,
    ) -> Result<(StatusCode, Bytes), CallError> {
        let mut request = Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.url));
        if let Some(key) = key {
            request = request
                .header("idempotency-key", key)
                .header("content-type", "application/json");
        }
        let request = request.body(body);
        let request = request.map_err(|error| CallError::transport(error.to_string()))?;
        let bounded = self.scope.with_deadline(Deadline::after(self.call_max));
        match bounded.run(self.client.send(request)).await {
            Ok(Ok(answer)) => Ok((answer.status(), answer.into_body())),
            Ok(Err(error)) => Err(CallError::transport(chain(&error))),
            Err(_closed) => Err(CallError::timed_out()),
        }
    }

    /// A document, or why there is none.
    async fn get(&self, path: &str) -> Result<Bytes, CallError> {
        match self.send(Method::GET, path, None, Bytes::new()).await? {
            (StatusCode::OK, body) => Ok(body),
            (status, body) => Err(wire::refused(status, &body)),
        }
    }

    /// `POST /v1/orders`.
    pub(super) async fn place(&self, order: PlaceOrderRequest) -> Result<Order, CallError> {
        let key = Some(order.idempotency_key.as_str());
        let body = place_body(&order);
        let (status, body) = self.send(Method::POST, "/v1/orders", key, body).await?;
        placed(status, &body)
    }

    /// `GET /v1/orders/{id}`.
    pub(super) async fn order(&self, id: &str) -> Result<Order, CallError> {
        let body = self.get(&format!("/v1/orders/{id}")).await?;
        wire::read::<OrderDoc>(&body)?.try_into()
    }

    /// `DELETE /v1/orders/{id}`.
    pub(super) async fn cancel(&self, id: &str) -> Result<Order, CallError> {
        let path = format!("/v1/orders/{id}");
        let (status, body) = self.send(Method::DELETE, &path, None, Bytes::new()).await?;
        wire::changed((status, &body), StatusCode::OK, OrderStatus::Cancelled)
    }

    /// `GET /v1/orders`: the first page.
    pub(super) async fn orders(&self, customer: &str, rows: i32) -> Result<Vec<Order>, CallError> {
        let mut path = format!("/v1/orders?limit={rows}");
        if !customer.is_empty() {
            path += &format!("&customer_id={customer}");
        }
        let body = self.get(&path).await?;
        let page: PageDoc = wire::read(&body)?;
        page.orders.into_iter().map(TryInto::try_into).collect()
    }

    /// `GET /v1/stock/{sku}`.
    pub(super) async fn stock(&self, sku: &str) -> Result<Stock, CallError> {
        let body = self.get(&format!("/v1/stock/{sku}")).await?;
        Ok(wire::read::<StockDoc>(&body)?.into())
    }

    /// `GET /v1/orders/{id}/events`, followed to its end.
    pub(super) async fn watch(&self, id: &str) -> Result<Vec<Order>, CallError> {
        let body = self.get(&format!("/v1/orders/{id}/events")).await?;
        wire::events(&body)
    }
}

/// The body of `POST /v1/orders`.
pub(crate) fn place_body(order: &PlaceOrderRequest) -> Bytes {
    let line = |(sku, quantity): (&String, i64)| json!({"sku": sku, "quantity": quantity});
    let lines = order
        .lines
        .iter()
        .map(|item| line((&item.sku, item.quantity)));
    let body = json!({
        "customer_id": order.customer_id,
        "payment_method": order.payment_method,
        "lines": lines.collect::<Vec<_>>(),
    });
    Bytes::from(body.to_string())
}

/// What its answer says.
pub(crate) fn placed(status: StatusCode, body: &Bytes) -> Result<Order, CallError> {
    wire::changed((status, body), StatusCode::CREATED, OrderStatus::Confirmed)
}
