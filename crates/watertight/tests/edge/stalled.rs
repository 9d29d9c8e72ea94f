//! Peers that take nothing of what they asked for, and answer pings.

use crate::common::{
    Edge, LIVENESS, PAGE_BYTES, State, counter, fetch, frame_of, grown, ms, reset, router,
    rpc_count, say, until, until_closed,
};
use crate::faults::RawService;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};
use testkit::wait_until_async;
use testkit::wire::{
    END_HEADERS, END_STREAM, INITIAL_WINDOW, RawClient, frame, grpc, kind, request, window_update,
};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use watertight::{
    Acceptor, ConnInfo, ListenerTag, PlainTcp, Routes, Scope, Server, ServerConfig, bind,
};

const WHOLE: u8 = END_HEADERS | END_STREAM;
const SHUT: &[(u16, u32)] = &[(INITIAL_WINDOW, 0)];

async fn get(client: &mut RawClient, stream: u32, path: &str, more: &[(&str, &str)]) {
    let block = request("GET", path, more);
    client
        .send(&frame(kind::HEADERS, WHOLE, stream, &block))
        .await
        .unwrap();
}

/// `path` on a stream that takes nothing is reset and freed, while the next
/// stream of the connection is served.
async fn ends(config: ServerConfig, path: &str, more: &[(&str, &str)], reason: &str) {
    let cut = format!(r#"server_streams_cut_total{{reason="{reason}"}}"#);
    let before = counter(&cut);
    let edge = Edge::start(config);
    let mut client = edge.raw(SHUT).await;
    get(&mut client, 1, path, more).await;
    assert!(frame_of(&mut client, kind::HEADERS, 1).await.is_some());
    assert_eq!(edge.server.in_flight(), 1);
    assert!(reset(&mut client, 1).await, "no RST_STREAM");
    edge.freed().await;
    grown(&cut, before).await;
    get(&mut client, 3, "/", &[]).await;
    client.send(&window_update(3, 1_000)).await.unwrap();
    let home = frame_of(&mut client, kind::DATA, 3).await.unwrap();
    assert_eq!(home.payload, b"home");
    edge.end().await;
}

/// Pings all the time: such a peer is alive.
fn pinging() -> ServerConfig {
    ServerConfig {
        keep_alive_interval: ms(20),
        ..ServerConfig::default()
    }
}

#[watertight::test]
async fn a_unary_response_nobody_takes_ends_at_its_deadline() {
    ends(
        pinging(),
        "/big",
        &[("x-request-timeout", "300")],
        "deadline",
    )
    .await;
}

#[watertight::test]
async fn a_stream_nobody_takes_ends_at_its_deadline() {
    ends(
        pinging(),
        "/flood",
        &[("x-request-timeout", "300")],
        "deadline",
    )
    .await;
}

#[watertight::test]
async fn a_stream_without_a_deadline_ends_at_the_limit_for_streams() {
    let config = ServerConfig {
        stream_timeout_max: ms(300),
        request_timeout: ms(200),
        ..pinging()
    };
    ends(config, "/flood", &[], "deadline").await;
}

#[watertight::test]
async fn what_nobody_takes_for_too_long_is_a_stall() {
    let config = ServerConfig {
        write_stall_timeout: ms(200),
        ..pinging()
    };
    ends(config.clone(), "/big", &[], "write_stall").await;
    ends(config, "/flood", &[], "write_stall").await;
}

/// With one byte of window hyper takes a whole piece of the body, which may be
/// all of it.
#[watertight::test]
async fn who_takes_a_byte_of_a_response_has_not_taken_the_response() {
    let config = ServerConfig {
        write_stall_timeout: ms(300),
        ..pinging()
    };
    let cut = r#"server_streams_cut_total{reason="write_stall"}"#;
    let before = counter(cut);
    let edge = Edge::start(config);
    let mut client = edge.raw(SHUT).await;
    get(&mut client, 1, "/page", &[]).await;
    client.send(&window_update(1, 1)).await.unwrap();
    assert!(frame_of(&mut client, kind::DATA, 1).await.is_some());
    assert_eq!(edge.server.in_flight(), 1);
    assert!(reset(&mut client, 1).await, "no RST_STREAM");
    edge.freed().await;
    grown(cut, before).await;
    // And who takes it to its last byte gets its end, with no window to spare.
    get(&mut client, 3, "/page", &[]).await;
    let window = u32::try_from(PAGE_BYTES).unwrap();
    client.send(&window_update(3, window)).await.unwrap();
    let mut taken = 0;
    loop {
        let data = frame_of(&mut client, kind::DATA, 3).await.unwrap();
        taken += data.payload.len();
        if data.flags & END_STREAM != 0 {
            break;
        }
    }
    assert_eq!(taken, PAGE_BYTES);
    edge.end().await;
}

#[watertight::test]
async fn a_grpc_stream_nobody_takes_ends_at_its_deadline() {
    let state = State::default();
    let service = RawService::flooding(&state);
    let routes = Routes::new(
        tonic::service::Routes::new(service),
        vec!["test.Raw"],
        router(&state),
    );
    let series = rpc_count("/test.Raw/Flood", "DEADLINE_EXCEEDED");
    let edge = Edge::with(pinging(), routes, state);
    let mut client = edge.raw(SHUT).await;
    let block = grpc("/test.Raw/Flood", &[("grpc-timeout", "300m")]);
    client
        .send(&frame(kind::HEADERS, WHOLE, 1, &block))
        .await
        .unwrap();
    assert!(reset(&mut client, 1).await, "no RST_STREAM");
    edge.freed().await;
    grown(&series, 0).await;
    edge.end().await;
}

#[watertight::test]
async fn a_late_stream_whose_window_opens_gets_its_status() {
    let state = State::default();
    let service = RawService::flooding(&state);
    let routes = Routes::new(
        tonic::service::Routes::new(service),
        vec!["test.Raw"],
        router(&state),
    );
    let edge = Edge::with(pinging(), routes, state);
    // Open, but not taken fast enough to be ever done: the client reads, the body has no end.
    let mut client = edge.raw(&[(INITIAL_WINDOW, 1 << 20)]).await;
    client.send(&window_update(0, 1 << 30)).await.unwrap();
    let block = grpc("/test.Raw/Flood", &[("grpc-timeout", "300m")]);
    client
        .send(&frame(kind::HEADERS, WHOLE, 1, &block))
        .await
        .unwrap();
    loop {
        let frame = client.next().await.unwrap().expect("closed");
        match frame.kind {
            kind::DATA if !frame.payload.is_empty() => {
                let more = u32::try_from(frame.payload.len()).unwrap();
                client.send(&window_update(1, more)).await.unwrap();
            }
            kind::HEADERS if frame.flags & END_STREAM != 0 => break,
            kind::RST_STREAM => panic!("reset: a body that is asked for frames ends by itself"),
            _ => {}
        }
    }
    edge.end().await;
}

#[watertight::test]
async fn a_quiet_stream_is_not_stalled() {
    let edge = Edge::start(ServerConfig {
        write_stall_timeout: ms(50),
        ..pinging()
    });
    let mut client = edge.raw(&[]).await;
    get(&mut client, 1, "/events", &[]).await;
    let first = frame_of(&mut client, kind::DATA, 1).await.unwrap();
    assert_eq!(first.payload, b"one\n");
    testkit::let_pass(ms(400), "longer than the limit that must not end it").await;
    assert_eq!(edge.server.in_flight(), 1);
    edge.state.gate.notify_one();
    let second = frame_of(&mut client, kind::DATA, 1).await.unwrap();
    assert_eq!(second.payload, b"two\n");
    edge.end().await;
}

#[watertight::test]
async fn a_cancelled_request_ends_what_nobody_takes() {
    let edge = Edge::start(pinging());
    let mut client = edge.raw(SHUT).await;
    get(&mut client, 1, "/cancel", &[]).await;
    assert!(frame_of(&mut client, kind::HEADERS, 1).await.is_some());
    edge.state.gate.notify_one();
    assert!(reset(&mut client, 1).await, "no RST_STREAM");
    edge.end().await;
}

#[watertight::test]
async fn an_http1_client_that_stops_reading_is_cut_off() {
    let stall = r#"server_connections_closed_total{reason="write_stall"}"#;
    let before = counter(stall);
    let edge = Edge::start(ServerConfig {
        write_stall_timeout: ms(200),
        ..ServerConfig::default()
    });
    for path in ["/flood", "/big"] {
        let mut tcp = say(
            edge.addr,
            &format!("GET {path} HTTP/1.1\r\nhost: t\r\n\r\n"),
        )
        .await;
        until(&mut tcp, "200 OK").await;
        edge.no_connections().await;
        edge.freed().await;
    }
    assert!(counter(stall) >= before + 2);
    edge.end().await;
}

#[watertight::test]
async fn an_http1_response_nobody_takes_ends_at_its_deadline() {
    let late = r#"server_connections_closed_total{reason="deadline"}"#;
    let before = counter(late);
    let edge = Edge::start(ServerConfig::default());
    let request = "GET /flood HTTP/1.1\r\nhost: t\r\nx-request-timeout: 300\r\n\r\n";
    let mut tcp = say(edge.addr, request).await;
    until(&mut tcp, "200 OK").await;
    edge.no_connections().await;
    grown(late, before).await;
    // And one that is taken as fast as it comes: the body looks at the clock by itself.
    let mut tcp = say(edge.addr, request).await;
    assert!(until_closed(&mut tcp).await.starts_with("HTTP/1.1 200"));
    edge.end().await;
}

#[watertight::test]
async fn an_http2_client_that_stops_reading_is_cut_off() {
    let stall = r#"server_connections_closed_total{reason="write_stall"}"#;
    let before = counter(stall);
    let edge = Edge::start(ServerConfig {
        write_stall_timeout: ms(200),
        ..ServerConfig::default()
    });
    // All windows are open, but TCP's fills up: not even a reset gets through.
    let mut client = edge.raw(&[(INITIAL_WINDOW, 1 << 30)]).await;
    client.send(&window_update(0, 1 << 30)).await.unwrap();
    for stream in [1, 3, 5] {
        get(&mut client, stream, "/flood", &[]).await;
    }
    edge.freed().await;
    edge.no_connections().await;
    grown(stall, before).await;
    edge.end().await;
}

#[watertight::test]
async fn what_is_left_of_an_answered_request_is_cut_with_its_connection() {
    let unread = r#"server_connections_closed_total{reason="unread"}"#;
    let before = counter(unread);
    let edge = Edge::start(ServerConfig {
        idle_timeout: ms(200),
        write_stall_timeout: ms(200),
        ..pinging()
    });
    // Takes one byte: hyper hands the rest to h2 and is done with the request.
    let mut client = edge.raw(&[(INITIAL_WINDOW, 1)]).await;
    get(&mut client, 1, "/", &[]).await;
    assert!(frame_of(&mut client, kind::DATA, 1).await.is_some());
    edge.freed().await;
    assert_eq!(edge.server.connections(), 1);
    while client.next().await.unwrap().is_some() {}
    edge.no_connections().await;
    grown(unread, before).await;
    edge.end().await;
}

#[watertight::test]
async fn a_slow_reader_gets_it_all() {
    let edge = Edge::start(ServerConfig {
        write_stall_timeout: ms(500),
        ..ServerConfig::default()
    });
    let mut client = edge.raw(&[(INITIAL_WINDOW, 1 << 20)]).await;
    client.send(&window_update(0, 1 << 30)).await.unwrap();
    get(&mut client, 1, "/big", &[]).await;
    let (mut got, mut owed) = (0, 0);
    loop {
        let frame = client.next().await.unwrap().expect("closed");
        assert_ne!(frame.kind, kind::RST_STREAM, "reset after {got}");
        if frame.kind == kind::DATA {
            got += frame.payload.len();
            owed += frame.payload.len();
            if owed >= 1 << 20 {
                // Several times, and in all longer than a stall may last.
                testkit::let_pass(ms(100), "a peer that is slow now and then").await;
                let more = u32::try_from(owed).unwrap();
                client.send(&window_update(1, more)).await.unwrap();
                owed = 0;
            }
            if frame.flags & END_STREAM != 0 {
                break;
            }
        }
    }
    assert_eq!(got, 8 << 20);
    wait_until_async(crate::common::LIVENESS, async || {
        edge.server.in_flight() == 0
    })
    .await;
    assert!(fetch(edge.addr, "/", "").await.ends_with("home"));
    edge.end().await;
}

/// A transport whose last word nobody takes, as of a TLS session's.
#[derive(Clone)]
struct NoGoodbye;

struct Lingering(TcpStream);

impl Acceptor for NoGoodbye {
    type Io = Lingering;

    async fn accept(
        &self,
        stream: TcpStream,
        peer: SocketAddr,
        tag: ListenerTag,
    ) -> io::Result<(Lingering, ConnInfo)> {
        let (stream, info) = PlainTcp.accept(stream, peer, tag).await?;
        Ok((Lingering(stream), info))
    }
}

impl AsyncRead for Lingering {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, buf)
    }
}

impl AsyncWrite for Lingering {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Pending
    }
}

#[watertight::test]
async fn a_connection_whose_end_nobody_takes_is_cut_off() {
    let scope = Scope::root("test");
    let config = ServerConfig {
        write_stall_timeout: ms(100),
        ..ServerConfig::default()
    };
    let server = Server::new(&scope, config, Routes::http(router(&State::default())));
    let listener = bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let tag = ListenerTag("main");
    let addr = server.listen(listener, tag, NoGoodbye).unwrap();
    assert!(fetch(addr, "/", "").await.ends_with("home"));
    wait_until_async(LIVENESS, async || server.connections() == 0).await;
    assert!(scope.close(ms(0)).await.is_empty());
}
