//! One connection: handshake, protocol, hyper, and its orderly end.

use super::accept::Slot;
use super::drive::{Drive, Ended};
use super::frames::FrameBudget;
use super::head_timer::HeadTimer;
use super::link::Link;
use super::service::RequestService;
use super::sniff::{Prefixed, Protocol, sniff};
use super::streams::StreamExec;
use super::watched::Watched;
use super::{Acceptor, ServerConfig, Shared};
use crate::series::CONNECTIONS_CLOSED;
use crate::{ConnInfo, ListenerTag};
use hyper::server::conn::{http1, http2};
use hyper_util::rt::TokioTimer;
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::net::TcpStream;
use tokio::time::Instant;
use watertight_core::{Deadline, Either, race};

/// HTTP/2 flow-control window of a connection: what all its streams together
/// may send ahead of what handlers have read.
const CONNECTION_WINDOW: u32 = 1024 * 1024;
/// And of one stream.
const STREAM_WINDOW: u32 = 256 * 1024;

/// Serves one connection until it ends, or the server's shutdown ends it.
pub(super) async fn serve<A: Acceptor>(
    slot: Slot,
    acceptor: A,
    stream: TcpStream,
    peer: SocketAddr,
    tag: ListenerTag,
) {
    let shared = slot.shared();
    let link = Arc::new(Link::new());
    let hello = hello(shared, &link, acceptor, stream, peer, tag);
    // Nothing was asked yet, so nothing is lost by closing at once on shutdown.
    let first = race(hello, shared.stop.cancelled()).await;
    if let Either::Left(Some((protocol, io, info))) = first {
        speak(shared, link, protocol, io, info).await;
    }
}

/// Handshake and first bytes, each within its deadline.
async fn hello<A: Acceptor>(
    shared: &Shared,
    link: &Arc<Link>,
    acceptor: A,
    stream: TcpStream,
    peer: SocketAddr,
    tag: ListenerTag,
) -> Option<(Protocol, Prefixed<Watched<A::Io>>, ConnInfo)> {
    let config = shared.config.load_full();
    let handshake = Deadline::after(config.handshake_timeout);
    let accepted = handshake.run(acceptor.accept(stream, peer, tag));
    let (io, info) = match accepted.await {
        Ok(Ok(accepted)) => accepted,
        Ok(Err(error)) => {
            tracing::debug!(%error, %peer, "handshake failed");
            count_closed("handshake");
            return None;
        }
        Err(_elapsed) => {
            count_closed("handshake_timeout");
            return None;
        }
    };
    let io = Watched::new(io, Arc::clone(link));
    let first_byte = Deadline::after(config.first_byte_timeout);
    match first_byte.run(sniff(io)).await {
        Ok(Ok(Some((protocol, io)))) => Some((protocol, io, info)),
        Ok(Ok(None)) => None,
        Ok(Err(error)) => {
            tracing::debug!(%error, %peer, "no first byte");
            None
        }
        Err(_elapsed) => {
            count_closed("first_byte_timeout");
            None
        }
    }
}

async fn speak<S>(
    shared: &Arc<Shared>,
    link: Arc<Link>,
    protocol: Protocol,
    mut io: Prefixed<Watched<S>>,
    info: ConnInfo,
) where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + 'static,
{
    let config = shared.config.load_full();
    let service = RequestService::new(Arc::clone(shared), Arc::clone(&link), info);
    let ended = match protocol {
        Protocol::Http1 => {
            let conn = http1_builder(&config).serve_connection(io, service);
            Drive::new(conn, shared, Arc::clone(&link), false).await
        }
        Protocol::Http2 => {
            let (per_s, burst) = (
                config.control_frames_per_s_max,
                config.control_frames_burst_max,
            );
            let budget = FrameBudget::new(per_s, burst, Instant::now());
            io.io_mut().count_frames(budget);
            let exec = StreamExec::new(
                Arc::clone(shared),
                Arc::clone(&link),
                config.write_stall_timeout,
            );
            let conn = http2_builder(&config, exec).serve_connection(io, service);
            Drive::new(conn, shared, Arc::clone(&link), true).await
        }
    };
    // Peers do what they like; a line per broken connection would be theirs to write.
    match ended {
        Ok(()) => {}
        Err(Ended::Cut(reason)) => {
            count_closed(reason);
            tracing::debug!(reason, peer = %info.peer, "connection cut off");
        }
        Err(Ended::Broken(error)) => {
            count_closed(reason(&error));
            tracing::debug!(error = crate::error::chain(&error), peer = %info.peer, "connection ended");
        }
    }
}

fn reason(error: &hyper::Error) -> &'static str {
    if error.is_timeout() {
        "timeout"
    } else if error.is_parse() || error.is_parse_too_large() {
        "malformed"
    } else {
        "broken"
    }
}

pub(super) fn count_closed(reason: &'static str) {
    CONNECTIONS_CLOSED.with([reason]).increment(1);
}

fn http1_builder(config: &ServerConfig) -> http1::Builder {
    let header_bytes_max = usize::try_from(config.header_bytes_max).unwrap_or(usize::MAX);
    let mut builder = http1::Builder::new();
    builder
        .timer(HeadTimer::default())
        .header_read_timeout(config.header_timeout)
        .half_close(config.half_close)
        .max_header_size(header_bytes_max)
        // hyper reads a head into this buffer; its smallest legal value is 8 KiB.
        .max_buf_size(header_bytes_max.max(8 * 1024) * 4);
    builder
}

fn http2_builder(config: &ServerConfig, exec: StreamExec) -> http2::Builder<StreamExec> {
    let mut builder = http2::Builder::new(exec);
    builder
        .timer(TokioTimer::new())
        // Only those of HTTP have one; see `date`.
        .auto_date_header(false)
        .max_concurrent_streams(config.streams_max)
        .max_local_error_reset_streams(config.error_resets_max)
        .max_pending_accept_reset_streams(config.pending_resets_max)
        .max_header_list_size(config.header_bytes_max)
        .max_send_buf_size(config.send_buffer_bytes_max)
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .keep_alive_interval(config.keep_alive_interval)
        .keep_alive_timeout(config.keep_alive_timeout);
    builder
}
