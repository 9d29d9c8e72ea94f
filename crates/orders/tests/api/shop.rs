//! A service on the chassis, a client to it, and scripted neighbours.

pub(super) use std::ffi::OsString;
pub(super) use std::time::Duration;

pub(super) use super::fake::{Fake, Fate};
pub(super) use orders::service::Call;
pub(super) use prost::Message;
pub(super) use shop_proto::errors;
pub(super) use shop_proto::orders::orders_service_client::OrdersServiceClient;
pub(super) use shop_proto::orders::{
    CancelOrderRequest, GetOrderRequest, LineItem, ListOrdersRequest, ListOrdersResponse, Order,
    OrderStatus, PlaceOrderRequest, RejectionReason, SagaState, WatchOrderRequest,
};
pub(super) use testkit::{LIVENESS, TempDir, wait_until_async};
pub(super) use tonic::transport::{Channel, Endpoint};
pub(super) use tonic::{Code, Request, Status};
pub(super) use tonic_types::StatusExt;
pub(super) use watertight::{App, Deadline, Either, Running, join, race};

pub(super) struct Shop {
    pub(super) fake: Fake,
    pub(super) client: OrdersServiceClient<Channel>,
    pub(super) orders: Running,
    pub(super) dir: TempDir,
    _fakes: Running,
}

impl Shop {
    pub(super) async fn start() -> Self {
        Self::start_with(&[]).await
    }

    pub(super) async fn start_with(flags: &[&str]) -> Self {
        let (dir, fake) = (testkit::temp_dir(), Fake::new(1_000));
        let fakes = fake.serve().await;
        let url = fakes.url();
        let data = dir.path().to_str().unwrap();
        let mut args: Vec<OsString> = [
            "orders",
            "--listen",
            "127.0.0.1:0",
            "--data",
            data,
            "--inventory",
            &url,
            "--payments",
            &url,
            "--unready",
            "0s",
            "--drain",
            "1000ms",
        ]
        .map(Into::into)
        .to_vec();
        args.extend(flags.iter().map(Into::into));
        let app = orders::build(App::new("orders", args)).await.unwrap();
        let orders = app.start().await.unwrap();
        let channel = Endpoint::from_shared(orders.url())
            .unwrap()
            .connect()
            .await
            .unwrap();
        let client = OrdersServiceClient::new(channel);
        Self {
            fake,
            client,
            orders,
            dir,
            _fakes: fakes,
        }
    }

    pub(super) async fn place(&self, request: PlaceOrderRequest) -> Result<Order, Status> {
        self.send(Request::new(request)).await
    }

    pub(super) async fn send(&self, request: Request<PlaceOrderRequest>) -> Result<Order, Status> {
        let response = self.client.clone().place_order(request).await?;
        Ok(response.into_inner().order.unwrap())
    }

    /// Places an order and has it answered before its end, then waits until its
    /// saga is in `state`.
    ///
    /// A slow machine may miss the deadline; the same key finds the same order.
    pub(super) async fn pending(&self, key: &str, state: SagaState) -> Order {
        let pending = loop {
            let mut request = Request::new(order(key, &[("tea", 2)]));
            request.set_timeout(Duration::from_millis(250));
            match self.send(request).await {
                Ok(order) => break order,
                Err(status) => assert!(is_late(&status), "{status:?}"),
            }
        };
        assert_eq!(pending.status(), OrderStatus::Pending);
        wait_until_async(LIVENESS, || async {
            self.get(&pending.id).await.unwrap().saga_state() == state
        })
        .await;
        pending
    }

    pub(super) async fn get(&self, id: &str) -> Result<Order, Status> {
        let request = GetOrderRequest {
            order_id: id.to_owned(),
        };
        Ok(self
            .client
            .clone()
            .get_order(request)
            .await?
            .into_inner()
            .order
            .unwrap())
    }

    pub(super) async fn cancel(&self, id: &str) -> Result<Order, Status> {
        let request = CancelOrderRequest {
            order_id: id.to_owned(),
        };
        Ok(self
            .client
            .clone()
            .cancel_order(request)
            .await?
            .into_inner()
            .order
            .unwrap())
    }

    pub(super) async fn list(
        &self,
        request: ListOrdersRequest,
    ) -> Result<ListOrdersResponse, Status> {
        Ok(self.client.clone().list_orders(request).await?.into_inner())
    }

    pub(super) async fn all(&self) -> Vec<Order> {
        self.list(ListOrdersRequest {
            page_size: 1_000,
            ..Default::default()
        })
        .await
        .unwrap()
        .orders
    }

    /// Nothing was recorded and nothing was asked of others.
    pub(super) async fn nothing_happened(&self) {
        assert!(self.all().await.is_empty());
        assert!(self.fake.world().calls.is_empty());
    }
}

pub(super) fn order(key: &str, lines: &[(&str, i64)]) -> PlaceOrderRequest {
    let item = |(sku, quantity): &(&str, i64)| LineItem {
        sku: (*sku).into(),
        quantity: *quantity,
    };
    PlaceOrderRequest {
        idempotency_key: key.to_owned(),
        customer_id: "ada".to_owned(),
        lines: lines.iter().map(item).collect(),
        payment_method: "pm_card_ok".to_owned(),
    }
}

/// The client's own timer may be quicker than the server's answer.
pub(super) fn is_late(status: &Status) -> bool {
    matches!(
        status.code(),
        Code::Cancelled | Code::DeadlineExceeded | Code::Unavailable
    )
}

#[track_caller]
pub(super) fn assert_error(status: &Status, code: Code, reason: &str) {
    assert_eq!(status.code(), code, "{status:?}");
    assert_eq!(
        errors::reason(status).as_deref(),
        Some(reason),
        "{status:?}"
    );
    let info = status.get_details_error_info().unwrap();
    assert_eq!(info.domain, "orders.shop");
}
