//! WatchStock.

use shop_proto::inventory::*;
use tonic::{Code, Streaming};

use crate::support::*;

async fn next(stream: &mut Streaming<WatchStockResponse>) -> Stock {
    testkit::within(testkit::LIVENESS, stream.message())
        .await
        .unwrap()
        .expect("a message")
        .stock
        .unwrap()
}

fn watch(skus: &[&str]) -> WatchStockRequest {
    let skus = skus.iter().map(|&sku| sku.to_owned()).collect();
    WatchStockRequest { skus }
}

#[watertight::test]
async fn watchers_see_the_stock_now_and_after_each_change() {
    let dir = testkit::temp_dir();
    let mut service = Service::start(dir.path(), &[]).await;
    let client = &mut service.client;
    stocked(client, "tea", 10).await;
    stocked(client, "cup", 10).await;
    let mut stream = client
        .watch_stock(watch(&["tea", "new"]))
        .await
        .unwrap()
        .into_inner();
    assert_eq!(next(&mut stream).await.available, 10);

    client
        .reserve(reserve(1, vec![line("cup", 1)]))
        .await
        .unwrap();
    client
        .reserve(reserve(2, vec![line("tea", 3)]))
        .await
        .unwrap();
    let seen = next(&mut stream).await;
    assert_eq!(
        (seen.sku.as_str(), seen.available, seen.reserved),
        ("tea", 7, 3)
    );
    let order_id = order(2);
    client.commit(CommitRequest { order_id }).await.unwrap();
    assert_eq!(next(&mut stream).await.sold, 3);
    let order_id = order(2);
    client.release(ReleaseRequest { order_id }).await.unwrap();
    assert_eq!(next(&mut stream).await.available, 10);
    stocked(client, "new", 1).await;
    assert_eq!(next(&mut stream).await.sku, "new");
    drop(stream);
    service.stop().await;
}

#[watertight::test]
async fn a_watcher_that_lags_ends_with_the_truth() {
    let dir = testkit::temp_dir();
    let mut service = Service::start(dir.path(), &[]).await;
    let client = &mut service.client;
    stocked(client, "tea", 1_000).await;
    let mut stream = client
        .watch_stock(watch(&["tea"]))
        .await
        .unwrap()
        .into_inner();
    for n in 0..200 {
        client
            .reserve(reserve(n, vec![line("tea", 1)]))
            .await
            .unwrap();
    }
    let mut last = next(&mut stream).await;
    while last.reserved < 200 {
        let seen = next(&mut stream).await;
        assert!(seen.version >= last.version, "never goes back");
        last = seen;
    }
    assert_eq!(last.available, 800);
    drop(stream);
    service.stop().await;
}

#[watertight::test]
async fn watchers_are_bounded_and_give_their_place_back() {
    let dir = testkit::temp_dir();
    let mut service = Service::start(dir.path(), &[]).await;
    stocked(&mut service.client, "tea", 1).await;
    // More than one connection: one carries fewer streams than may watch.
    let clients = [0, 1].map(|_| client(&service.running.url()));
    let mut streams = Vec::new();
    let refused = loop {
        let mut client = clients[streams.len() % 2].clone();
        match client.watch_stock(watch(&["tea"])).await {
            Ok(stream) => streams.push(stream.into_inner()),
            Err(status) => break status,
        }
        assert!(streams.len() <= 256, "watchers have no bound");
    };
    assert_refused::<()>(Err(refused), Code::ResourceExhausted, "TOO_MANY_WATCHERS");
    drop(streams);
    until("places come back", || {
        let mut client = clients[0].clone();
        async move { client.watch_stock(watch(&["tea"])).await.is_ok() }
    })
    .await;
    service.stop().await;
}
