//! Peers that stall, flood or pile up.

use crate::common::{Echo, LIVENESS, call, echo_server};
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::Ordering;
use std::time::Duration;
use testkit::wait_until_async;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tonic::Code;
use watertight::{ListenerTag, PlainTcp, Routes, Scope, Server, ServerConfig, axum, bind};

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;

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
    match tokio::time::timeout(LIVENESS, tcp.read_to_end(&mut answer)).await {
        Ok(Ok(_) | Err(_)) => answer,
        Err(_) => panic!("the connection stayed open"),
    }
}

#[tokio::test]
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

#[tokio::test]
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
    tcp.write_all(&frame(SETTINGS, 0, 0, &[])).await.unwrap();
    closed(&mut tcp).await;
    assert!(scope.close(LIVENESS).await.is_empty());
}

#[tokio::test]
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

/// One HTTP/2 frame.
fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let len = u32::try_from(payload.len()).unwrap().to_be_bytes();
    let mut frame = vec![len[1], len[2], len[3], kind, flags];
    frame.extend(stream.to_be_bytes());
    frame.extend(payload);
    frame
}

/// Sends what `request` makes of each stream id until the server hangs up;
/// how many it took.
async fn flood(addr: SocketAddr, request: impl Fn(u32) -> Vec<u8>) -> u32 {
    const ENOUGH: u32 = 50_000;
    let tcp = TcpStream::connect(addr).await.unwrap();
    let (mut read, mut write) = tcp.into_split();
    let drain = async move {
        let mut sink = vec![0; 64 * 1024];
        while !matches!(read.read(&mut sink).await, Ok(0) | Err(_)) {}
    };
    let send = async move {
        let hello = [PREFACE, &frame(SETTINGS, 0, 0, &[])].concat();
        let mut sent: io::Result<()> = write.write_all(&hello).await;
        let mut streams = 0;
        while sent.is_ok() && streams < ENOUGH {
            sent = write.write_all(&request(2 * streams + 1)).await;
            streams += 1;
        }
        streams
    };
    // Whichever side notices first that the server has hung up.
    let (streams, ()) = tokio::time::timeout(LIVENESS, futures_util::future::join(send, drain))
        .await
        .expect("the connection stayed open");
    assert!(
        streams < ENOUGH,
        "the server took {streams} streams without hanging up"
    );
    streams
}

/// `GET / http` with indexed fields, and a literal authority.
const GET: &[u8] = &[0x82, 0x84, 0x86, 0x41, 0x01, b't'];

#[tokio::test]
async fn rapid_resets_end_the_connection() {
    let (scope, _server, addr) = start(ServerConfig::default());
    flood(addr, |id| {
        let cancel = 8_u32.to_be_bytes();
        [
            frame(HEADERS, 0x5, id, GET),
            frame(RST_STREAM, 0, id, &cancel),
        ]
        .concat()
    })
    .await;
    assert!(crate::common::get(addr, "/", "").await.ends_with("home"));
    assert!(scope.close(LIVENESS).await.is_empty());
}

#[tokio::test]
async fn malformed_requests_end_the_connection() {
    let (scope, _server, addr) = start(ServerConfig::default());
    // No :path, which makes the server reset each stream by itself.
    flood(addr, |id| frame(HEADERS, 0x5, id, &[0x82, 0x86])).await;
    assert!(crate::common::get(addr, "/", "").await.ends_with("home"));
    assert!(scope.close(LIVENESS).await.is_empty());
}

#[tokio::test]
async fn oversized_headers_are_refused() {
    let (scope, _server, addr) = start(ServerConfig::default());
    let fat = format!("x-fat: {}\r\n", "a".repeat(20 * 1024));
    let answer = crate::common::get(addr, "/", &fat).await;
    assert!(answer.starts_with("HTTP/1.1 431"), "{answer}");
    assert!(scope.close(LIVENESS).await.is_empty());
}

#[tokio::test]
async fn requests_beyond_the_cap_are_refused_and_places_come_back() {
    let echo = Echo::default();
    let (running, channel) = echo_server(echo.clone(), &["--requests-max", "2"]).await;
    let hanging = || call(channel.clone(), "Hang", String::new());
    let refused = async {
        wait_until_async(LIVENESS, async || echo.running.load(Ordering::SeqCst) == 2).await;
        call(channel.clone(), "Say", String::new()).await
    };
    tokio::select! {
        refused = refused => assert_eq!(refused.unwrap_err().code(), Code::ResourceExhausted),
        (one, two) = async { tokio::join!(hanging(), hanging()) } => panic!("{one:?} {two:?}"),
    }
    // The hanging callers have left with the select.
    wait_until_async(LIVENESS, async || running.server().in_flight() == 0).await;
    assert_eq!(
        call(channel.clone(), "Say", "again".to_owned())
            .await
            .unwrap(),
        "again"
    );
}
