//! The changes of an order as a stream.

use std::collections::HashMap;

use serde_json::Value;
use testkit::{LIVENESS, wait_until_async};

use crate::http::{Conn, Head, request};
use crate::shop::{Shop, order};

/// An open stream of events.
struct Stream {
    head: Head,
    conn: Conn,
}

async fn open(shop: &Shop, path: &str, last: Option<&str>) -> Stream {
    let mut conn = Conn::open(shop.addr()).await;
    let headers: Vec<_> = last
        .map(|last| ("last-event-id", last))
        .into_iter()
        .collect();
    conn.send(request("GET", &format!("{path}/events"), &headers, b""))
        .await;
    let head = conn.read.head().await;
    Stream { head, conn }
}

impl Stream {
    /// The next event that is no heartbeat; `None` at the end of the stream.
    async fn event(&mut self) -> Option<HashMap<String, String>> {
        loop {
            let text = String::from_utf8(self.conn.read.chunk().await?).unwrap();
            assert!(text.ends_with("\n\n"), "{text:?}");
            let fields = text.lines().filter_map(|line| line.split_once(": "));
            let fields: HashMap<_, _> = fields
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .collect();
            if !fields.is_empty() {
                return Some(fields);
            }
        }
    }

    async fn order(&mut self) -> Value {
        let event = self.event().await.unwrap();
        assert_eq!(event["event"], "order", "{event:?}");
        let order: Value = serde_json::from_str(&event["data"]).unwrap();
        assert_eq!(order["version"].to_string(), event["id"]);
        order
    }
}

/// An order that stays pending for as long as the provider hangs.
async fn pending(shop: &Shop, key: &str) -> String {
    shop.place_pending(key, &order(&[("tea", 1)])).await
}

#[watertight::test]
async fn a_watch_sees_the_end_and_comes_back_to_nothing() {
    let shop = Shop::stocked().await;
    let path = pending(&shop, "k").await;
    let mut stream = open(&shop, &path, None).await;
    assert_eq!(stream.head.status, 200);
    assert_eq!(
        stream.head.header("content-type"),
        Some("text/event-stream")
    );
    assert_eq!(stream.head.header("content-encoding"), None);
    let first = stream.order().await;
    assert_eq!(first["status"], "PENDING");
    shop.provider_hangs(false).await;
    let mut versions = vec![first["version"].as_i64().unwrap()];
    let mut last = first;
    while last["status"] == "PENDING" {
        last = stream.order().await;
        versions.push(last["version"].as_i64().unwrap());
    }
    assert_eq!(last["status"], "CONFIRMED");
    assert!(versions.is_sorted_by(|a, b| a < b), "{versions:?}");
    assert!(stream.event().await.is_none());
    // Who has seen the end is told not to come back; who hasn't, sees it.
    let end = last["version"].to_string();
    assert_eq!(open(&shop, &path, Some(&end)).await.head.status, 204);
    // An id that the order never had, of another order perhaps, counts as none.
    let before = (last["version"].as_i64().unwrap() - 1).to_string();
    let beyond = (last["version"].as_i64().unwrap() + 1).to_string();
    for seen in [Some(before.as_str()), Some(beyond.as_str()), None] {
        let mut late = open(&shop, &path, seen).await;
        assert_eq!(late.order().await, last);
        assert!(late.event().await.is_none());
    }
}

#[watertight::test]
async fn what_was_seen_is_not_sent_again() {
    let shop = Shop::stocked().await;
    let path = pending(&shop, "k").await;
    let mut stream = open(&shop, &path, None).await;
    let seen = stream.order().await["version"].to_string();
    drop(stream);
    let mut back = open(&shop, &path, Some(&seen)).await;
    assert_eq!(back.head.status, 200);
    shop.provider_hangs(false).await;
    let next = back.order().await["version"].as_i64().unwrap();
    assert!(next > seen.parse().unwrap());
    for bad in ["x", "-1", "1.5"] {
        assert_eq!(
            open(&shop, &path, Some(bad)).await.head.status,
            400,
            "{bad}"
        );
    }
}

#[watertight::test]
async fn silence_is_broken_and_ends() {
    let flags = ["--events-heartbeat", "50ms", "--events-idle", "400ms"];
    let shop = Shop::with(&flags, &[]).await.stock().await;
    let path = pending(&shop, "k").await;
    let mut stream = open(&shop, &path, None).await;
    stream.order().await;
    assert_eq!(stream.conn.read.chunk().await.unwrap(), b":\n\n");
    let mut event = stream.event().await.unwrap();
    // The saga may have moved until its payment hangs.
    while event["event"] == "order" {
        event = stream.event().await.unwrap();
    }
    assert_eq!(event["event"], "bye");
    assert!(
        event["data"].contains("idle") && event["retry"] == "30000",
        "{event:?}"
    );
    assert!(stream.event().await.is_none());
}

#[watertight::test]
async fn streams_are_bounded_and_come_back_when_readers_leave() {
    let shop = Shop::with(&["--events-max", "2"], &["--watchers-max", "2"])
        .await
        .stock()
        .await;
    let path = pending(&shop, "k").await;
    let (first, second) = (
        open(&shop, &path, None).await,
        open(&shop, &path, None).await,
    );
    assert_eq!((first.head.status, second.head.status), (200, 200));
    let refused = shop.get(&format!("{path}/events")).await;
    refused.problem(429, "too-many-streams");
    assert_eq!(refused.header("retry-after"), Some("5"));
    // The reader leaves: its place comes back here, and its watch at orders.
    drop(first);
    wait_until_async(LIVENESS, || async {
        open(&shop, &path, None).await.head.status == 200
    })
    .await;
    drop(second);
}

#[watertight::test]
async fn a_server_that_goes_away_says_so() {
    let shop = Shop::stocked().await;
    let path = pending(&shop, "k").await;
    let mut stream = open(&shop, &path, None).await;
    stream.order().await;
    let going = shop.gateway.shutdown();
    let told = async {
        let mut event = stream.event().await.unwrap();
        while event["event"] == "order" {
            event = stream.event().await.unwrap();
        }
        assert_eq!((&*event["event"], &*event["retry"]), ("bye", "1000"));
        assert!(stream.event().await.is_none());
    };
    let (stragglers, ()) = watertight::join(going, told).await;
    assert!(stragglers.is_empty(), "{stragglers}");
}

#[watertight::test]
async fn a_watch_outlives_the_deadline_of_its_request() {
    let flags = ["--request-timeout", "700ms", "--events-heartbeat", "200ms"];
    let shop = Shop::with(&flags, &[]).await.stock().await;
    let path = pending(&shop, "k").await;
    let mut stream = open(&shop, &path, None).await;
    stream.order().await;
    // More silence than the request had time.
    let mut beats = 0;
    while beats < 6 {
        let text = stream.conn.read.chunk().await.unwrap();
        assert!(!text.starts_with(b"retry"), "it ended early");
        beats += u32::from(text == b":\n\n");
    }
    shop.provider_hangs(false).await;
    while stream.order().await["status"] == "PENDING" {}
    assert!(stream.event().await.is_none());
}
