//! One port: HTTP/1, HTTP/2, gRPC, health, reflection, and panics in any of them.

use crate::common::{Echo, LIVENESS, app, call, echo_server, get};
use axum::routing::get as route;
use http::StatusCode;
use http_body_util::{BodyExt, Empty};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tonic::Code;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;
use watertight::{ConnInfo, GrpcChannel, HttpClient, HttpError, ListenerTag, RequestScope, axum};

fn router() -> axum::Router {
    axum::Router::new()
        .route("/", route(async || "home"))
        .route(
            "/v",
            route(async |r: http::Request<axum::body::Body>| format!("{:?}", r.version())),
        )
        .route("/tag", route(async |tag: ListenerTag| tag.0))
        .route("/peer", route(async |i: ConnInfo| i.peer.to_string()))
        .route(
            "/left",
            route(async |r: http::Request<axum::body::Body>| {
                r.deadline()
                    .left()
                    .unwrap_or_default()
                    .as_millis()
                    .to_string()
            }),
        )
        .route(
            "/hang",
            route(async || std::future::pending::<&'static str>().await),
        )
        .route("/big", route(async || vec![0_u8; 2 * 1024 * 1024]))
        .route(
            "/panic",
            route(async || -> &'static str { std::panic::resume_unwind(Box::new("asked to")) }),
        )
}

#[watertight::test]
async fn http1_http2_and_grpc_share_one_port() {
    let running = app(&[])
        .grpc(Echo::default())
        .http(router())
        .start()
        .await
        .unwrap();
    let answer = get(running.addr(), "/v", "").await;
    assert!(
        answer.starts_with("HTTP/1.1 200") && answer.ends_with("HTTP/1.1"),
        "{answer}"
    );
    assert_eq!(answer.matches("\r\ndate: ").count(), 1, "{answer}");

    let tcp = tokio::net::TcpStream::connect(running.addr())
        .await
        .unwrap();
    let (mut send, conn) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(tcp))
            .await
            .unwrap();
    let drive = running.scope().spawn("client", conn);
    let request = http::Request::get("http://t/v")
        .body(Empty::<bytes::Bytes>::new())
        .unwrap();
    let response = send.send_request(request).await.unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    assert!(response.headers().contains_key("date"));
    assert_eq!(
        response.into_body().collect().await.unwrap().to_bytes(),
        "HTTP/2.0"
    );
    drop((send, drive));

    let channel = GrpcChannel::connect_lazy("echo", &running.url()).unwrap();
    assert_eq!(
        call(channel.clone(), "Say", "hi".into()).await.unwrap(),
        "hi"
    );
    // It would fill a table of header fields on each connection.
    let mut client = tonic::client::Grpc::new(channel);
    client.ready().await.unwrap();
    let codec = tonic_prost::ProstCodec::<String, String>::default();
    let path = "/test.Echo/Say".parse().unwrap();
    let answer = client
        .unary(tonic::Request::new("hi".to_owned()), path, codec)
        .await
        .unwrap();
    assert!(answer.metadata().get("date").is_none());
    assert!(running.shutdown().await.is_empty());
}

#[watertight::test]
async fn the_unknown_is_unimplemented_or_not_found() {
    let (running, channel) = echo_server(Echo::default(), &[]).await;
    let error = call(channel.clone(), "NoSuchMethod", String::new())
        .await
        .unwrap_err();
    assert_eq!(error.code(), Code::Unimplemented);
    let mut client = tonic::client::Grpc::new(channel);
    client.ready().await.unwrap();
    let codec = tonic_prost::ProstCodec::<String, String>::default();
    let path = "/no.Service/Method".parse().unwrap();
    let error = client
        .unary(tonic::Request::new(String::new()), path, codec)
        .await
        .unwrap_err();
    assert_eq!(error.code(), Code::Unimplemented);
    assert!(
        get(running.addr(), "/nowhere", "")
            .await
            .starts_with("HTTP/1.1 404")
    );
    running.shutdown().await;
}

#[watertight::test]
async fn a_panic_is_an_internal_error_and_nothing_more() {
    let running = app(&[])
        .grpc(Echo::default())
        .http(router())
        .start()
        .await
        .unwrap();
    let channel = GrpcChannel::connect_lazy("echo", &running.url()).unwrap();
    let error = call(channel.clone(), "Panic", String::new())
        .await
        .unwrap_err();
    assert_eq!(
        (error.code(), error.message()),
        (Code::Internal, "internal error")
    );
    assert_eq!(call(channel, "Say", "on".into()).await.unwrap(), "on");
    let answer = get(running.addr(), "/panic", "").await;
    assert!(
        answer.starts_with("HTTP/1.1 500") && answer.contains("problem+json"),
        "{answer}"
    );
    assert!(get(running.addr(), "/", "").await.ends_with("home"));
    running.shutdown().await;
}

#[watertight::test]
async fn handlers_tell_listeners_apart() {
    let free = "127.0.0.1:0".parse().unwrap();
    let running = app(&[])
        .http(router())
        .also_listen(free, "side")
        .start()
        .await
        .unwrap();
    let side = running.also().next().unwrap();
    assert_eq!(side.0, "side");
    assert!(get(running.addr(), "/tag", "").await.ends_with("main"));
    assert!(get(side.1, "/tag", "").await.ends_with("side"));
    assert!(get(side.1, "/peer", "").await.contains("127.0.0.1:"));
    running.shutdown().await;
}

#[watertight::test]
async fn grpc_health_follows_readiness() {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};
    let broken = Arc::new(AtomicBool::new(true));
    let seen = Arc::clone(&broken);
    let check = move || {
        if seen.load(Ordering::SeqCst) {
            Err("disk is full".into())
        } else {
            Ok(())
        }
    };
    let app = app(&[]).grpc(Echo::default()).ready_when("store", check);
    let running = app.start().await.unwrap();
    let channel = GrpcChannel::connect_lazy("health", &running.url()).unwrap();
    let status = async |service: &str| {
        let request = HealthCheckRequest {
            service: service.to_owned(),
        };
        HealthClient::new(channel.clone())
            .check(request)
            .await
            .map(|answer| answer.get_ref().status())
    };
    assert_eq!(status("").await.unwrap(), ServingStatus::NotServing);
    assert_eq!(
        running.readiness().failing(),
        [("store", "disk is full".to_owned())]
    );
    broken.store(false, Ordering::SeqCst);
    running.refresh_health().await;
    assert_eq!(status("test.Echo").await.unwrap(), ServingStatus::Serving);
    assert_eq!(
        status("no.Service").await.unwrap_err().code(),
        Code::NotFound
    );
    running.shutdown().await;
}

#[watertight::test]
async fn the_http_client_brings_deadline_and_limits() {
    let running = app(&["--request-timeout", "300ms"])
        .http(router())
        .start()
        .await
        .unwrap();
    let client = HttpClient::new("test");
    let url = running.url();
    let send = async |path: &str| {
        let uri = format!("{url}{path}");
        client
            .send(http::Request::get(uri).body(bytes::Bytes::new()).unwrap())
            .await
    };
    let scope =
        watertight::Scope::root("test").with_deadline(watertight::Deadline::after(LIVENESS));
    // The caller's 60 s, not the server's default of 300 ms, cut down to its maximum of 30 s.
    let left = scope.run(send("/left")).await.unwrap().unwrap();
    let left: u64 = std::str::from_utf8(left.body()).unwrap().parse().unwrap();
    assert!((301..=30_000).contains(&left), "{left}");
    assert_eq!(
        send("/nowhere").await.unwrap().status(),
        StatusCode::NOT_FOUND
    );
    let error = send("/big").await.unwrap_err();
    assert!(matches!(error, HttpError::TooLarge { .. }), "{error:?}");

    let soon = watertight::Scope::root("test").with_deadline(watertight::Deadline::after(
        std::time::Duration::from_millis(200),
    ));
    // Whoever notices first: the server answers 504, or the client gives up.
    match soon.run(send("/hang")).await {
        Ok(Ok(answer)) => assert_eq!(answer.status(), StatusCode::GATEWAY_TIMEOUT),
        Ok(Err(error)) => assert!(matches!(error, HttpError::Deadline { .. }), "{error:?}"),
        Err(closed) => assert_eq!(closed, watertight::Closed::Deadline),
    }
    let never = watertight::Scope::root("test")
        .with_deadline(watertight::Deadline::after(std::time::Duration::ZERO));
    let expired = never.ambient(send("/")).await.unwrap_err();
    assert!(matches!(expired, HttpError::Expired { .. }) && expired.surely_not_done());
    let addr = running.addr();
    running.shutdown().await;
    let request = http::Request::get(format!("http://{addr}/"))
        .body(bytes::Bytes::new())
        .unwrap();
    let refused = client.send(request).await.unwrap_err();
    assert!(matches!(refused, HttpError::Connect { .. }), "{refused:?}");
}
