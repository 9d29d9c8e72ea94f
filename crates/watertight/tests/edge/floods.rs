//! Floods of frames, and honest traffic that must not be taken for one.

use crate::common::{Edge, State, counter, fetch};
use bytes::Bytes;
use futures_util::StreamExt as _;
use http_body::Frame;
use http_body_util::{BodyExt as _, StreamBody};
use hyper_util::rt::{TokioExecutor, TokioIo};
use std::convert::Infallible;
use std::time::{Duration, Instant};
use testkit::LIVENESS;
use testkit::attack::Flood;
use testkit::wire::{self, RawClient};
use tonic::codegen::BoxFuture;
use tonic::server::{Grpc, NamedService, StreamingService};
use tonic::{Request, Response, Status, Streaming};
use tonic_prost::ProstCodec;
use watertight::Deadline;
use watertight::{Routes, ServerConfig, axum};

const ENOUGH: u32 = 400_000;

/// A few thousand frames at once are enough for these tests.
fn strict() -> ServerConfig {
    ServerConfig {
        control_frames_burst_max: 2_000,
        ..ServerConfig::default()
    }
}

/// The flood is ended, and others are served while it goes on and afterwards.
async fn ended(flood: Flood) {
    let edge = Edge::start(strict());
    let healthy = async {
        let mut served = 0;
        loop {
            assert!(fetch(edge.addr, "/", "").await.ends_with("home"));
            served += 1;
            if served == 5 {
                return;
            }
        }
    };
    let (rounds, ()) = watertight::join(flood.run(edge.addr, ENOUGH), healthy).await;
    let rounds = rounds.unwrap();
    assert!(
        rounds < ENOUGH,
        "{flood:?}: took {rounds} rounds without hanging up"
    );
    assert!(fetch(edge.addr, "/", "").await.ends_with("home"));
    edge.no_connections().await;
    edge.end().await;
}

#[watertight::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_flood_is_ended_and_others_are_served() {
    let closed = r#"server_connections_closed_total{reason="control_frames"}"#;
    for flood in Flood::ALL {
        let before = counter(closed);
        ended(flood).await;
        // These h2 ends by its own limits, sooner.
        let own = [
            Flood::RapidReset,
            Flood::Malformed,
            Flood::EmptyData,
            Flood::Continuation,
        ];
        if !own.contains(&flood) {
            crate::common::grown(closed, before).await;
        }
    }
}

/// A request with more header fields than anybody needs, one byte each.
fn overfull(stream: u32) -> Vec<u8> {
    const ACCEPT_ENCODING: u8 = 0x80 | 16;
    let mut block = wire::request("GET", "/", &[]);
    block.extend([ACCEPT_ENCODING; 200]);
    wire::frame(
        wire::kind::HEADERS,
        wire::END_HEADERS | wire::END_STREAM,
        stream,
        &block,
    )
}

#[watertight::test]
async fn a_peer_that_goes_on_sending_too_many_header_fields_is_cut_off() {
    let closed = r#"server_connections_closed_total{reason="header_fields"}"#;
    let before = counter(closed);
    let edge = Edge::start(ServerConfig::default());
    let mut client = RawClient::connect(edge.addr, &[]).await.unwrap();
    // A few are refused one by one, and nothing else happens to the connection.
    for stream in [1, 3, 5] {
        client.send(&overfull(stream)).await.unwrap();
    }
    client.send(&get(7)).await.unwrap();
    let answered = async {
        loop {
            let frame = client.next().await.unwrap().expect("the connection lives");
            if frame.stream == 7 && frame.flags & wire::END_STREAM != 0 {
                return;
            }
        }
    };
    testkit::within(LIVENESS, answered).await;
    let go_on = async {
        for stream in (9..).step_by(2) {
            if client.send(&overfull(stream)).await.is_err() {
                return;
            }
        }
    };
    testkit::within(LIVENESS, go_on).await;
    crate::common::grown(closed, before).await;
    edge.no_connections().await;
    edge.end().await;
}

/// Cut off at once, it would come back at once.
#[watertight::test]
async fn a_flooder_is_held_for_a_second_before_it_is_cut_off() {
    let edge = Edge::start(ServerConfig::default());
    let mut client = RawClient::connect(edge.addr, &[]).await.unwrap();
    let flood: Vec<u8> = (1..40).step_by(2).flat_map(overfull).collect();
    let began = Instant::now();
    client.send(&flood).await.unwrap();
    let ended = async {
        // However it ends: in order, or by a reset, as bytes were left unread.
        while let Ok(Some(_frame)) = client.next().await {}
    };
    testkit::within(LIVENESS, ended).await;
    assert!(began.elapsed() >= Duration::from_secs(1));
    edge.no_connections().await;
    edge.end().await;
}

fn get(stream: u32) -> Vec<u8> {
    wire::frame(
        wire::kind::HEADERS,
        wire::END_HEADERS | wire::END_STREAM,
        stream,
        &wire::request("GET", "/", &[]),
    )
}

/// Sends back what comes.
#[derive(Clone)]
struct Mirror;

impl NamedService for Mirror {
    const NAME: &'static str = "test.Mirror";
}

impl StreamingService<Vec<u8>> for Mirror {
    type Response = Vec<u8>;
    type ResponseStream = Streaming<Vec<u8>>;
    type Future = BoxFuture<Response<Self::ResponseStream>, Status>;

    fn call(&mut self, request: Request<Streaming<Vec<u8>>>) -> Self::Future {
        Box::pin(async move { Ok(Response::new(request.into_inner())) })
    }
}

impl tower_service::Service<http::Request<tonic::body::Body>> for Mirror {
    type Response = http::Response<tonic::body::Body>;
    type Error = Infallible;
    type Future = BoxFuture<Self::Response, Infallible>;

    fn poll_ready(
        &mut self,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Result<(), Infallible>> {
        std::task::Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<tonic::body::Body>) -> Self::Future {
        Box::pin(async move {
            let mut grpc = Grpc::new(ProstCodec::<Vec<u8>, Vec<u8>>::default());
            Ok(grpc.streaming(Mirror, request).await)
        })
    }
}

fn mirror(config: ServerConfig) -> Edge {
    let grpc = tonic::service::Routes::new(Mirror);
    let echo = axum::Router::new().route(
        "/echo",
        axum::routing::post(async |body: axum::body::Body| body),
    );
    let routes = Routes::new(grpc, vec!["test.Mirror"], echo);
    Edge::with(config, routes, State::default())
}

/// No frame is free here: what passes was earned.
fn miserly() -> ServerConfig {
    ServerConfig {
        control_frames_per_s_max: 0,
        control_frames_burst_max: 100,
        ..ServerConfig::default()
    }
}

/// `many` messages of `size` bytes through the mirror.
async fn through_the_mirror(many: usize, size: usize) {
    let edge = mirror(miserly());
    let channel = tonic::transport::Endpoint::from_shared(format!("http://{}", edge.addr))
        .unwrap()
        .connect()
        .await
        .unwrap();
    let mut client = tonic::client::Grpc::new(channel);
    client.ready().await.unwrap();
    let messages = futures_util::stream::repeat_with(move || vec![7_u8; size]).take(many);
    let codec = ProstCodec::<Vec<u8>, Vec<u8>>::default();
    let path = "/test.Mirror/All".parse().unwrap();
    let mut back = client
        .streaming(Request::new(messages), path, codec)
        .await
        .unwrap()
        .into_inner();
    let mut got = 0;
    while let Some(message) = back.message().await.unwrap() {
        assert_eq!(message.len(), size);
        got += 1;
    }
    assert_eq!(got, many);
    drop((client, back));
    edge.end().await;
}

#[watertight::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tonic_client_that_streams_100_mib_both_ways_is_honest() {
    through_the_mirror(1_600, 64 * 1024).await;
    through_the_mirror(20_000, 1).await;
}

#[watertight::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hyper_client_that_measures_with_pings_is_honest() {
    const MIB: usize = 100;
    let edge = mirror(miserly());
    let tcp = tokio::net::TcpStream::connect(edge.addr).await.unwrap();
    // Adaptive windows send a ping for each round trip of data.
    let (mut send, conn) = hyper::client::conn::http2::Builder::new(TokioExecutor::new())
        .adaptive_window(true)
        .handshake(TokioIo::new(tcp))
        .await
        .unwrap();
    drop(edge.scope.spawn("client", async move { drop(conn.await) }));
    let chunk = Bytes::from(vec![7; 64 * 1024]);
    let chunks =
        futures_util::stream::repeat_with(move || Ok::<_, Infallible>(Frame::data(chunk.clone())));
    let body = StreamBody::new(chunks.take(MIB * 16));
    let request = http::Request::post("http://t/echo").body(body).unwrap();
    let mut body = send.send_request(request).await.unwrap().into_body();
    let mut got = 0;
    while let Some(frame) = body.frame().await {
        got += frame.unwrap().into_data().map_or(0, |data| data.len());
    }
    assert_eq!(got, MIB << 20);
    edge.freed().await;
    edge.scope.cancel();
}

#[watertight::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_gives_up_all_its_calls_is_honest() {
    let edge = Edge::start(miserly());
    let tcp = tokio::net::TcpStream::connect(edge.addr).await.unwrap();
    let (send, conn) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(tcp))
            .await
            .unwrap();
    drop(edge.scope.spawn("client", async move { drop(conn.await) }));
    for _ in 0..2_000 {
        let mut send = send.clone();
        let hang = http::Request::get("http://t/hang")
            .body(String::new())
            .unwrap();
        let call = send.send_request(hang);
        let soon = Deadline::after(Duration::from_micros(500)).run(call);
        assert!(soon.await.is_err(), "it hangs, and the connection stays");
    }
    edge.freed().await;
    edge.scope.cancel();
}
