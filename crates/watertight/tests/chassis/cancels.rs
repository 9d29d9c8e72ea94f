//! A caller that leaves ends the work in all services behind the one it called.

use crate::common::{Counted, Echo, LIVENESS, app, call, deep, echo_server, orphans, stream};
use axum::body::Body;
use bytes::Bytes;
use futures_util::StreamExt as _;
use std::net::SocketAddr;
use std::sync::atomic::Ordering;
use testkit::wait_until_async;
use testkit::wire::{END_HEADERS, END_STREAM, RawClient, frame, kind, request};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use watertight::{GrpcChannel, Problem, Running, Scope, axum, extract, problems};
use watertight_core::{Label, Query, census};

/// RST_STREAM's reason CANCEL.
const CANCEL: u32 = 8;

/// Two services in one process. In each, the handler and a child task of its
/// request count as running.
struct Pair {
    root: Scope,
    front: Echo,
    back: Echo,
    first: Running,
    second: Running,
    channel: GrpcChannel,
}

/// Answers through the service behind, with a child task of its own.
async fn deep_over_http(echo: Echo, scope: extract::Scope) -> Result<String, Problem> {
    let _handler = Counted::new(&echo.running);
    deep(&echo, &scope);
    let next = echo.next.ok_or(Problem::new(&problems::INTERNAL))?;
    let answer = call(next, "Deep", String::new()).await;
    answer.map_err(|_status| Problem::new(&problems::INTERNAL))
}

/// The same for a response that goes on.
async fn events(echo: Echo, scope: extract::Scope) -> Result<Body, Problem> {
    let handler = Counted::new(&echo.running);
    deep(&echo, &scope);
    let next = echo.next.ok_or(Problem::new(&problems::INTERNAL))?;
    let items = stream(next, "StreamDeep", None).await;
    let items = items.map_err(|_status| Problem::new(&problems::INTERNAL))?;
    Ok(Body::from_stream(items.map(move |item| {
        let _handler = &handler;
        item.map(Bytes::from)
    })))
}

impl Pair {
    async fn start(root: &Scope) -> Self {
        let back = Echo::default();
        let (second, next) = echo_server(back.clone(), &[]).await;
        let front = Echo {
            next: Some(next),
            ..Echo::default()
        };
        let (unary, streaming) = (front.clone(), front.clone());
        let router = axum::Router::new()
            .route(
                "/deep/{id}",
                axum::routing::get(async move |scope| deep_over_http(unary.clone(), scope).await),
            )
            .route(
                "/events",
                axum::routing::get(async move |scope| events(streaming.clone(), scope).await),
            );
        let app = app(&[]).grpc(front.clone()).http(router);
        let first = app.start().await.unwrap();
        let channel = GrpcChannel::connect_lazy("front", &first.url()).unwrap();
        Self {
            root: root.clone(),
            front,
            back,
            first,
            second,
            channel,
        }
    }

    fn addr(&self) -> SocketAddr {
        self.first.addr()
    }

    async fn running(&self, tasks: usize) {
        wait_until_async(LIVENESS, async || {
            [&self.front, &self.back].map(|echo| echo.running.load(Ordering::SeqCst)) == [tasks; 2]
        })
        .await;
    }

    /// Whether a task does the work of this route.
    fn has_work_of(&self, route: &str) -> bool {
        let label = Label::of(route);
        let all = census(Query::Root(self.root.root_id()), 1_000);
        all.oldest.iter().any(|task| task.label == label)
    }

    /// The caller has left: handlers and their children go, on both sides.
    async fn ends(self) {
        self.running(0).await;
        let servers = [&self.first, &self.second].map(Running::server);
        wait_until_async(LIVENESS, async || {
            servers.map(watertight::Server::in_flight) == [0; 2]
        })
        .await;
        assert_eq!(orphans(&self.root), 0);
        assert!(self.first.shutdown().await.is_empty());
        assert!(self.second.shutdown().await.is_empty());
    }
}

/// Runs `test` under a root of its own, which all roots made in it share.
async fn with_pair<F: Future<Output = ()>>(test: impl AsyncFnOnce(Pair) -> F) {
    let root = Scope::root("test");
    let all = async { test(Pair::start(&root).await).await.await };
    root.run(all).await.unwrap();
}

async fn get(addr: SocketAddr, path: &str) -> TcpStream {
    let mut tcp = TcpStream::connect(addr).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nhost: t\r\n\r\n");
    tcp.write_all(request.as_bytes()).await.unwrap();
    tcp
}

#[watertight::test]
async fn a_closed_http1_connection() {
    with_pair(async |pair| async move {
        let tcp = get(pair.addr(), "/deep/7").await;
        pair.running(2).await;
        assert!(pair.has_work_of("GET /deep/{id}"), "the child's label");
        assert!(pair.has_work_of("/test.Echo/Deep"), "the next hop's");
        assert_eq!(orphans(&pair.root), 0);
        drop(tcp);
        pair.ends().await;
    })
    .await;
}

#[watertight::test]
async fn a_reset_http2_stream() {
    with_pair(async |pair| async move {
        let mut client = RawClient::connect(pair.addr(), &[]).await.unwrap();
        let head = request("GET", "/deep/7", &[]);
        let ask = frame(kind::HEADERS, END_HEADERS | END_STREAM, 1, &head);
        client.send(&ask).await.unwrap();
        pair.running(2).await;
        assert_eq!(orphans(&pair.root), 0);
        let reset = frame(kind::RST_STREAM, 0, 1, &CANCEL.to_be_bytes());
        client.send(&reset).await.unwrap();
        // The connection lives on: it is the stream that ends.
        pair.running(0).await;
        assert_eq!(pair.first.server().connections(), 1);
        drop(client);
        pair.ends().await;
    })
    .await;
}

#[watertight::test]
async fn a_closed_http2_connection() {
    with_pair(async |pair| async move {
        let mut client = RawClient::connect(pair.addr(), &[]).await.unwrap();
        let head = request("GET", "/events", &[]);
        let ask = frame(kind::HEADERS, END_HEADERS | END_STREAM, 1, &head);
        client.send(&ask).await.unwrap();
        pair.running(2).await;
        drop(client);
        pair.ends().await;
    })
    .await;
}

#[watertight::test]
async fn a_cancelled_grpc_call() {
    with_pair(async |pair| async move {
        let caller = Scope::root("caller");
        let call = call(pair.channel.clone(), "Deep", String::new());
        drop(caller.spawn("call", call));
        pair.running(2).await;
        assert!(pair.has_work_of("/test.Echo/Deep"));
        assert_eq!(orphans(&pair.root), 0);
        caller.cancel();
        pair.ends().await;
    })
    .await;
}

#[watertight::test]
async fn a_dropped_grpc_stream() {
    with_pair(async |pair| async move {
        let mut items = stream(pair.channel.clone(), "StreamDeep", None)
            .await
            .unwrap();
        assert_eq!(items.message().await.unwrap().as_deref(), Some("a"));
        pair.running(2).await;
        drop(items);
        pair.ends().await;
    })
    .await;
}

#[watertight::test]
async fn a_closed_event_stream() {
    with_pair(async |pair| async move {
        let mut tcp = get(pair.addr(), "/events").await;
        let mut some = [0; 4096];
        let read = testkit::within(LIVENESS, tcp.read(&mut some)).await;
        assert!(some[..read.unwrap()].starts_with(b"HTTP/1.1 200"));
        pair.running(2).await;
        drop(tcp);
        pair.ends().await;
    })
    .await;
}
