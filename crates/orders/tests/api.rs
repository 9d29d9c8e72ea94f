//! The service over real sockets, on the chassis, beside a scripted inventory and
//! payments: what callers send, and what they get for it.

#![expect(clippy::unwrap_used, reason = "a test may stop where it can't go on")]

#[path = "common/fake.rs"]
#[expect(dead_code, reason = "each test uses a part of it")]
mod fake;
#[path = "common/world.rs"]
mod world;

use std::ffi::OsString;
use std::time::Duration;

use fake::{Fake, Fate};
use orders::service::Call;
use shop_proto::errors;
use shop_proto::orders::orders_service_client::OrdersServiceClient;
use shop_proto::orders::{
    CancelOrderRequest, GetOrderRequest, LineItem, ListOrdersRequest, ListOrdersResponse, Order,
    OrderStatus, PlaceOrderRequest, RejectionReason, SagaState, WatchOrderRequest,
};
use testkit::{LIVENESS, TempDir, wait_until_async};
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Request, Status};
use tonic_types::StatusExt;
use watertight::{App, Running};

struct Shop {
    fake: Fake,
    client: OrdersServiceClient<Channel>,
    orders: Running,
    _fakes: Running,
    _dir: TempDir,
}

impl Shop {
    async fn start() -> Self {
        Self::start_with(&[]).await
    }

    async fn start_with(flags: &[&str]) -> Self {
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
            "--unready-ms",
            "0",
            "--drain-ms",
            "1000",
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
            _fakes: fakes,
            _dir: dir,
        }
    }

    async fn place(&self, request: PlaceOrderRequest) -> Result<Order, Status> {
        self.send(Request::new(request)).await
    }

    async fn send(&self, request: Request<PlaceOrderRequest>) -> Result<Order, Status> {
        let response = self.client.clone().place_order(request).await?;
        Ok(response.into_inner().order.unwrap())
    }

    /// Places an order and has it answered before its end.
    async fn pending(&self, key: &str) -> Order {
        let mut request = Request::new(order(key, &[("tea", 2)]));
        request.set_timeout(Duration::from_millis(500));
        let order = self.send(request).await.unwrap();
        assert_eq!(order.status(), OrderStatus::Pending);
        order
    }

    async fn get(&self, id: &str) -> Result<Order, Status> {
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

    async fn cancel(&self, id: &str) -> Result<Order, Status> {
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

    async fn list(&self, request: ListOrdersRequest) -> Result<ListOrdersResponse, Status> {
        Ok(self.client.clone().list_orders(request).await?.into_inner())
    }

    async fn all(&self) -> Vec<Order> {
        self.list(ListOrdersRequest {
            page_size: 1_000,
            ..Default::default()
        })
        .await
        .unwrap()
        .orders
    }

    /// Nothing was recorded and nothing was asked of others.
    async fn nothing_happened(&self) {
        assert!(self.all().await.is_empty());
        assert!(self.fake.world().calls.is_empty());
    }
}

fn order(key: &str, lines: &[(&str, i64)]) -> PlaceOrderRequest {
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

#[track_caller]
fn assert_error(status: &Status, code: Code, reason: &str) {
    assert_eq!(status.code(), code, "{status:?}");
    assert_eq!(
        errors::reason(status).as_deref(),
        Some(reason),
        "{status:?}"
    );
    let info = status.get_details_error_info().unwrap();
    assert_eq!(info.domain, "orders.shop");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_is_placed_read_and_listed() {
    let shop = Shop::start().await;
    let placed = shop
        .place(order("k", &[("tea", 2), ("jam", 1)]))
        .await
        .unwrap();
    assert_eq!(placed.status(), OrderStatus::Confirmed);
    assert_eq!(placed.saga_state(), SagaState::Confirmed);
    let total = placed.total.clone().unwrap();
    assert_eq!((total.amount, total.currency.as_str()), (450, "EUR"));
    let price = placed.lines[1].unit_price.clone().unwrap();
    assert_eq!((placed.lines[1].sku.as_str(), price.amount), ("jam", 250));
    assert_eq!(shop.get(&placed.id).await.unwrap(), placed);
    assert_eq!(shop.all().await, std::slice::from_ref(&placed));
    assert_eq!(
        shop.place(order("k", &[("tea", 2), ("jam", 1)]))
            .await
            .unwrap(),
        placed
    );
    let status = shop.place(order("k", &[("tea", 3)])).await.unwrap_err();
    assert_error(&status, Code::AlreadyExists, "IDEMPOTENCY_KEY_REUSED");
    shop.orders.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_orders_name_each_field_and_leave_no_trace() {
    let shop = Shop::start().await;
    let many: Vec<_> = (0..101).map(|i| (format!("sku{i}"), 1)).collect();
    let many: Vec<_> = many
        .iter()
        .map(|(sku, quantity)| (sku.as_str(), *quantity))
        .collect();
    let long = "k".repeat(256);
    let cases: &[(PlaceOrderRequest, &[&str])] = &[
        (order("", &[("tea", 1)]), &["idempotency_key"]),
        (order(&long, &[("tea", 1)]), &["idempotency_key"]),
        (order("k", &[]), &["lines"]),
        (order("k", &many), &["lines"]),
        (order("k", &[("tea", 0)]), &["lines[0].quantity"]),
        (order("k", &[("tea", -1)]), &["lines[0].quantity"]),
        (order("k", &[("tea", 1_000_001)]), &["lines[0].quantity"]),
        (order("k", &[("tea", i64::MAX)]), &["lines[0].quantity"]),
        (order("k", &[("tea", 1), ("tea", 2)]), &["lines[1].sku"]),
        (
            order("k", &[("", 1), ("a b", 0)]),
            &["lines[0].sku", "lines[1].sku", "lines[1].quantity"],
        ),
        (
            PlaceOrderRequest::default(),
            &["idempotency_key", "customer_id", "lines", "payment_method"],
        ),
    ];
    for (request, fields) in cases {
        let status = shop.place(request.clone()).await.unwrap_err();
        assert_error(&status, Code::InvalidArgument, "INVALID_REQUEST");
        assert_eq!(errors::fields(&status), *fields);
    }
    shop.nothing_happened().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn orders_for_what_can_not_be_are_recorded_and_answered_the_same_each_time() {
    let shop = Shop::start().await;
    for (key, lines, reason, field) in [
        (
            "k1",
            [("tea", 1), ("none", 1)],
            "UNKNOWN_SKU",
            "lines[1].sku",
        ),
        ("k2", [("tea", 1), ("cake", 1)], "MIXED_CURRENCY", "lines"),
        ("k3", [("tea", 1), ("gold", 1)], "TOTAL_OVERFLOW", "lines"),
    ] {
        let mut ids = Vec::new();
        for _ in 0..2 {
            let status = shop.place(order(key, &lines)).await.unwrap_err();
            assert_error(&status, Code::InvalidArgument, reason);
            assert_eq!(errors::fields(&status), [field]);
            ids.push(errors::metadata(&status, "order_id").unwrap());
        }
        assert_eq!(ids[0], ids[1]);
        let recorded = shop.get(&ids[0]).await.unwrap();
        assert_eq!(recorded.status(), OrderStatus::Rejected);
        assert_eq!(
            recorded.rejection_reason().as_str_name(),
            format!("REJECTION_REASON_{reason}")
        );
        let status = shop.cancel(&ids[0]).await.unwrap_err();
        assert_error(&status, Code::FailedPrecondition, "ORDER_REJECTED");
    }
    assert_eq!(shop.all().await.len(), 3);
    assert!(
        shop.fake
            .world()
            .books
            .values()
            .all(|books| !books.holds_something())
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn refusals_of_the_shop_are_answers_with_the_order() {
    let shop = Shop::start().await;
    let sold_out = shop
        .place(order("k1", &[("tea", 1), ("jam", 1_001)]))
        .await
        .unwrap();
    assert_eq!(sold_out.status(), OrderStatus::Rejected);
    assert_eq!(sold_out.rejection_reason(), RejectionReason::OutOfStock);
    assert_eq!(sold_out.rejection_detail, "jam");
    let declined = PlaceOrderRequest {
        payment_method: "pm_card_declined".to_owned(),
        ..order("k2", &[("tea", 1)])
    };
    let declined = shop.place(declined).await.unwrap();
    assert_eq!(
        declined.rejection_reason(),
        RejectionReason::PaymentDeclined
    );
    assert!(
        shop.fake
            .world()
            .books
            .values()
            .all(|books| !books.holds_something())
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reservation_that_is_lost_after_the_payment_is_refunded() {
    let shop = Shop::start().await;
    shop.fake.hold(Call::Commit);
    let pending = shop.pending("k").await;
    assert_eq!(pending.saga_state(), SagaState::Captured);
    {
        let mut world = shop.fake.world();
        world.expire(pending.id.parse().unwrap());
        world
            .shelves
            .values_mut()
            .for_each(|shelf| shelf.available = 0);
    }
    shop.fake.let_go(Call::Commit);
    let rejected = shop.place(order("k", &[("tea", 2)])).await.unwrap();
    assert_eq!(
        rejected.rejection_reason(),
        RejectionReason::ReservationLost
    );
    let books = shop.fake.world().books(pending.id.parse().unwrap());
    assert_eq!((books.captures, books.refunds), (1, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn lost_messages_on_the_wire_cost_nothing_but_time() {
    let shop = Shop::start().await;
    for call in [Call::Reserve, Call::Authorize, Call::Capture, Call::Commit] {
        shop.fake.script(call, [Fate::ReplyLost, Fate::RequestLost]);
    }
    let placed = shop.place(order("k", &[("tea", 2)])).await.unwrap();
    assert_eq!(placed.status(), OrderStatus::Confirmed);
    assert_eq!(
        shop.fake.world().books(placed.id.parse().unwrap()).captures,
        1
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn cancelling_works_at_any_time_and_twice() {
    let shop = Shop::start().await;
    // After the capture: a refund.
    let placed = shop.place(order("k1", &[("tea", 2)])).await.unwrap();
    let cancelled = shop.cancel(&placed.id).await.unwrap();
    assert_eq!(cancelled.status(), OrderStatus::Cancelled);
    assert_eq!(shop.cancel(&placed.id).await.unwrap(), cancelled);
    assert_eq!(
        shop.fake.world().books(placed.id.parse().unwrap()).refunds,
        1
    );
    // During the saga.
    shop.fake.hold(Call::Authorize);
    let pending = shop.pending("k2").await;
    let (cancelled, ()) = tokio::join!(shop.cancel(&pending.id), async {
        // Whichever is first, the end is the same.
        shop.fake.let_go(Call::Authorize);
    });
    assert_eq!(cancelled.unwrap().status(), OrderStatus::Cancelled);
    assert!(
        !shop
            .fake
            .world()
            .books(pending.id.parse().unwrap())
            .holds_something()
    );
    // Never.
    let status = shop
        .cancel("0199a000-0000-7000-8000-000000000000")
        .await
        .unwrap_err();
    assert_error(&status, Code::NotFound, "ORDER_NOT_FOUND");
}

#[tokio::test(flavor = "multi_thread")]
async fn orders_that_are_not_there_are_not_found_and_nonsense_is_invalid() {
    let shop = Shop::start().await;
    let status = shop
        .get("0199a000-0000-7000-8000-000000000000")
        .await
        .unwrap_err();
    assert_error(&status, Code::NotFound, "ORDER_NOT_FOUND");
    for nonsense in ["", "7", "not-a-uuid"] {
        let status = shop.get(nonsense).await.unwrap_err();
        assert_error(&status, Code::InvalidArgument, "INVALID_REQUEST");
        assert_eq!(errors::fields(&status), ["order_id"]);
        let watch = WatchOrderRequest {
            order_id: nonsense.to_owned(),
        };
        let status = shop.client.clone().watch_order(watch).await.unwrap_err();
        assert_eq!(errors::fields(&status), ["order_id"]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_follow_each_other_and_take_only_their_own_tokens() {
    let shop = Shop::start().await;
    for i in 0..5 {
        let customer = if i == 4 { "bob" } else { "ada" };
        let request = order(&format!("k{i}"), &[("tea", 1)]);
        shop.place(PlaceOrderRequest {
            customer_id: customer.into(),
            ..request
        })
        .await
        .unwrap();
    }
    let page = |customer: &str, size: i32, token: &str| ListOrdersRequest {
        customer_id: customer.to_owned(),
        page_size: size,
        page_token: token.to_owned(),
    };
    let first = shop.list(page("ada", 3, "")).await.unwrap();
    let second = shop
        .list(page("ada", 3, &first.next_page_token))
        .await
        .unwrap();
    assert_eq!((first.orders.len(), second.orders.len()), (3, 1));
    assert_eq!(second.next_page_token, "");
    let ids = first
        .orders
        .iter()
        .chain(&second.orders)
        .map(|order| order.id.clone());
    let ids: Vec<_> = ids.collect();
    assert!(
        ids.is_sorted_by(|a, b| a > b),
        "newest first, none twice: {ids:?}"
    );

    for foreign in [
        "x",
        "not ours",
        &"A".repeat(38),
        &first.next_page_token[1..],
    ] {
        let status = shop.list(page("ada", 3, foreign)).await.unwrap_err();
        assert_eq!(
            (status.code(), errors::fields(&status)),
            (Code::InvalidArgument, vec!["page_token".to_owned()])
        );
    }
    let of_ada = shop
        .list(page("bob", 3, &first.next_page_token))
        .await
        .unwrap_err();
    assert_eq!(errors::fields(&of_ada), ["page_token"]);
    for size in [-1, 1_001] {
        let status = shop.list(page("", size, "")).await.unwrap_err();
        assert_eq!(errors::fields(&status), ["page_size"]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_watch_shows_the_order_until_its_end() {
    let shop = Shop::start().await;
    shop.fake.hold(Call::Authorize);
    let pending = shop.pending("k").await;
    let watch = WatchOrderRequest {
        order_id: pending.id.clone(),
    };
    let mut stream = shop
        .client
        .clone()
        .watch_order(watch)
        .await
        .unwrap()
        .into_inner();
    let first = stream.message().await.unwrap().unwrap().order.unwrap();
    assert_eq!(first.saga_state(), SagaState::Reserved);
    shop.fake.let_go(Call::Authorize);
    let mut last = first;
    while let Some(message) = stream.message().await.unwrap() {
        let order = message.order.unwrap();
        assert!(order.version > last.version);
        last = order;
    }
    assert_eq!(last.status(), OrderStatus::Confirmed);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_watch_ends_with_its_deadline() {
    let shop = Shop::start().await;
    shop.fake.hold(Call::Authorize);
    let pending = shop.pending("k").await;
    let mut watch = Request::new(WatchOrderRequest {
        order_id: pending.id,
    });
    watch.set_timeout(Duration::from_millis(200));
    let mut stream = shop
        .client
        .clone()
        .watch_order(watch)
        .await
        .unwrap()
        .into_inner();
    stream.message().await.unwrap().unwrap();
    let status = stream.message().await.unwrap_err();
    assert_eq!(status.code(), Code::DeadlineExceeded, "{status:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_that_hangs_up_after_the_record_changes_nothing() {
    let shop = Shop::start().await;
    shop.fake.hold(Call::Authorize);
    tokio::select! {
        placed = shop.place(order("k", &[("tea", 2)])) => panic!("the call is held: {placed:?}"),
        () = shop.fake.called(Call::Reserve, 1) => {}
    }
    shop.fake.let_go(Call::Authorize);
    wait_until_async(LIVENESS, || async {
        let all = shop.all().await;
        all.len() == 1 && all[0].status() == OrderStatus::Confirmed
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_service_says_when_to_come_back() {
    let shop = Shop::start_with(&["--jobs-max", "1"]).await;
    shop.fake.hold(Call::Authorize);
    let pending = shop.pending("k").await;
    let status = shop.place(order("k2", &[("tea", 2)])).await.unwrap_err();
    assert_error(
        &status,
        Code::ResourceExhausted,
        "TOO_MANY_ORDERS_IN_FLIGHT",
    );
    assert!(
        status
            .get_details_retry_info()
            .unwrap()
            .retry_delay
            .is_some()
    );
    assert_eq!(shop.all().await.len(), 1);
    shop.fake.let_go(Call::Authorize);
    assert_eq!(
        shop.place(order("k", &[("tea", 2)])).await.unwrap().id,
        pending.id
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_beyond_four_mebibytes_is_refused() {
    let shop = Shop::start().await;
    let mut huge = order("k", &[("tea", 1)]);
    huge.customer_id = "a".repeat(shop_proto::MESSAGE_BYTES_MAX + 1);
    let status = shop.place(huge).await.unwrap_err();
    assert!(
        matches!(status.code(), Code::OutOfRange | Code::ResourceExhausted),
        "{status:?}"
    );
    shop.nothing_happened().await;
    // The connection still works.
    shop.place(order("k", &[("tea", 1)])).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn negative_and_malformed_timeouts_are_refused_and_absurd_ones_cut_down() {
    let shop = Shop::start().await;
    for bad in ["-1S", "S", "1", "1x", "123456789S"] {
        let mut request = Request::new(order("k", &[("tea", 1)]));
        request
            .metadata_mut()
            .insert("grpc-timeout", bad.parse().unwrap());
        let status = shop.send(request).await.unwrap_err();
        assert_eq!(status.code(), Code::InvalidArgument, "{bad}: {status:?}");
    }
    let mut request = Request::new(order("k", &[("tea", 1)]));
    request
        .metadata_mut()
        .insert("grpc-timeout", "0n".parse().unwrap());
    let status = shop.send(request).await.unwrap_err();
    assert_eq!(status.code(), Code::DeadlineExceeded, "{status:?}");
    shop.nothing_happened().await;
    let mut request = Request::new(order("k", &[("tea", 1)]));
    request
        .metadata_mut()
        .insert("grpc-timeout", "99999999H".parse().unwrap());
    assert_eq!(
        shop.send(request).await.unwrap().status(),
        OrderStatus::Confirmed
    );
}
