//! How requests are counted by route.

use crate::common::{Edge, State, counter, frame_of, grown};
use crate::faults::RawService;
use testkit::wire::{END_HEADERS, END_STREAM, RawClient, frame, grpc, kind};
use watertight::{Routes, ServerConfig, axum};

const WHOLE: u8 = END_HEADERS | END_STREAM;

fn edge() -> Edge {
    let state = State::default();
    let routes = Routes::new(
        tonic::service::Routes::new(RawService::flooding(&state)),
        vec!["test.Raw"],
        axum::Router::new(),
    );
    Edge::with(ServerConfig::default(), routes, state)
}

/// Asks, and waits for the head of the answer.
async fn answered(client: &mut RawClient, stream: u32, path: &str, timeout: &str) {
    let block = grpc(path, &[("grpc-timeout", timeout)]);
    let open = frame(kind::HEADERS, WHOLE, stream, &block);
    client.send(&open).await.unwrap();
    assert!(frame_of(client, kind::HEADERS, stream).await.is_some());
}

fn series(method: &str, code: &str) -> String {
    format!(r#"grpc_server_requests_total{{method="{method}",code="{code}"}}"#)
}

/// Their paths were never compared with any method.
#[watertight::test]
async fn what_the_server_refuses_makes_no_series() {
    let refusals = [("0m", "DEADLINE_EXCEEDED"), ("soon", "INVALID_ARGUMENT")];
    let edge = edge();
    let mut client = edge.raw(&[]).await;
    for (i, (timeout, code)) in (0..).zip(refusals) {
        let unmatched = series("unmatched", code);
        let before = counter(&unmatched);
        let path = format!("/test.Raw/Invented{i}");
        answered(&mut client, 2 * i + 1, &path, timeout).await;
        grown(&unmatched, before).await;
        assert_eq!(counter(&series(&path, code)), 0);
    }
    drop(client);
    edge.end().await;
}

/// It would go unseen just when it matters.
#[watertight::test]
async fn a_method_that_has_never_answered_has_its_series() {
    let edge = edge();
    let mut client = edge.raw(&[]).await;
    answered(&mut client, 1, "/test.Raw/Hang", "50m").await;
    grown(&series("/test.Raw/Hang", "DEADLINE_EXCEEDED"), 0).await;
    drop(client);
    edge.end().await;
}

/// As over HTTP, see `cancelled`.
#[watertight::test]
async fn deadlines_that_no_grpc_caller_gets_are_counted() {
    let edge = edge();
    let mut client = edge.raw(&[]).await;
    for (i, (timeout, outcome)) in (0..).zip([
        ("99999999H", "clamped"),
        ("-1S", "malformed"),
        ("1x", "malformed"),
        ("", "malformed"),
        ("0n", "expired"),
    ]) {
        let series = format!(r#"server_request_deadlines_total{{outcome="{outcome}"}}"#);
        let before = counter(&series);
        answered(&mut client, 2 * i + 1, "/test.Raw/Absurd", timeout).await;
        grown(&series, before).await;
    }
    drop(client);
    edge.end().await;
}
