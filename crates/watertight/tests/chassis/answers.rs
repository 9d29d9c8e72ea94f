//! What the server answers by itself: unknown paths, wrong methods, gRPC spoken wrongly.

use crate::common::{Counted, Echo, LIVENESS, app, http1};
use axum::routing::{get, post};
use bytes::Bytes;
use http::{Method, Request, Response, StatusCode, header};
use http_body_util::{BodyExt, Full};
use hyper_util::rt::{TokioExecutor, TokioIo};
use serde_json::Value;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use watertight::{Either, race};
use watertight::{Running, axum};

/// One HTTP/2 exchange over a fresh connection.
async fn http2(running: &Running, request: http::request::Builder) -> Response<Bytes> {
    let tcp = tokio::net::TcpStream::connect(running.addr())
        .await
        .unwrap();
    let (mut send, conn) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(tcp))
            .await
            .unwrap();
    let drive = async move { drop(conn.await) };
    running.scope().spawn_idle("client", drive);
    let request = request.body(Full::new(Bytes::new())).unwrap();
    let exchange = async {
        let (parts, body) = send.send_request(request).await.unwrap().into_parts();
        Response::from_parts(parts, body.collect().await.unwrap().to_bytes())
    };
    testkit::within(LIVENESS, exchange).await
}

/// Asserts a problem document, and gives it back.
fn problem(response: &Response<Bytes>, status: u16, slug: &str) -> Value {
    assert_eq!(response.status(), status, "{response:?}");
    assert_eq!(
        response.headers()[header::CONTENT_TYPE],
        "application/problem+json"
    );
    assert!(response.headers().contains_key("x-trace-id"));
    let problem: Value = serde_json::from_slice(response.body()).unwrap();
    assert_eq!(problem["type"], format!("/problems/{slug}"));
    problem
}

async fn http1_with(addr: SocketAddr, method: &str, path: &str, headers: &str) -> String {
    let head = format!("{method} {path} HTTP/1.1\r\nhost: t\r\nconnection: close\r\n");
    http1(addr, &format!("{head}{headers}\r\n")).await
}

#[watertight::test]
async fn unknown_paths_and_wrong_methods_are_problems() {
    let router = axum::Router::new().route("/orders", get(async || "").post(async || ""));
    let running = app(&[]).http(router).start().await.unwrap();
    let unknown = http2(&running, Request::get("http://t/nowhere")).await;
    problem(&unknown, 404, "not-found");
    let wrong = http2(&running, Request::delete("http://t/orders")).await;
    problem(&wrong, 405, "method-not-allowed");
    let allow = wrong.headers()[header::ALLOW].to_str().unwrap();
    let mut allow: Vec<_> = allow.split(',').map(str::trim).collect();
    allow.sort_unstable();
    assert_eq!(allow, ["GET", "HEAD", "POST"]);

    let answer = http1_with(running.addr(), "BREW", "/orders", "").await;
    assert!(answer.starts_with("HTTP/1.1 405"), "{answer}");
    assert!(answer.ends_with('}'), "{answer}");
    running.shutdown().await;
}

#[watertight::test]
async fn a_routers_own_answers_win() {
    let router = axum::Router::new()
        .route("/gone", get(async || StatusCode::NOT_FOUND))
        .route("/only", post(async || ()).fallback(async || "post, please"))
        .fallback(async || (StatusCode::NOT_FOUND, "no such thing"));
    let running = app(&[])
        .grpc(Echo::default())
        .http(router)
        .start()
        .await
        .unwrap();
    let own = http2(&running, Request::get("http://t/nowhere")).await;
    assert_eq!(
        (own.status(), own.body().as_ref()),
        (StatusCode::NOT_FOUND, &b"no such thing"[..])
    );
    // A handler's bare 404 is a decision of its own: it knows the path.
    let gone = http2(&running, Request::get("http://t/gone")).await;
    assert!(gone.status() == StatusCode::NOT_FOUND && gone.body().is_empty());
    let only = http2(&running, Request::get("http://t/only")).await;
    assert_eq!(only.body().as_ref(), b"post, please");
    running.shutdown().await;
}

#[watertight::test]
async fn grpc_spoken_wrongly_never_reaches_a_handler() {
    let echo = Echo::default();
    let running = app(&[]).grpc(echo.clone()).start().await.unwrap();
    let request = |method: Method, content_type: &str| {
        Request::builder()
            .method(method)
            .uri("http://t/test.Echo/Hang")
            .header(header::CONTENT_TYPE, content_type)
    };
    for method in [Method::GET, Method::PUT, Method::DELETE] {
        let answer = http2(&running, request(method, "application/grpc")).await;
        problem(&answer, 405, "method-not-allowed");
        assert_eq!(answer.headers()[header::ALLOW], "POST");
    }
    for content_type in [
        "application/grpc-web",
        "application/grpc-web-text",
        "application/grpc+json",
        "application/json",
        "text/plain",
    ] {
        let answer = http2(&running, request(Method::POST, content_type)).await;
        let problem = problem(&answer, 415, "unsupported-media-type");
        assert!(
            problem["detail"].as_str().unwrap().contains("gRPC"),
            "{problem}"
        );
    }
    let bare = http2(&running, Request::get("http://t/test.Echo/Hang")).await;
    problem(&bare, 405, "method-not-allowed");
    let grpc = "content-type: application/grpc\r\ncontent-length: 0\r\n";
    let answer = http1_with(running.addr(), "POST", "/test.Echo/Hang", grpc).await;
    assert!(answer.starts_with("HTTP/1.1 505"), "{answer}");
    assert!(answer.contains("/problems/http2-required"), "{answer}");
    assert_eq!(echo.running.load(Ordering::SeqCst), 0);
    running.shutdown().await;
}

#[watertight::test]
async fn head_has_headers_and_no_body() {
    let panic = async || -> &'static str { std::panic::resume_unwind(Box::new("asked to")) };
    let router = axum::Router::new()
        .route("/", get(async || "home"))
        .route("/panic", get(panic));
    let running = app(&[]).http(router).start().await.unwrap();
    for (path, status) in [("/", 200), ("/nowhere", 404), ("/panic", 500)] {
        let answer = http2(&running, Request::head(format!("http://t{path}"))).await;
        assert_eq!(answer.status(), status, "{path}");
        assert!(answer.body().is_empty(), "{path}");
        let answer = http1_with(running.addr(), "HEAD", path, "").await;
        assert!(
            answer.starts_with(&format!("HTTP/1.1 {status}")),
            "{answer}"
        );
        assert!(answer.ends_with("\r\n\r\n"), "{answer}");
    }
    running.shutdown().await;
}

#[watertight::test]
async fn bodies_are_bounded_unless_a_route_says_otherwise() {
    use axum::extract::DefaultBodyLimit;
    let length = async |body: Bytes| body.len().to_string();
    let router = axum::Router::new()
        .route("/", post(length))
        .route("/large", post(length).layer(DefaultBodyLimit::disable()));
    let running = app(&[]).http(router).start().await.unwrap();
    let send = async |path: &str, length: usize| {
        let head = format!("POST {path} HTTP/1.1\r\nhost: t\r\nconnection: close\r\n");
        let body = "x".repeat(length);
        http1(
            running.addr(),
            &format!("{head}content-length: {length}\r\n\r\n{body}"),
        )
        .await
    };
    let most = 1024 * 1024;
    assert!(send("/", most).await.ends_with(&most.to_string()));
    assert!(
        send("/large", most + 1)
            .await
            .ends_with(&(most + 1).to_string())
    );
    assert!(send("/", most + 1).await.starts_with("HTTP/1.1 413"));
    running.shutdown().await;
}

#[watertight::test]
async fn a_panic_hurts_nobody_else() {
    let running_now = Arc::new(AtomicUsize::new(0));
    let (count, gate) = (
        Arc::clone(&running_now),
        Arc::new(tokio::sync::Notify::new()),
    );
    let opened = Arc::clone(&gate);
    let wait = async move || {
        let _counted = Counted::new(&count);
        opened.notified().await;
        "on"
    };
    let panic = async || -> &'static str { std::panic::resume_unwind(Box::new("asked to")) };
    let router = axum::Router::new()
        .route("/wait", get(wait))
        .route("/panic", get(panic));
    let running = app(&[]).http(router).start().await.unwrap();
    // Both on one connection, so that a broken one would show.
    let tcp = tokio::net::TcpStream::connect(running.addr())
        .await
        .unwrap();
    let (mut send, conn) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(tcp))
            .await
            .unwrap();
    running
        .scope()
        .spawn_idle("client", async move { drop(conn.await) });
    let request = |path: &str| {
        let request = Request::get(format!("http://t{path}"));
        request.body(Full::new(Bytes::new())).unwrap()
    };
    let waiting = send.send_request(request("/wait"));
    let both = async {
        let runs = || running_now.load(Ordering::SeqCst) == 1;
        testkit::wait_until_async(LIVENESS, async || runs()).await;
        let panicked = send.send_request(request("/panic")).await.unwrap();
        assert_eq!(panicked.status(), 500);
        gate.notify_one();
    };
    let (waited, ()) = watertight::join(waiting, both).await;
    let body = waited.unwrap().into_body().collect().await.unwrap();
    assert_eq!(body.to_bytes(), "on");
    running.shutdown().await;
}

#[watertight::test]
async fn who_is_refused_is_told_when_to_come_back() {
    let entered = Arc::new(tokio::sync::Notify::new());
    let reached = Arc::clone(&entered);
    let hang = async move || {
        reached.notify_one();
        std::future::pending::<&'static str>().await
    };
    let router = axum::Router::new().route("/hang", get(hang));
    let args = ["--requests-max", "1", "--drain", "0s"];
    let running = app(&args).http(router).start().await.unwrap();
    let hanging = http1_with(running.addr(), "GET", "/hang", "");
    let refused = async {
        entered.notified().await;
        let refused = http2(&running, Request::get("http://t/hang")).await;
        problem(&refused, 503, "overloaded");
        assert_eq!(refused.headers()[header::RETRY_AFTER], "1");
    };
    if let Either::Left(answer) = race(hanging, refused).await {
        panic!("{answer}");
    }
    running.shutdown().await;
}
