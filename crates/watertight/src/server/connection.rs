//! One connection: handshake, protocol, hyper, and its orderly end.

use super::accept::Slot;
use super::service::RequestService;
use super::sniff::{Prefixed, Protocol, sniff};
use super::{Acceptor, ServerConfig, Shared};
use crate::{ConnInfo, ListenerTag};
use hyper::server::conn::{http1, http2};
use hyper_util::rt::TokioTimer;
use hyper_util::server::graceful::GracefulConnection;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, ready};
use tokio::net::TcpStream;
use tokio_util::sync::WaitForCancellationFutureOwned;

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
    let hello = async {
        let (io, info) = acceptor.accept(stream, peer, tag).await?;
        Ok::<_, std::io::Error>(sniff(io).await?.map(|(protocol, io)| (protocol, io, info)))
    };
    // Nothing was asked yet, so nothing is lost by closing at once on shutdown.
    let hello = tokio::select! {
        hello = tokio::time::timeout(shared.config.first_byte_timeout, hello) => hello,
        () = shared.stop.cancelled() => return,
    };
    match hello {
        Ok(Ok(Some((protocol, io, info)))) => speak(shared, protocol, io, info).await,
        Ok(Ok(None)) => {}
        Ok(Err(error)) => tracing::debug!(%error, %peer, "handshake failed"),
        Err(_elapsed) => count_closed("first_byte_timeout"),
    }
}

async fn speak<S>(shared: &Arc<Shared>, protocol: Protocol, io: Prefixed<S>, info: ConnInfo)
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + 'static,
{
    let streams = Arc::new(AtomicUsize::new(0));
    let service = RequestService::new(Arc::clone(shared), info);
    let ended = match protocol {
        Protocol::Http1 => {
            let conn = http1_builder(&shared.config).serve_connection(io, service);
            Drive::new(conn, shared, streams).await
        }
        Protocol::Http2 => {
            let exec = StreamExec(Arc::clone(&streams));
            let conn = http2_builder(&shared.config, exec).serve_connection(io, service);
            Drive::new(conn, shared, streams).await
        }
    };
    // Peers do what they like; a line per broken connection would be theirs to write.
    if let Err(error) = ended {
        count_closed(reason(&error));
        tracing::debug!(error = crate::error::chain(&error), peer = %info.peer, "connection ended");
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

fn count_closed(reason: &'static str) {
    metrics::counter!("server_connections_closed_total", "reason" => reason).increment(1);
}

fn http1_builder(config: &ServerConfig) -> http1::Builder {
    let header_bytes_max = usize::try_from(config.header_bytes_max).unwrap_or(usize::MAX);
    let mut builder = http1::Builder::new();
    builder
        .timer(TokioTimer::new())
        .header_read_timeout(config.header_timeout)
        .max_header_size(header_bytes_max)
        // hyper reads a head into this buffer; its smallest legal value is 8 KiB.
        .max_buf_size(header_bytes_max.max(8 * 1024) * 4);
    builder
}

fn http2_builder(config: &ServerConfig, exec: StreamExec) -> http2::Builder<StreamExec> {
    let mut builder = http2::Builder::new(exec);
    builder
        .timer(TokioTimer::new())
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

/// Where hyper's HTTP/2 streams run, and the count of them.
///
/// A stream is a task of its own, but belongs to its connection: when that is
/// dropped, so is its handler. Its scope is a child of the server's.
#[derive(Clone, Debug)]
struct StreamExec(Arc<AtomicUsize>);

impl<F> hyper::rt::Executor<F> for StreamExec
where
    F: Future<Output = ()> + Send + 'static,
{
    #[expect(
        clippy::disallowed_methods,
        reason = "owned by its connection, which is a scope's task"
    )]
    fn execute(&self, fut: F) {
        self.0.fetch_add(1, Ordering::Relaxed);
        let stream = Stream {
            fut,
            _counted: Counted(Arc::clone(&self.0)),
        };
        drop(tokio::spawn(stream));
    }
}

#[derive(Debug)]
struct Counted(Arc<AtomicUsize>);

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

pin_project_lite::pin_project! {
    struct Stream<F> {
        #[pin]
        fut: F,
        _counted: Counted,
    }
}

impl<F: Future<Output = ()>> Future for Stream<F> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        self.project().fut.poll(cx)
    }
}

pin_project_lite::pin_project! {
    /// Drives a connection, and tells it to finish when the server stops.
    ///
    /// Each wake-up is answered by yielding once before the poll, while more
    /// than one stream is in flight: handlers that became ready meanwhile get
    /// to write, and all their responses leave in one system call (223k
    /// requests/s instead of 139k). With a single stream there is nothing to
    /// wait for, and the yield would only cost.
    struct Drive<C> {
        #[pin]
        conn: C,
        #[pin]
        stop: WaitForCancellationFutureOwned,
        stopping: bool,
        yielded: bool,
        streams: Arc<AtomicUsize>,
    }
}

impl<C: GracefulConnection> Drive<C> {
    fn new(conn: C, shared: &Shared, streams: Arc<AtomicUsize>) -> Self {
        let stop = shared.stop.clone().cancelled_owned();
        Self {
            conn,
            stop,
            stopping: false,
            yielded: false,
            streams,
        }
    }
}

impl<C: GracefulConnection> Future for Drive<C> {
    type Output = Result<(), C::Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        if !*this.stopping && this.stop.poll(cx).is_ready() {
            *this.stopping = true;
            this.conn.as_mut().graceful_shutdown();
        }
        if !*this.yielded && this.streams.load(Ordering::Relaxed) > 1 {
            *this.yielded = true;
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        *this.yielded = false;
        let out = ready!(this.conn.poll(cx));
        Poll::Ready(out)
    }
}
