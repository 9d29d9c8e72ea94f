//! Scopes in applications with accept loops of axum's and tonic's own.

use crate::common::{Counted, Echo, LIVENESS, call, call_with, deep, http1, raw_to, stream};
use axum::body::Body;
use bytes::Bytes;
use futures_util::{StreamExt as _, stream};
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::atomic::Ordering;
use std::time::Duration;
use testkit::wait_until_async;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tonic::transport::server::TcpIncoming;
use tonic::{Code, Request};
use watertight::{Closed, GrpcChannel, RouteTimeouts, Scope, ScopeLayer, axum, extract};
use watertight_core::CancelReason;

/// A server that somebody else drives, until the scope is cancelled.
struct Foreign {
    scope: Scope,
    addr: SocketAddr,
    echo: Echo,
}

fn layer(scope: &Scope) -> ScopeLayer {
    let max = Duration::from_secs(20);
    let default = Duration::from_secs(10);
    ScopeLayer::new(scope).timeouts(RouteTimeouts { default, max })
}

/// `/hang/{id}` spawns a child and never answers; `/events` sends one line and
/// then nothing; `/label` tells its label, `/left` its milliseconds.
async fn axum_server() -> Foreign {
    let (scope, echo) = (Scope::root("application"), Echo::default());
    let (hang, events) = (echo.clone(), echo.clone());
    let hanging = async move |scope: extract::Scope| {
        let _handler = Counted::new(&hang.running);
        deep(&hang, &scope);
        std::future::pending::<()>().await;
    };
    let going_on = async move || {
        let counted = Counted::new(&events.running);
        let first = stream::once(async { Ok::<_, Infallible>(Bytes::from_static(b"first")) });
        Body::from_stream(first.chain(stream::pending()).map(move |item| {
            let _counted = &counted;
            item
        }))
    };
    let label = async |scope: extract::Scope| scope.label().to_string();
    let left = async |scope: extract::Scope| {
        let left = scope.deadline().and_then(|deadline| deadline.left());
        left.unwrap_or_default().as_millis().to_string()
    };
    let router = axum::Router::new()
        .route("/hang/{id}", axum::routing::get(hanging))
        .route("/events", axum::routing::get(going_on))
        .route("/label/{id}", axum::routing::get(label))
        .route("/left", axum::routing::get(left))
        .layer(layer(&scope));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    scope.spawn_idle("axum", async move {
        axum::serve(listener, router).await.unwrap();
    });
    Foreign { scope, addr, echo }
}

async fn tonic_server() -> Foreign {
    let (scope, echo) = (Scope::root("application"), Echo::default());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    let serve = tonic::transport::Server::builder()
        .layer(layer(&scope))
        .add_service(echo.clone())
        .serve_with_incoming(TcpIncoming::from(listener));
    scope.spawn_idle("tonic", async move { serve.await.unwrap() });
    Foreign { scope, addr, echo }
}

impl Foreign {
    async fn running(&self, tasks: usize) {
        let running = &self.echo.running;
        wait_until_async(LIVENESS, async || running.load(Ordering::SeqCst) == tasks).await;
    }

    async fn get(&self, path: &str, headers: &str) -> String {
        let head = format!("GET {path} HTTP/1.1\r\nhost: t\r\nconnection: close\r\n{headers}\r\n");
        http1(self.addr, &head).await
    }

    fn channel(&self) -> GrpcChannel {
        GrpcChannel::connect_lazy("foreign", &format!("http://{}", self.addr)).unwrap()
    }

    /// A call whose deadline only the server watches.
    async fn raw(&self, method: &str, timeout: &'static str) -> Result<String, tonic::Status> {
        let mut request = Request::new(String::new());
        let value = timeout.parse().unwrap();
        request.metadata_mut().insert("grpc-timeout", value);
        call_with(raw_to(self.addr, &self.scope).await, method, request).await
    }

    async fn end(self) {
        self.running(0).await;
        assert!(self.scope.close(Duration::ZERO).await.is_empty());
    }
}

#[watertight::test]
async fn axum_gets_deadlines_and_labels() {
    let server = axum_server().await;
    let answer = server.get("/hang/1", "x-request-timeout: 60\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 504"), "{answer}");
    assert!(answer.contains("/problems/deadline-exceeded"), "{answer}");
    server.running(0).await;
    for bad in ["-5", "soon", ""] {
        let header = format!("x-request-timeout: {bad}\r\n");
        let answer = server.get("/hang/1", &header).await;
        assert!(answer.starts_with("HTTP/1.1 400"), "{bad:?}: {answer}");
    }
    let answer = server.get("/hang/1", "x-request-timeout: 0\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 504"), "{answer}");
    assert!(
        server
            .get("/label/7", "")
            .await
            .ends_with("GET /label/{id}")
    );
    let left = server.get("/left", "x-request-timeout: 9999999\r\n").await;
    let left: u64 = left.rsplit("\r\n\r\n").next().unwrap().parse().unwrap();
    assert!((1..=20_000).contains(&left), "{left}");
    server.end().await;
}

#[watertight::test]
async fn axum_callers_that_leave_end_their_work() {
    let server = axum_server().await;
    for path in ["/hang/1", "/events"] {
        let mut tcp = TcpStream::connect(server.addr).await.unwrap();
        let head = format!("GET {path} HTTP/1.1\r\nhost: t\r\n\r\n");
        tcp.write_all(head.as_bytes()).await.unwrap();
        server.running(if path == "/events" { 1 } else { 2 }).await;
        if path == "/events" {
            let mut some = [0; 1024];
            assert_ne!(tcp.read(&mut some).await.unwrap(), 0);
        }
        drop(tcp);
        server.running(0).await;
    }
    server.end().await;
}

#[watertight::test]
async fn a_body_ends_at_the_deadline_of_its_request() {
    let server = axum_server().await;
    let answer = server.get("/events", "x-request-timeout: 200\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    // Broken off: the last chunk is missing.
    assert!(answer.contains("first") && !answer.ends_with("0\r\n\r\n"));
    server.end().await;
}

#[watertight::test]
async fn tonic_gets_deadlines() {
    let server = tonic_server().await;
    let late = server.raw("Hang", "50m").await.unwrap_err();
    assert_eq!(
        (late.code(), late.message()),
        (Code::DeadlineExceeded, "deadline exceeded")
    );
    server.running(0).await;
    let refused = server.raw("Hang", "-1S").await.unwrap_err();
    assert_eq!(refused.code(), Code::InvalidArgument);
    let left: u64 = server
        .raw("Left", "99999999H")
        .await
        .unwrap()
        .parse()
        .unwrap();
    assert!((1..=20_000).contains(&left), "{left}");
    let unknown = server.raw("Unknown", "1S").await.unwrap_err();
    assert_eq!(unknown.code(), Code::Unimplemented);
    server.end().await;
}

#[watertight::test]
async fn tonic_callers_that_leave_end_their_work() {
    let server = tonic_server().await;
    let caller = Scope::root("caller");
    let hang = call(server.channel(), "Deep", String::new());
    drop(caller.spawn("call", hang));
    server.running(2).await;
    caller.cancel();
    server.running(0).await;
    let mut items = stream(server.channel(), "Stream", None).await.unwrap();
    assert_eq!(items.message().await.unwrap().as_deref(), Some("a"));
    server.running(1).await;
    drop(items);
    server.end().await;
}

#[watertight::test]
async fn cancelling_the_scope_ends_streams_with_trailers() {
    let server = tonic_server().await;
    let mut items = stream(server.channel(), "Stream", None).await.unwrap();
    for expected in ["a", "b", "c", "d"] {
        assert_eq!(items.message().await.unwrap().as_deref(), Some(expected));
    }
    let requests = server.scope.child("look");
    server.scope.cancel_for(CancelReason::Shutdown);
    assert_eq!(requests.run(async {}).await, Err(Closed::Cancelled));
    let ended = loop {
        match items.message().await {
            Ok(Some(_)) => {}
            Ok(None) => panic!("ended without a status"),
            Err(status) => break status,
        }
    };
    assert_eq!(ended.code(), Code::Unavailable);
    server.running(0).await;
}
