//! The whole shop, started, used and ended again and again: nothing stays.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test may stop where it can't go on"
)]

#[path = "it/http.rs"]
#[expect(dead_code, reason = "each test uses a part of it")]
mod http;
#[path = "it/shop.rs"]
#[expect(dead_code, reason = "each test uses a part of it")]
mod shop;

use http::{Conn, request};
use shop::{Shop, order};
use testkit::{LIVENESS, assert_no_leaks_alone, wait_until_async};
use watertight::tasks::{Query, census};
use watertight::{Deadline, current};

const REQUESTS: usize = 50;
const KEYS: usize = 7;
/// The gateway watches orders over as many connections, in turn.
const WATCH_CONNECTIONS: usize = 63;

/// One order, in each of the ways to ask for it and to leave.
async fn ask(shop: &Shop, n: usize) {
    let key = format!("k{}", n % KEYS);
    let body = order(&[("tea", 1)]);
    let placed = shop.place(&key, &body).await;
    assert_eq!(placed.status(), 201, "{:?}", placed.json());
    let path = placed.header("location").unwrap().to_owned();
    match n % 5 {
        0 => assert_eq!(shop.get(&path).await.status(), 200),
        1 => assert_eq!(shop.delete(&path, &[]).await.status(), 200),
        2 => {
            // Whether it is recorded before its caller is missed is open.
            let headers = [
                ("content-type", "application/json"),
                ("idempotency-key", &format!("left{key}")),
            ];
            let body = body.to_string();
            let place = request("POST", "/v1/orders", &headers, body.as_bytes());
            Conn::open(shop.addr()).await.send(place).await;
        }
        3 => watch(shop, &path).await,
        _ => assert_eq!(shop.get("/v1/orders").await.status(), 200),
    }
}

/// Leaves as soon as the stream of events has begun.
async fn watch(shop: &Shop, path: &str) {
    let mut reader = Conn::open(shop.addr()).await;
    let watch = request("GET", &format!("{path}/events"), &[], b"");
    reader.send(watch).await;
    assert_eq!(reader.read.head().await.status, 200);
}

/// Waits until nobody asks for anything and there are no more tasks than that;
/// how many there are.
async fn at_rest(shop: &Shop, tasks_max: usize) -> usize {
    let root = current().unwrap().root_id();
    let now = || census(Query::Root(root), 100);
    let services = [&shop.gateway, &shop.orders, &shop.inventory];
    let in_flight = || services.map(|service| service.server().in_flight());
    let rest = wait_until_async(2 * LIVENESS, async || {
        let idle = in_flight() == [0; 3] && shop.gateway.server().connections() == 0;
        idle && now().tasks <= tasks_max
    });
    if Deadline::after(LIVENESS).run(rest).await.is_err() {
        let groups = now().groups.into_iter();
        let tasks: Vec<_> = groups.map(|g| format!("{} {}", g.tasks, g.site)).collect();
        panic!(
            "{:?} under way, {tasks_max} tasks before, now {tasks:#?}",
            in_flight()
        );
    }
    now().tasks
}

async fn one_life() {
    let shop = Shop::stocked().await;
    // This and the first round make all connections between the services.
    let placed = shop.place("watched", &order(&[("tea", 1)])).await;
    for _ in 0..WATCH_CONNECTIONS {
        watch(&shop, placed.header("location").unwrap()).await;
    }
    let mut tasks = usize::MAX;
    for _ in 0..2 {
        for n in 0..REQUESTS {
            ask(&shop, n).await;
        }
        tasks = at_rest(&shop, tasks).await;
    }
    shop.end().await;
}

#[test]
fn a_shop_that_was_used_leaves_nothing() {
    assert_no_leaks_alone(16, one_life);
}
