//! What tells the server that a caller has left, and what hides it.

use crate::common::{Edge, ms, say, until, until_closed};
use std::sync::atomic::Ordering;
use testkit::wait_until_async;
use tokio::io::AsyncWriteExt;
use watertight::ServerConfig;

use crate::common::LIVENESS;

const GET_HANG: &str = "GET /hang HTTP/1.1\r\nhost: t\r\n\r\n";

async fn started(edge: &Edge) {
    wait_until_async(LIVENESS, async || {
        edge.state.alive.load(Ordering::SeqCst) == 1
    })
    .await;
}

#[watertight::test]
async fn a_caller_that_hangs_up_ends_its_handler() {
    let edge = Edge::start(ServerConfig::default());
    let tcp = say(edge.addr, GET_HANG).await;
    started(&edge).await;
    drop(tcp);
    edge.freed().await;
    edge.end().await;
}

#[watertight::test]
async fn a_caller_that_shuts_its_side_down_is_taken_as_gone() {
    let edge = Edge::start(ServerConfig::default());
    let mut tcp = say(edge.addr, GET_HANG).await;
    started(&edge).await;
    tcp.shutdown().await.unwrap();
    assert_eq!(until_closed(&mut tcp).await, "");
    edge.freed().await;
    edge.end().await;
}

#[watertight::test]
async fn half_close_answers_it_and_then_only_the_deadline_ends_a_handler() {
    let edge = Edge::start(ServerConfig {
        half_close: true,
        request_timeout: ms(400),
        ..ServerConfig::default()
    });
    let mut tcp = say(edge.addr, GET_HANG).await;
    tcp.shutdown().await.unwrap();
    let answer = until_closed(&mut tcp).await;
    assert!(answer.starts_with("HTTP/1.1 504"), "{answer}");
    // Gone altogether looks the same to the server.
    let tcp = say(edge.addr, GET_HANG).await;
    started(&edge).await;
    drop(tcp);
    edge.freed().await;
    edge.end().await;
}

/// What hides a disconnect: hyper reads on only when it wants more of the
/// request, so it doesn't see the end behind bytes that nobody asked for.
const HIDING: [(&str, &str); 3] = [
    (
        "a partial body",
        "POST /hang HTTP/1.1\r\nhost: t\r\ncontent-length: 100000\r\n\r\nsome of it",
    ),
    (
        "expect: 100-continue",
        "POST /hang HTTP/1.1\r\nhost: t\r\ncontent-length: 5\r\nexpect: 100-continue\r\n\r\n",
    ),
    (
        "pipelining",
        "GET /hang HTTP/1.1\r\nhost: t\r\n\r\nGET / HTTP/1.1\r\nhost: t\r\n\r\n",
    ),
];

#[watertight::test]
async fn what_hides_a_disconnect_leaves_the_handler_to_its_deadline() {
    for (what, request) in HIDING {
        let edge = Edge::start(ServerConfig {
            request_timeout: ms(500),
            ..ServerConfig::default()
        });
        let tcp = say(edge.addr, request).await;
        started(&edge).await;
        drop(tcp);
        testkit::let_pass(ms(100), "that nothing is noticed has no signal").await;
        // If this fails, hyper has learned to see it: say so in docs/design/edge-peers.md.
        assert_eq!(edge.state.alive(), 1, "{what} no longer hides a disconnect");
        edge.freed().await;
        edge.end().await;
    }
}

#[watertight::test]
async fn expect_continue_is_answered_when_the_body_is_wanted() {
    let edge = Edge::start(ServerConfig::default());
    let head =
        "POST /read HTTP/1.1\r\nhost: t\r\ncontent-length: 5\r\nexpect: 100-continue\r\n\r\n";
    let mut tcp = say(edge.addr, head).await;
    until(&mut tcp, "HTTP/1.1 100 Continue\r\n\r\n").await;
    tcp.write_all(b"12345").await.unwrap();
    let answer = until(&mut tcp, "\r\n\r\n5").await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    // Who doesn't want it, answers at once.
    let head = head.replace("/read", "/nowhere");
    let mut tcp = say(edge.addr, &head).await;
    let answer = until(&mut tcp, "\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 404"), "{answer}");
    edge.end().await;
}

#[watertight::test]
async fn pipelined_requests_are_answered_in_order() {
    let edge = Edge::start(ServerConfig::default());
    let posts = |body: &str| {
        format!(
            "POST /echo HTTP/1.1\r\nhost: t\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        )
    };
    let last = "GET / HTTP/1.1\r\nhost: t\r\nconnection: close\r\n\r\n";
    let all: String = (0..50)
        .map(|i| posts(&format!("body-{i};")))
        .chain([last.to_owned()])
        .collect();
    let answer = until_closed(&mut say(edge.addr, &all).await).await;
    assert_eq!(answer.matches("HTTP/1.1 200").count(), 51);
    let at = |text: &str| answer.find(text).unwrap_or_else(|| panic!("no {text}"));
    for i in 1..50 {
        assert!(at(&format!("body-{};", i - 1)) < at(&format!("body-{i};")));
    }
    edge.end().await;
}
