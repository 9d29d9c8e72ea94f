//! The accept loop.

use super::connection::serve;
use super::{Acceptor, Shared};
use crate::ListenerTag;
use socket2::{SockRef, TcpKeepalive};
use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};

/// Out of file descriptors or memory: accepting again at once would only spin.
const BACKOFF_MIN: Duration = Duration::from_millis(10);
const BACKOFF_MAX: Duration = Duration::from_secs(1);
/// A peer that vanished without a word is found out by TCP after about this.
const TCP_KEEPALIVE: Duration = Duration::from_secs(60);

/// Accepts until the server stops.
pub(super) async fn accept<A: Acceptor>(
    shared: Arc<Shared>,
    listener: TcpListener,
    tag: ListenerTag,
    acceptor: A,
) {
    let mut backoff = BACKOFF_MIN;
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = shared.stop.cancelled() => return,
        };
        match accepted {
            Ok((stream, peer)) => {
                backoff = BACKOFF_MIN;
                let Some(slot) = Slot::take(&shared, tag) else {
                    continue;
                };
                configure(&stream);
                let acceptor = acceptor.clone();
                let conn = async move { serve(slot, acceptor, stream, peer, tag).await };
                drop(shared.scope.spawn("connection", conn));
            }
            Err(error) if is_about_one_connection(&error) => {}
            Err(error) => {
                tracing::warn!(%error, listener = tag.0, "cannot accept, backing off");
                metrics::counter!("server_accept_errors_total").increment(1);
                tokio::time::sleep(backoff).await;
                backoff = (backoff * 2).min(BACKOFF_MAX);
            }
        }
    }
}

/// The peer was gone before we accepted it; the next one may be fine.
fn is_about_one_connection(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionRefused
            | io::ErrorKind::Interrupted
    )
}

fn configure(stream: &TcpStream) {
    // Without either the connection still works, only later or for longer.
    let _nodelay = stream.set_nodelay(true);
    let keepalive = TcpKeepalive::new().with_time(TCP_KEEPALIVE);
    let _keepalive = SockRef::from(stream).set_tcp_keepalive(&keepalive);
}

/// One of the server's `connections_max` places, given back on drop.
#[derive(Debug)]
pub(super) struct Slot {
    shared: Arc<Shared>,
    open: metrics::Gauge,
}

impl Slot {
    /// A place, or `None` at the cap: the caller drops the connection, and
    /// its peer sees it closed at once.
    fn take(shared: &Arc<Shared>, tag: ListenerTag) -> Option<Self> {
        let max = shared.config.connections_max;
        let one_more = |n: usize| (n < max).then_some(n + 1);
        let (set, fetch) = (Ordering::Relaxed, Ordering::Relaxed);
        if shared
            .connections
            .fetch_update(set, fetch, one_more)
            .is_err()
        {
            metrics::counter!("server_connections_refused_total", "listener" => tag.0).increment(1);
            return None;
        }
        let open = metrics::gauge!("server_connections", "listener" => tag.0);
        open.increment(1.0);
        Some(Self {
            shared: Arc::clone(shared),
            open,
        })
    }

    pub(super) fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.shared.connections.fetch_sub(1, Ordering::Relaxed);
        self.open.decrement(1.0);
    }
}
