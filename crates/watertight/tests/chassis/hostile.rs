//! Peers that stall, flood or pile up.

use crate::common::{Echo, LIVENESS, call, echo_server};
use std::net::SocketAddr;
use std::sync::atomic::Ordering;
use std::time::Duration;
use testkit::wait_until_async;
use testkit::wire::{PREFACE, settings};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tonic::Code;
use watertight::{Either, join, race};
use watertight::{ListenerTag, PlainTcp, Routes, Scope, Server, ServerConfig, axum, bind};

fn start(config: ServerConfig) -> (Scope, Server, SocketAddr) {
    let scope = Scope::root("test");
    let http = axum::Router::new().route("/", axum::routing::get(async || "home"));
    let grpc = tonic::service::Routes::new(Echo::default());
    let server = Server::new(&scope, config, Routes::new(grpc, vec!["test.Echo"], http));
    let listener = bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let addr = server
        .listen(listener, ListenerTag("main"), PlainTcp)
        .unwrap();
    (scope, server, addr)
}

/// Reads until the peer closes; a reset is a close too.
async fn closed(tcp: &mut TcpStream) -> Vec<u8> {
    let mut answer = Vec::new();
    let _reset = testkit::within(LIVENESS, tcp.read_to_end(&mut answer)).await;
    answer
}

#[watertight::test]
async fn silent_and_stalling_sockets_are_closed() {
    let short = Duration::from_millis(50);
    let config = ServerConfig {
        first_byte_timeout: short,
        header_timeout: short,
        ..ServerConfig::default()
    };
    let (scope, server, addr) = start(config);
    for said in [
        &b""[..],
        b"P",
        &PREFACE[..20],
        b"GET / HTTP/1.1\r\nhost: t\r\n",
    ] {
        let mut tcp = TcpStream::connect(addr).await.unwrap();
        tcp.write_all(said).await.unwrap();
        let answer = closed(&mut tcp).await;
        assert!(!answer.starts_with(b"HTTP/1.1 200"), "{said:?}");
    }
    wait_until_async(LIVENESS, async || server.connections() == 0).await;
    assert!(scope.close(LIVENESS).await.is_empty());
}

#[watertight::test]
async fn a_peer_that_answers_no_ping_is_closed() {
    let short = Duration::from_millis(50);
    let config = ServerConfig {
        keep_alive_interval: short,
        keep_alive_timeout: short,
        ..ServerConfig::default()
    };
    let (scope, _server, addr) = start(config);
    let mut tcp = TcpStream::connect(addr).await.unwrap();
    tcp.write_all(PREFACE).await.unwrap();
    tcp.write_all(&settings(&[])).await.unwrap();
    closed(&mut tcp).await;
    assert!(scope.close(LIVENESS).await.is_empty());
}

#[watertight::test]
async fn connections_beyond_the_cap_are_closed_at_once() {
    let (scope, server, addr) = start(ServerConfig {
        connections_max: 2,
        ..ServerConfig::default()
    });
    let mut first = TcpStream::connect(addr).await.unwrap();
    let _second = TcpStream::connect(addr).await.unwrap();
    wait_until_async(LIVENESS, async || server.connections() == 2).await;
    let mut third = TcpStream::connect(addr).await.unwrap();
    assert_eq!(closed(&mut third).await, b"");
    // The others are unharmed, and a place that is given back can be taken.
    first
        .write_all(b"GET / HTTP/1.1\r\nhost: t\r\nconnection: close\r\n\r\n")
        .await
        .unwrap();
    assert!(closed(&mut first).await.ends_with(b"home"));
    wait_until_async(LIVENESS, async || server.connections() == 1).await;
    assert!(crate::common::get(addr, "/", "").await.ends_with("home"));
    assert!(scope.close(Duration::ZERO).await.is_empty());
}

#[watertight::test]
async fn oversized_headers_are_refused() {
    let (scope, _server, addr) = start(ServerConfig::default());
    let fat = format!("x-fat: {}\r\n", "a".repeat(20 * 1024));
    let answer = crate::common::get(addr, "/", &fat).await;
    assert!(answer.starts_with("HTTP/1.1 431"), "{answer}");
    assert!(scope.close(LIVENESS).await.is_empty());
}

#[watertight::test]
async fn requests_beyond_the_cap_are_refused_and_places_come_back() {
    let echo = Echo::default();
    let (running, channel) = echo_server(echo.clone(), &["--requests-max", "2"]).await;
    let hanging = || call(channel.clone(), "Hang", String::new());
    let refused = async {
        wait_until_async(LIVENESS, async || echo.running.load(Ordering::SeqCst) == 2).await;
        call(channel.clone(), "Say", String::new()).await
    };
    match race(refused, join(hanging(), hanging())).await {
        Either::Left(refused) => assert_eq!(refused.unwrap_err().code(), Code::ResourceExhausted),
        Either::Right((one, two)) => panic!("{one:?} {two:?}"),
    }
    // The hanging callers have left with the race.
    wait_until_async(LIVENESS, async || running.server().in_flight() == 0).await;
    assert_eq!(
        call(channel.clone(), "Say", "again".to_owned())
            .await
            .unwrap(),
        "again"
    );
}
