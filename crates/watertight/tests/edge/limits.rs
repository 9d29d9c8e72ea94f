//! Caps, handshakes, idle and old connections, headers that are too long.

use crate::common::{
    Edge, LIVENESS, State, counter, fetch, frame_of, grown, ms, router, say, until, until_closed,
};
use std::io;
use std::net::SocketAddr;
use std::time::Duration;
use testkit::wait_until_async;
use testkit::wire::{END_HEADERS, END_STREAM, frame, kind, request};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use watertight::{Acceptor, ConnInfo, ListenerTag, Routes, Scope, Server, ServerConfig, bind};

const WHOLE: u8 = END_HEADERS | END_STREAM;

async fn from(local: &str, to: SocketAddr) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(format!("{local}:0").parse().unwrap()).unwrap();
    socket.connect(to).await.unwrap()
}

#[watertight::test]
async fn an_address_has_its_own_cap() {
    let refused =
        r#"server_connections_refused_total{listener="main",reason="connections_per_ip_max"}"#;
    let before = counter(refused);
    let edge = Edge::start(ServerConfig {
        connections_per_ip_max: 2,
        ..ServerConfig::default()
    });
    let _first = from("127.0.0.1", edge.addr).await;
    let second = from("127.0.0.1", edge.addr).await;
    wait_until_async(LIVENESS, async || edge.server.connections() == 2).await;
    let mut third = from("127.0.0.1", edge.addr).await;
    assert_eq!(until_closed(&mut third).await, "");
    assert!(counter(refused) > before);
    // Others are served, and a place that is given back can be taken.
    let mut other = from("127.0.0.2", edge.addr).await;
    other
        .write_all(b"GET / HTTP/1.1\r\nhost: t\r\n\r\n")
        .await
        .unwrap();
    until(&mut other, "home").await;
    drop(second);
    wait_until_async(LIVENESS, async || edge.server.connections() == 2).await;
    assert!(fetch(edge.addr, "/", "").await.ends_with("home"));
    edge.end().await;
}

/// A handshake that never ends.
#[derive(Clone)]
struct Stuck;

impl Acceptor for Stuck {
    type Io = TcpStream;

    async fn accept(
        &self,
        _stream: TcpStream,
        _peer: SocketAddr,
        _tag: ListenerTag,
    ) -> io::Result<(TcpStream, ConnInfo)> {
        std::future::pending().await
    }
}

#[watertight::test]
async fn a_handshake_that_stalls_is_ended() {
    let scope = Scope::root("test");
    let config = ServerConfig {
        handshake_timeout: ms(50),
        ..ServerConfig::default()
    };
    let server = Server::new(&scope, config, Routes::http(router(&State::default())));
    let listener = bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let addr = server.listen(listener, ListenerTag("main"), Stuck).unwrap();
    let mut tcp = TcpStream::connect(addr).await.unwrap();
    assert_eq!(until_closed(&mut tcp).await, "");
    assert!(scope.close(Duration::ZERO).await.is_empty());
}

#[watertight::test]
async fn an_idle_http2_connection_is_told_to_go() {
    let idle = r#"server_connections_closed_total{reason="idle"}"#;
    let before = counter(idle);
    let edge = Edge::start(ServerConfig {
        idle_timeout: ms(100),
        ..ServerConfig::default()
    });
    let mut client = edge.raw(&[]).await;
    // A request under way is not idle, however quiet it is.
    let block = request("GET", "/events", &[]);
    client
        .send(&frame(kind::HEADERS, WHOLE, 1, &block))
        .await
        .unwrap();
    assert!(frame_of(&mut client, kind::DATA, 1).await.is_some());
    testkit::let_pass(ms(400), "longer than the limit that must not end it").await;
    edge.state.gate.notify_one();
    let second = frame_of(&mut client, kind::DATA, 1).await.unwrap();
    assert_eq!(second.payload, b"two\n");
    assert!(frame_of(&mut client, kind::GOAWAY, 0).await.is_some());
    edge.no_connections().await;
    grown(idle, before).await;
    edge.end().await;
}

#[watertight::test]
async fn an_old_connection_finishes_what_it_has_and_goes() {
    let edge = Edge::start(ServerConfig {
        connection_age_max: ms(200),
        ..ServerConfig::default()
    });
    let mut client = edge.raw(&[]).await;
    let block = request("GET", "/events", &[]);
    client
        .send(&frame(kind::HEADERS, WHOLE, 1, &block))
        .await
        .unwrap();
    assert!(frame_of(&mut client, kind::GOAWAY, 0).await.is_some());
    edge.state.gate.notify_one();
    let ended = frame_of(&mut client, kind::DATA, 1).await.unwrap();
    assert_eq!(ended.payload, b"two\n");
    edge.no_connections().await;

    let mut tcp = say(edge.addr, "GET /events HTTP/1.1\r\nhost: t\r\n\r\n").await;
    until(&mut tcp, "one").await;
    testkit::let_pass(ms(300), "until the connection is old").await;
    edge.state.gate.notify_one();
    // Whole, and then closed instead of kept alive.
    assert!(until_closed(&mut tcp).await.ends_with("0\r\n\r\n"));
    edge.end().await;
}

#[watertight::test]
async fn an_old_http1_connection_says_close() {
    let edge = Edge::start(ServerConfig {
        connection_age_max: ms(100),
        ..ServerConfig::default()
    });
    let mut tcp = say(edge.addr, "GET / HTTP/1.1\r\nhost: t\r\n\r\n").await;
    until(&mut tcp, "home").await;
    testkit::let_pass(ms(300), "until the connection is old").await;
    // It may have been closed meanwhile; if not, the answer says that it will be.
    if tcp
        .write_all(b"GET / HTTP/1.1\r\nhost: t\r\n\r\n")
        .await
        .is_ok()
    {
        let answer = until_closed(&mut tcp).await;
        assert!(
            answer.is_empty() || answer.contains("connection: close"),
            "{answer}"
        );
    }
    edge.end().await;
}

#[watertight::test]
async fn headers_that_come_byte_by_byte_run_out_of_time() {
    let edge = Edge::start(ServerConfig {
        header_timeout: ms(200),
        first_byte_timeout: ms(200),
        ..ServerConfig::default()
    });
    for head in [
        "GET / HTTP/1.1\r\nhost: t\r\nx-slow: ",
        "PRI * HTTP/2.0\r\n\r\nSM",
    ] {
        let mut tcp = TcpStream::connect(edge.addr).await.unwrap();
        let mut bytes = head.bytes().chain(std::iter::repeat(b'a'));
        // Each byte puts nothing off.
        while let Some(byte) = bytes.next()
            && tcp.write_all(&[byte]).await.is_ok()
        {
            testkit::let_pass(ms(5), "a peer that trickles").await;
        }
    }
    edge.no_connections().await;
    edge.end().await;
}

#[watertight::test]
async fn long_headers_are_refused_and_the_http2_connection_lives() {
    let edge = Edge::start(ServerConfig::default());
    let fat = format!("x-fat: {}\r\n", "a".repeat(20 * 1024));
    assert!(
        fetch(edge.addr, "/", &fat)
            .await
            .starts_with("HTTP/1.1 431")
    );

    let mut client = edge.raw(&[]).await;
    let fat = "a".repeat(6_000);
    let many = [("x-one", &*fat), ("x-two", &*fat), ("x-three", &*fat)];
    let block = request("GET", "/", &many);
    let (first, rest) = block.split_at(16_000);
    client
        .send(&frame(kind::HEADERS, END_STREAM, 1, first))
        .await
        .unwrap();
    client
        .send(&frame(kind::CONTINUATION, END_HEADERS, 1, rest))
        .await
        .unwrap();
    let block = request("GET", "/", &[]);
    client
        .send(&frame(kind::HEADERS, WHOLE, 3, &block))
        .await
        .unwrap();
    let home = frame_of(&mut client, kind::DATA, 3).await.unwrap();
    assert_eq!(home.payload, b"home");
    edge.end().await;
}

#[watertight::test]
async fn many_headers_are_refused_and_the_http2_connection_lives() {
    let edge = Edge::start(ServerConfig::default());
    let names: Vec<_> = (0..101).map(|i| format!("x-{i}")).collect();
    let many: Vec<_> = names.iter().map(|name| (name.as_str(), "1")).collect();
    let mut client = edge.raw(&[]).await;
    for (stream, headers, says) in [(1, &many[..], "headers-too-large"), (3, &many[1..], "home")] {
        let block = request("GET", "/", headers);
        let whole = frame(kind::HEADERS, WHOLE, stream, &block);
        client.send(&whole).await.unwrap();
        let body = frame_of(&mut client, kind::DATA, stream).await.unwrap();
        let body = String::from_utf8(body.payload).unwrap();
        assert!(body.contains(says), "{body}");
    }
    edge.end().await;
}

#[watertight::test]
async fn one_host_and_chunks_are_what_http1_has() {
    let edge = Edge::start(ServerConfig::default());
    for (head, answer) in [
        ("host: t", "HTTP/1.1 200"),
        ("x: no host", "HTTP/1.1 400"),
        ("host: t\r\nhost: evil", "HTTP/1.1 400"),
        (
            "host: t\r\ntransfer-encoding: gzip, chunked",
            "HTTP/1.1 501",
        ),
    ] {
        let mut tcp = TcpStream::connect(edge.addr).await.unwrap();
        let request = format!("GET / HTTP/1.1\r\n{head}\r\nconnection: close\r\n\r\n0\r\n\r\n");
        tcp.write_all(request.as_bytes()).await.unwrap();
        let mut said = Vec::new();
        drop(tcp.read_to_end(&mut said).await);
        assert!(said.starts_with(answer.as_bytes()), "{head}: {said:?}");
    }
    edge.end().await;
}
