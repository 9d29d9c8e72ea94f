//! How requests are counted by route.

use crate::common::{Edge, State, counter, frame_of, grown, rendered, until};
use crate::faults::RawService;
use testkit::wire::{END_HEADERS, END_STREAM, RawClient, frame, grpc, kind};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
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
    crate::common::rpc_count(method, code)
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

/// What a caller makes up is in no label, however much of it there is.
#[watertight::test]
async fn ten_thousand_paths_and_a_thousand_methods_make_no_series() {
    const NAME: &str = "http_server_request_duration_seconds_count";
    let edge = Edge::start(ServerConfig::default());
    let mut tcp = TcpStream::connect(edge.addr).await.unwrap();
    let unmatched = |method: &str| {
        let labels = format!(
            r#"http_request_method="{method}",http_route="unmatched",http_response_status_code="404",error_type="""#
        );
        format!("{NAME}{{{labels}}}")
    };
    let before = [counter(&unmatched("GET")), counter(&unmatched("other"))];
    for i in 0..11_000 {
        let method = if i < 10_000 {
            "GET".to_owned()
        } else {
            format!("MADE-UP-{i}")
        };
        let request = format!("{method} /made/up/{i}?q={i} HTTP/1.1\r\nhost: t\r\n\r\n");
        tcp.write_all(request.as_bytes()).await.unwrap();
        let answer = until(&mut tcp, "\r\n\r\n").await;
        assert!(answer.starts_with("HTTP/1.1 404"), "{answer}");
    }
    drop(tcp);
    grown(&unmatched("GET"), before[0] + 9_999).await;
    grown(&unmatched("other"), before[1] + 999).await;
    let text = rendered();
    assert!(!text.contains("made/up") && !text.contains("MADE-UP"));
    let series = text.lines().filter(|line| line.starts_with(NAME)).count();
    assert!(series < 50, "{series} series");
    edge.end().await;
}
