//! Deadlines: read, clamped, refused, enforced, handed on.

use crate::common::{Echo, LIVENESS, app, call, call_with, echo_server, get, raw_channel, stream};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use testkit::wait_until_async;
use tonic::{Code, Request};
use watertight::{Deadline, GrpcChannel, Scope, axum, parse_grpc_timeout};

fn with_timeout(value: &'static str) -> Request<String> {
    let mut request = Request::new(String::new());
    request
        .metadata_mut()
        .insert("grpc-timeout", value.parse().unwrap());
    request
}

#[watertight::test]
async fn the_next_hop_is_told_less_than_is_left() {
    let (last, next) = echo_server(Echo::default(), &[]).await;
    let middle = Echo {
        next: Some(next),
        ..Echo::default()
    };
    let (first, channel) = echo_server(middle, &[]).await;
    let told = call_with(channel.clone(), "Next", with_timeout("2S"))
        .await
        .unwrap();
    let told = parse_grpc_timeout(&told).unwrap();
    assert!(
        told <= Duration::from_millis(1990) && told > Duration::ZERO,
        "{told:?}"
    );
    // Without a timeout of its own, the call carries the server's default.
    let told = call(channel, "Next", String::new()).await.unwrap();
    let told = parse_grpc_timeout(&told).unwrap();
    assert!(
        told < Duration::from_secs(10) && told > Duration::ZERO,
        "{told:?}"
    );
    first.shutdown().await;
    last.shutdown().await;
}

#[watertight::test]
async fn the_earlier_of_scope_and_request_wins() {
    let (running, channel) = echo_server(Echo::default(), &[]).await;
    let scope = Scope::root("test").with_deadline(Deadline::after(Duration::from_secs(20)));
    let told = scope
        .run(call_with(channel.clone(), "Timeout", with_timeout("25S")))
        .await
        .unwrap();
    assert!(parse_grpc_timeout(&told.unwrap()).unwrap() < Duration::from_secs(20));
    let told = scope
        .run(call_with(channel, "Timeout", with_timeout("5S")))
        .await
        .unwrap();
    assert!(parse_grpc_timeout(&told.unwrap()).unwrap() < Duration::from_secs(5));
    running.shutdown().await;
}

#[watertight::test]
async fn a_server_that_never_answers_is_given_up_at_the_deadline() {
    // Accepts, and says nothing: neither HTTP nor an error.
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let channel = GrpcChannel::connect_lazy("silent", &url).unwrap();
    let scope = Scope::root("test").with_deadline(Deadline::after(Duration::from_millis(100)));
    let error = scope
        .ambient(call(channel, "Say", String::new()))
        .await
        .unwrap_err();
    assert_eq!(error.code(), Code::DeadlineExceeded);
}

#[watertight::test]
async fn nobody_listening_is_unavailable() {
    let channel = GrpcChannel::connect_lazy("nobody", "http://127.0.0.1:1").unwrap();
    let error = call(channel, "Say", String::new()).await.unwrap_err();
    assert_eq!(error.code(), Code::Unavailable);
    assert!(GrpcChannel::connect_lazy("bad", "not a url").is_err());
    assert!(GrpcChannel::connect_lazy("bad", "https://127.0.0.1:1").is_err());
}

#[watertight::test]
async fn garbage_and_negative_timeouts_are_refused_before_the_handler() {
    let echo = Echo::default();
    let (running, _) = echo_server(echo.clone(), &[]).await;
    let channel = raw_channel(&running).await;
    for bad in ["-1S", "1", "soon", "1x", "123456789S"] {
        let error = call_with(channel.clone(), "Hang", with_timeout(bad))
            .await
            .unwrap_err();
        assert_eq!(error.code(), Code::InvalidArgument, "{bad}");
    }
    let error = call_with(channel, "Hang", with_timeout("0S"))
        .await
        .unwrap_err();
    assert_eq!(error.code(), Code::DeadlineExceeded);
    assert_eq!(echo.running.load(Ordering::SeqCst), 0);
    running.shutdown().await;
}

#[watertight::test]
async fn absurd_timeouts_are_cut_down() {
    let (running, _) = echo_server(Echo::default(), &["--request-timeout-max", "20s"]).await;
    let channel = raw_channel(&running).await;
    let left = call_with(channel, "Left", with_timeout("99999999H"))
        .await
        .unwrap();
    assert!(left.parse::<u64>().unwrap() <= 20_000, "{left}");
    running.shutdown().await;
}

#[watertight::test]
async fn a_handler_over_its_deadline_is_dropped_and_the_caller_told() {
    let echo = Echo::default();
    let (running, _) = echo_server(echo.clone(), &[]).await;
    // tonic's client doesn't enforce a hand-written header, so this is the server's answer.
    let error = call_with(raw_channel(&running).await, "Hang", with_timeout("50m"))
        .await
        .unwrap_err();
    assert_eq!(
        (error.code(), error.message()),
        (Code::DeadlineExceeded, "deadline exceeded")
    );
    wait_until_async(LIVENESS, async || echo.running.load(Ordering::SeqCst) == 0).await;
    running.shutdown().await;
}

#[watertight::test]
async fn http_timeouts_follow_the_same_rules() {
    let hang = axum::routing::get(async || std::future::pending::<&'static str>().await);
    let running = app(&["--request-timeout", "50ms"])
        .http(axum::Router::new().route("/", hang))
        .start()
        .await
        .unwrap();
    for (header, status) in [
        ("", "504"),
        ("x-request-timeout: 60\r\n", "504"),
        ("x-request-timeout: 0\r\n", "504"),
        ("x-request-timeout: -5\r\n", "400"),
        ("x-request-timeout: soon\r\n", "400"),
    ] {
        let answer = get(running.addr(), "/", header).await;
        assert!(
            answer.starts_with(&format!("HTTP/1.1 {status}")),
            "{header:?}: {answer}"
        );
    }
    running.shutdown().await;
}

#[watertight::test]
async fn a_route_may_have_deadlines_of_its_own() {
    let long = watertight::RouteTimeouts {
        default: Duration::from_secs(600),
        max: Duration::from_secs(3600),
    };
    let short = watertight::RouteTimeouts {
        default: Duration::from_millis(50),
        max: Duration::from_millis(50),
    };
    let hang = axum::routing::get(async || std::future::pending::<&'static str>().await);
    let running = app(&[])
        .grpc(Echo::default())
        .http(axum::Router::new().route("/hang", hang))
        .route_timeouts("/test.Echo/Left", long)
        .route_timeouts("/hang", short)
        .start()
        .await
        .unwrap();
    let channel = raw_channel(&running).await;
    let left = async |timeout: Option<&'static str>| -> u64 {
        let request = timeout.map_or_else(|| Request::new(String::new()), with_timeout);
        let left = call_with(channel.clone(), "Left", request).await.unwrap();
        left.parse().unwrap()
    };
    assert!((30_000..=600_000).contains(&left(None).await));
    assert!((600_001..=3_600_000).contains(&left(Some("99999999H")).await));
    // Neither the default nor what the caller asks for: the route's maximum.
    let answer = get(running.addr(), "/hang", "x-request-timeout: 60000\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 504"), "{answer}");
    running.shutdown().await;
}

#[watertight::test]
async fn what_a_request_spawned_ends_with_it() {
    let echo = Echo::default();
    let (running, channel) = echo_server(echo.clone(), &[]).await;
    call(channel, "Child", String::new()).await.unwrap();
    wait_until_async(LIVENESS, async || echo.running.load(Ordering::SeqCst) == 0).await;
    running.shutdown().await;
}

#[watertight::test]
async fn a_caller_that_leaves_cancels_the_handler() {
    let echo = Echo::default();
    let (running, channel) = echo_server(echo.clone(), &[]).await;
    let waiting = running.scope().child("caller");
    drop(waiting.spawn(
        "call",
        async move { call(channel, "Hang", String::new()).await },
    ));
    wait_until_async(LIVENESS, async || echo.running.load(Ordering::SeqCst) == 1).await;
    waiting.cancel();
    wait_until_async(LIVENESS, async || echo.running.load(Ordering::SeqCst) == 0).await;
    running.shutdown().await;
}

#[watertight::test]
async fn a_stream_outlives_the_default_deadline_but_not_its_own() {
    let echo = Echo::default();
    let (running, channel) = echo_server(echo.clone(), &["--request-timeout", "100ms"]).await;
    let mut items = stream(channel.clone(), "StreamSlow", None).await.unwrap();
    let mut got = String::new();
    while let Some(item) = items.message().await.unwrap() {
        got.push_str(&item);
    }
    assert_eq!(got, "abcd");

    let mut items = stream(channel, "Stream", Some(Duration::from_millis(300)))
        .await
        .unwrap();
    let error = loop {
        match items.message().await {
            Ok(Some(_)) => {}
            Ok(None) => panic!("ended without a status"),
            Err(error) => break error,
        }
    };
    assert_eq!(error.code(), Code::DeadlineExceeded);
    drop(items);
    wait_until_async(LIVENESS, async || echo.running.load(Ordering::SeqCst) == 0).await;
    running.shutdown().await;
}

#[watertight::test]
async fn the_server_limits_streams_by_itself() {
    let (running, channel) = echo_server(Echo::default(), &["--stream-timeout-max", "100ms"]).await;
    let mut items = stream(channel, "Stream", None).await.unwrap();
    let mut ended = Ok(Some(String::new()));
    while let Ok(Some(_)) = ended {
        ended = items.message().await;
    }
    assert_eq!(ended.unwrap_err().code(), Code::DeadlineExceeded);
    running.shutdown().await;
}

#[watertight::test]
async fn many_calls_over_several_connections() {
    let (running, _) = echo_server(Echo::default(), &[]).await;
    let channel = GrpcChannel::builder("many", &running.url())
        .connections(3)
        .connect_lazy()
        .unwrap();
    let calls = (0..600).map(|i| call(channel.clone(), "Say", i.to_string()));
    let answers = testkit::at_once(calls).await;
    for (i, answer) in answers.into_iter().enumerate() {
        assert_eq!(answer.unwrap(), i.to_string());
    }
    assert_eq!(running.server().connections(), 3);
    running.shutdown().await;
    drop(Arc::new(channel));
}
