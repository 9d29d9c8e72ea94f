//! Callers who leave before their answer: what was done for them alone stops in
//! the gateway and behind it, and what is recorded goes on.

use serde_json::json;
use testkit::{LIVENESS, wait_until_async};
use watertight::Running;

use crate::fake;
use crate::http::{Conn, request};
use crate::shop::{Shop, order, start_gateway};

/// Waits until so many requests are under way.
async fn in_flight(service: &Running, count: usize) {
    wait_until_async(LIVENESS, || async { service.server().in_flight() == count }).await;
}

fn place(key: &str) -> Vec<u8> {
    let headers = [
        ("content-type", "application/json"),
        ("idempotency-key", key),
    ];
    let body = order(&[("tea", 2)]).to_string();
    request("POST", "/v1/orders", &headers, body.as_bytes())
}

#[watertight::test]
async fn a_caller_that_leaves_ends_the_call_behind_the_gateway() {
    let orders = fake::start().await;
    let gateway = start_gateway(&orders.url(), "http://127.0.0.1:1", &[]).await;
    let mut callers = Vec::new();
    for _ in 0..10 {
        let mut conn = Conn::open(gateway.addr()).await;
        // One that never answers.
        conn.send(place("silent")).await;
        callers.push(conn);
    }
    in_flight(&orders, 10).await;
    assert_eq!(gateway.server().in_flight(), 10);
    callers.truncate(3);
    in_flight(&gateway, 3).await;
    in_flight(&orders, 3).await;
    drop(callers);
    in_flight(&gateway, 0).await;
    in_flight(&orders, 0).await;
    assert!(gateway.shutdown().await.is_empty());
    assert!(orders.shutdown().await.is_empty());
}

#[watertight::test]
async fn an_order_that_is_recorded_goes_on_without_its_caller() {
    let shop = Shop::stocked().await;
    shop.provider_hangs(true).await;
    let mut conn = Conn::open(shop.addr()).await;
    conn.send(place("left")).await;
    let listed = || async { shop.get("/v1/orders").await.json()["orders"].clone() };
    wait_until_async(LIVENESS, || async {
        listed()
            .await
            .as_array()
            .is_some_and(|orders| orders.len() == 1)
    })
    .await;
    drop(conn);
    // The requests are gone; the saga belongs to orders.
    in_flight(&shop.gateway, 0).await;
    in_flight(&shop.orders, 0).await;
    shop.provider_hangs(false).await;
    wait_until_async(LIVENESS, || async {
        listed().await[0]["status"] == "CONFIRMED"
    })
    .await;
    let again = shop.place("left", &order(&[("tea", 2)])).await;
    assert_eq!(again.status(), 201);
    assert_eq!(again.json()["id"], listed().await[0]["id"]);
    let stock = shop.get("/v1/stock/tea").await.json();
    assert_eq!((&stock["sold"], &stock["reserved"]), (&json!(2), &json!(0)));
}

#[watertight::test]
async fn a_reader_of_events_that_leaves_ends_its_watch_in_both() {
    let shop = Shop::stocked().await;
    let path = shop.place_pending("k", &order(&[("tea", 1)])).await;
    in_flight(&shop.orders, 0).await;
    let mut readers = Vec::new();
    for _ in 0..5 {
        let mut conn = Conn::open(shop.addr()).await;
        conn.send(request("GET", &format!("{path}/events"), &[], b""))
            .await;
        assert_eq!(conn.read.head().await.status, 200);
        readers.push(conn);
    }
    assert_eq!(shop.gateway.server().in_flight(), 5);
    assert_eq!(shop.orders.server().in_flight(), 5);
    drop(readers);
    in_flight(&shop.gateway, 0).await;
    in_flight(&shop.orders, 0).await;
    shop.provider_hangs(false).await;
    shop.end().await;
}
