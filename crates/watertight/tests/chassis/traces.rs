//! One trace id from hop to hop, in answers and in statuses.

use crate::common::{Echo, app, call, call_with, echo_server, get};
use axum::routing::get as route;
use std::time::Duration;
use tonic::{Code, Request};
use tonic_types::StatusExt;
use watertight::{GrpcChannel, HttpClient, axum, current_trace};

const CALLER: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
const CALLERS_ID: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

fn traced(text: &str) -> Request<String> {
    let mut request = Request::new(text.to_owned());
    let value = CALLER.parse().unwrap();
    request.metadata_mut().insert("traceparent", value);
    request
}

fn id(traceparent: &str) -> &str {
    &traceparent[3..35]
}

#[watertight::test]
async fn one_trace_id_holds_across_http_and_two_grpc_hops() {
    let (third, to_third) = echo_server(Echo::default(), &[]).await;
    let (second, to_second) = echo_server(
        Echo {
            next: Some(to_third),
            ..Echo::default()
        },
        &[],
    )
    .await;
    let handler = async move || call(to_second, "NextTrace", String::new()).await.unwrap();
    let router = axum::Router::new().route("/", route(handler));
    let first = app(&[]).http(router).start().await.unwrap();

    let answer = get(first.addr(), "/", &format!("traceparent: {CALLER}\r\n")).await;
    let seen: Vec<_> = answer.rsplit('\n').next().unwrap().split(' ').collect();
    let [sent_to_second, second_trace, sent_to_third, third_trace] = seen[..] else {
        panic!("{answer}");
    };
    for trace in &seen {
        assert_eq!(id(trace), CALLERS_ID, "{answer}");
    }
    // Each hop tells the next its own span.
    assert_ne!(sent_to_second, CALLER);
    assert_ne!(sent_to_second, second_trace);
    assert_eq!(second_trace, sent_to_third);
    assert_ne!(sent_to_third, third_trace);
    for running in [first, second, third] {
        running.shutdown().await;
    }
}

#[watertight::test]
async fn the_http_client_tells_the_trace() {
    let headers = async |headers: http::HeaderMap| {
        let value = headers.get("traceparent");
        value.map_or(String::new(), |value| value.to_str().unwrap().to_owned())
    };
    let router = axum::Router::new().route("/", route(headers));
    let second = app(&[]).http(router).start().await.unwrap();
    let (client, url) = (HttpClient::new("next"), format!("{}/", second.url()));
    let handler = async move || {
        let request = http::Request::get(url).body(bytes::Bytes::new()).unwrap();
        let answer = client.send(request).await.unwrap();
        let here = current_trace().unwrap();
        assert_eq!(
            here.to_string(),
            std::str::from_utf8(answer.body()).unwrap()
        );
        here.to_string()
    };
    let router = axum::Router::new().route("/", route(handler));
    let first = app(&[]).http(router).start().await.unwrap();
    let answer = get(first.addr(), "/", &format!("traceparent: {CALLER}\r\n")).await;
    assert!(answer.contains(CALLERS_ID), "{answer}");
    // Without a caller's, and with nonsense, each request begins a trace.
    for nonsense in ["", "traceparent: nonsense\r\n"] {
        let answer = get(first.addr(), "/", nonsense).await;
        let trace = answer.rsplit('\n').next().unwrap();
        assert!(trace.len() == 55 && id(trace) != CALLERS_ID, "{answer}");
    }
    first.shutdown().await;
    second.shutdown().await;
}

#[watertight::test]
async fn statuses_of_the_chassis_name_reason_and_trace() {
    let (running, channel) = echo_server(Echo::default(), &["--request-timeout", "200ms"]).await;
    let expected = [
        ("Panic", Code::Internal, "INTERNAL"),
        ("Hang", Code::DeadlineExceeded, "DEADLINE_EXCEEDED"),
    ];
    for (method, code, reason) in expected {
        let status = call_with(channel.clone(), method, traced(""))
            .await
            .unwrap_err();
        assert_eq!(status.code(), code, "{status:?}");
        let details = status.get_error_details();
        let info = details.error_info().unwrap();
        assert_eq!((&*info.reason, &*info.domain), (reason, "watertight"));
        assert_eq!(details.request_info().unwrap().request_id, CALLERS_ID);
    }
    running.shutdown().await;
}

#[watertight::test]
async fn what_tonic_refuses_gets_reason_and_trace_too() {
    let (running, channel) = echo_server(Echo::default(), &[]).await;
    // A string is declared longer than the message that holds it.
    let malformed = async |channel: GrpcChannel| {
        let mut client = tonic::client::Grpc::new(channel);
        client.ready().await.unwrap();
        let codec = tonic_prost::ProstCodec::<Vec<u8>, String>::default();
        let path = "/test.Echo/Say".parse().unwrap();
        let mut request = Request::new(b"\xff\xff\xff".to_vec());
        let traceparent = CALLER.parse().unwrap();
        request.metadata_mut().insert("traceparent", traceparent);
        client.unary(request, path, codec).await.unwrap_err()
    };
    let send = async |text: String| {
        let request = traced(&text);
        call_with(channel.clone(), "Say", request)
            .await
            .unwrap_err()
    };
    let unknown = call_with(channel.clone(), "NoSuchMethod", traced(""))
        .await
        .unwrap_err();
    let cases = [
        (unknown, "UNKNOWN_METHOD"),
        (send("x".repeat(5 << 20)).await, "MESSAGE_TOO_LARGE"),
        (malformed(channel.clone()).await, "MALFORMED_MESSAGE"),
    ];
    for (status, reason) in cases {
        let details = status.get_error_details();
        assert_eq!(details.error_info().unwrap().reason, reason, "{status:?}");
        assert_eq!(details.request_info().unwrap().request_id, CALLERS_ID);
    }
    // A handler's own status keeps its word, and gets the id.
    let own = call_with(channel.clone(), "Next", traced(""))
        .await
        .unwrap_err();
    assert_eq!(
        (own.code(), own.message()),
        (Code::FailedPrecondition, "no next hop")
    );
    let details = own.get_error_details();
    assert!(details.error_info().is_none());
    assert_eq!(details.request_info().unwrap().request_id, CALLERS_ID);
    running.shutdown().await;
}

#[watertight::test]
async fn a_stream_that_is_late_says_so_in_its_trailers() {
    let (running, _) = echo_server(Echo::default(), &[]).await;
    // A bare client: the chassis' own would notice the deadline itself.
    let channel = crate::common::raw_channel(&running).await;
    let mut client = tonic::client::Grpc::new(channel);
    assert!(client.ready().await.is_ok());
    let mut request = traced("");
    request.set_timeout(Duration::from_millis(300));
    let codec = tonic_prost::ProstCodec::<String, String>::default();
    let path = "/test.Echo/Stream".parse().unwrap();
    let answer = client.server_streaming(request, path, codec).await.unwrap();
    let mut stream = answer.into_inner();
    let status = loop {
        match stream.message().await {
            Ok(item) => assert!(item.is_some(), "ended without an error"),
            Err(status) => break status,
        }
    };
    assert_eq!(status.code(), Code::DeadlineExceeded);
    let details = status.get_error_details();
    assert_eq!(details.request_info().unwrap().request_id, CALLERS_ID);
    running.shutdown().await;
}

#[watertight::test]
async fn problems_name_the_trace() {
    let panic = async || -> &'static str { std::panic::resume_unwind(Box::new("asked to")) };
    let router = axum::Router::new().route("/panic", route(panic));
    let running = app(&[]).http(router).start().await.unwrap();
    for (path, status) in [("/panic", 500), ("/nowhere", 404)] {
        let answer = get(running.addr(), path, &format!("traceparent: {CALLER}\r\n")).await;
        assert!(
            answer.starts_with(&format!("HTTP/1.1 {status}")),
            "{answer}"
        );
        assert!(
            answer.contains(&format!("x-trace-id: {CALLERS_ID}\r\n")),
            "{answer}"
        );
        assert!(
            answer.contains(&format!(r#""trace_id":"{CALLERS_ID}""#)),
            "{answer}"
        );
    }
    running.shutdown().await;
}

#[watertight::test]
async fn work_without_a_request_sends_no_trace() {
    let (running, channel) = echo_server(Echo::default(), &[]).await;
    let answer = call(channel, "Trace", String::new()).await.unwrap();
    assert!(answer.starts_with("none 00-"), "{answer}");
    let scope = watertight::Scope::root("job");
    let job = GrpcChannel::connect_lazy("echo", &running.url()).unwrap();
    let answer = scope.run(call(job, "Trace", String::new())).await.unwrap();
    assert!(answer.unwrap().starts_with("none 00-"));
    running.shutdown().await;
}
