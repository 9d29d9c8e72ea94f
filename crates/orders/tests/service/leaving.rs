//! Callers on sockets who leave before their order is recorded.

use std::ffi::OsString;

use shop_proto::orders::orders_service_client::OrdersServiceClient;
use shop_proto::orders::orders_service_server::OrdersServiceServer;
use shop_proto::orders::{LineItem, PlaceOrderRequest, WatchOrderRequest};
use tonic::transport::{Channel, Endpoint};
use watertight::{App, Running};

use super::shop::*;

/// The service of `shop` on a socket, and a client of it.
async fn serve(shop: &Shop) -> (Running, OrdersServiceClient<Channel>) {
    let flags = ["orders", "--listen", "127.0.0.1:0", "--unready", "0s"];
    let flags: Vec<OsString> = flags.iter().map(Into::into).collect();
    let grpc = orders::api::Grpc::new(shop.orders.clone());
    let app = App::new("orders", flags).grpc(OrdersServiceServer::new(grpc));
    let running = app.start().await.unwrap();
    let endpoint = Endpoint::from_shared(running.url()).unwrap();
    let client = OrdersServiceClient::new(endpoint.connect().await.unwrap());
    (running, client)
}

/// No request is under way any more.
async fn all_gone(running: &Running) {
    wait_until_async(LIVENESS, || async { running.server().in_flight() == 0 }).await;
}

#[watertight::test(flavor = "multi_thread")]
async fn a_caller_that_hangs_up_before_the_record_leaves_nothing_behind() {
    let shop = Shop::new();
    let (running, mut client) = serve(&shop).await;
    shop.store.shut();
    let request = PlaceOrderRequest {
        idempotency_key: "k".to_owned(),
        customer_id: "ada".to_owned(),
        lines: vec![LineItem {
            sku: "tea".to_owned(),
            quantity: 2,
        }],
        payment_method: "pm_card_ok".to_owned(),
    };
    {
        let waiting = wait_until_async(LIVENESS, || async {
            shop.store.waiting.load(Ordering::Acquire)
        });
        let placed = race(client.place_order(request), waiting).await;
        assert!(matches!(placed, Either::Right(())), "the gate is shut");
        // Here the call is dropped, and with it its stream is reset.
    }
    all_gone(&running).await;
    shop.store.open();
    wait_until_async(LIVENESS, || async { shop.orders.jobs() == 0 }).await;
    assert_eq!(shop.store.len().await, 0, "it was recorded for nobody");
    {
        let world = shop.fake.world();
        assert!(world.calls.is_empty() && world.books.is_empty());
    }
    running.shutdown().await;
}

#[watertight::test(flavor = "multi_thread")]
async fn a_watcher_that_hangs_up_is_gone_and_its_order_goes_on() {
    let shop = Shop::with(Settings {
        watchers_max: 1,
        ..Settings::default()
    });
    let (running, client) = serve(&shop).await;
    shop.fake.hold(Call::Authorize);
    let id = shop.pending("k").await;
    let watch = || async {
        let order_id = id.to_string();
        let mut client = client.clone();
        client.watch_order(WatchOrderRequest { order_id }).await
    };
    let mut first = watch().await.unwrap().into_inner();
    assert!(first.message().await.unwrap().is_some());
    assert_eq!(running.server().in_flight(), 1);
    assert!(watch().await.is_err(), "its place is taken");
    drop(first);
    all_gone(&running).await;
    // Its place came back, and the saga is where it was.
    let mut second = watch().await.unwrap().into_inner();
    shop.fake.let_go(Call::Authorize);
    while second.message().await.unwrap().is_some() {}
    assert_eq!(shop.get(id).await.state, State::Confirmed);
    running.shutdown().await;
}
