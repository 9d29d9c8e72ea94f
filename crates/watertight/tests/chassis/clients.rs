//! What the chassis' clients do with the time they have.

use crate::common::{Echo, LIVENESS, app, call, echo_server, stream};
use bytes::Bytes;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tonic::{Code, Status};
use watertight::{
    Deadline, DeadlineClass, GrpcChannel, HttpClient, HttpError, Running, Scope, axum,
    parse_grpc_timeout,
};

/// A listener that must see nobody but us.
struct Nobody(TcpListener);

impl Nobody {
    async fn listen() -> (Self, SocketAddr) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        (Self(listener), addr)
    }

    /// Connections queue up in order: if ours is the first, there was none before.
    async fn saw_nobody(self) {
        let ours = TcpStream::connect(self.0.local_addr().unwrap())
            .await
            .unwrap();
        let (_tcp, first) = self.0.accept().await.unwrap();
        assert_eq!(first, ours.local_addr().unwrap());
    }
}

fn get(addr: SocketAddr, path: &str) -> http::Request<Bytes> {
    let request = http::Request::get(format!("http://{addr}{path}"));
    request.body(Bytes::new()).unwrap()
}

fn spent() -> Scope {
    Scope::root("test").with_deadline(Deadline::after(Duration::ZERO))
}

#[watertight::test]
async fn a_grpc_call_with_nothing_left_touches_no_network() {
    let (nobody, addr) = Nobody::listen().await;
    let channel = GrpcChannel::connect_lazy("nobody", &format!("http://{addr}")).unwrap();
    let refused = spent().ambient(call(channel, "Say", String::new())).await;
    assert_eq!(refused.unwrap_err().code(), Code::DeadlineExceeded);
    nobody.saw_nobody().await;
}

#[watertight::test]
async fn an_http_call_with_nothing_left_touches_no_network() {
    let (nobody, addr) = Nobody::listen().await;
    let client = HttpClient::new("nobody");
    let refused = spent().ambient(client.send(get(addr, "/"))).await;
    assert!(matches!(refused, Err(HttpError::Expired { .. })));
    nobody.saw_nobody().await;
}

/// Tells what it was given, over HTTP; and gRPC's `Timeout` and `Stream`.
async fn telling(extra: &[&str]) -> Running {
    let told = async |headers: http::HeaderMap| {
        let told = headers.get("x-request-timeout");
        told.and_then(|told| told.to_str().ok().map(str::to_owned))
            .unwrap_or_default()
    };
    let router = axum::Router::new().route("/", axum::routing::get(told));
    let app = app(extra).http(router).grpc(Echo::default());
    app.start().await.unwrap()
}

async fn told_grpc(scope: &Scope, channel: &GrpcChannel) -> Duration {
    let told = scope.ambient(call(channel.clone(), "Timeout", String::new()));
    parse_grpc_timeout(&told.await.unwrap()).unwrap()
}

async fn told_http(scope: &Scope, client: &HttpClient, addr: SocketAddr) -> Duration {
    let told = scope.ambient(client.send(get(addr, "/"))).await.unwrap();
    let told = std::str::from_utf8(told.body()).unwrap().parse().unwrap();
    Duration::from_millis(told)
}

#[watertight::test]
async fn a_class_bounds_calls_whose_callers_have_more() {
    let running = telling(&[]).await;
    let (addr, url) = (running.addr(), running.url());
    let caller = app(&["--deadline-rpc", "7s", "--deadline-batch", "9s"]);
    let rpc = caller.client_builder("rpc", &url).class(DeadlineClass::Rpc);
    let rpc = rpc.connect_lazy().unwrap();
    let batch = caller.http_client("batch").class(DeadlineClass::Batch);
    let long = Scope::root("test").with_deadline(Deadline::after(LIVENESS));
    // Nobody has read the settings yet: the defaults.
    assert!(told_grpc(&long, &rpc).await <= Duration::from_millis(500));
    let caller = caller.start().await.unwrap();
    let (secs, told) = (Duration::from_secs, told_grpc(&long, &rpc).await);
    assert!(told > secs(1) && told < secs(7), "{told:?}");
    let told = told_http(&long, &batch, addr).await;
    assert!(told > secs(1) && told < secs(9), "{told:?}");
    // The caller's own is the earlier one.
    let short = long.with_deadline(Deadline::after(secs(5)));
    assert!(told_grpc(&short, &rpc).await < secs(5));
    assert!(told_http(&short, &batch, addr).await < secs(5));
    caller.shutdown().await;
    running.shutdown().await;
}

#[watertight::test]
async fn a_class_ends_a_call_that_hangs() {
    let (running, _) = echo_server(Echo::default(), &[]).await;
    let cache = GrpcChannel::builder("cache", &running.url()).class(DeadlineClass::Cache);
    let cache = cache.connect_lazy().unwrap();
    let late = call(cache, "Hang", String::new()).await.unwrap_err();
    assert_eq!(late.code(), Code::DeadlineExceeded);
    running.shutdown().await;
}

async fn to_the_end(mut items: tonic::Streaming<String>) -> Status {
    loop {
        match items.message().await {
            Ok(Some(_)) => {}
            Ok(None) => panic!("ended without a status"),
            Err(status) => return status,
        }
    }
}

#[watertight::test]
async fn a_stream_that_goes_silent_is_given_up() {
    let echo = Echo::default();
    let (running, _) = echo_server(echo.clone(), &[]).await;
    let channel = GrpcChannel::builder("silent", &running.url());
    let channel = channel.stream_idle(Duration::from_millis(50));
    let channel = channel.connect_lazy().unwrap();
    let items = stream(channel, "Stream", None).await.unwrap();
    let status = to_the_end(items).await;
    assert_eq!(status.code(), Code::DeadlineExceeded);
    assert!(status.message().contains("nothing for too long"));
    // And the other side learns of it.
    testkit::wait_until_async(LIVENESS, async || {
        echo.running.load(std::sync::atomic::Ordering::SeqCst) == 0
    })
    .await;
    running.shutdown().await;
}
