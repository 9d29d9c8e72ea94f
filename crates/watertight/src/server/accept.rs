//! The accept loop.

use super::caps::Origin;
use super::connection::serve;
use super::{Acceptor, Shared};
use crate::ListenerTag;
use crate::catalogue::Gauge;
use crate::series::{ACCEPT_ERRORS, CONNECTIONS, CONNECTIONS_REFUSED};
use socket2::{SockRef, TcpKeepalive};
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use watertight_core::{Either, pause, race};

/// Out of file descriptors or memory: accepting again at once would only spin.
const BACKOFF_MIN: Duration = Duration::from_millis(10);
const BACKOFF_MAX: Duration = Duration::from_secs(1);
/// A peer that vanished without a word is found out by TCP after about this.
const TCP_KEEPALIVE: Duration = Duration::from_secs(60);

/// What a socket takes of data that can't be sent yet. Responses to peers that
/// read leave as fast as before: the kernel asks for more when half is gone.
#[cfg(target_os = "linux")]
const UNSENT_BYTES: u32 = 128 * 1024;

/// Accepts until the server stops.
pub(super) async fn accept<A: Acceptor>(
    shared: Arc<Shared>,
    listener: TcpListener,
    tag: ListenerTag,
    acceptor: A,
) {
    let mut backoff = BACKOFF_MIN;
    loop {
        let first = race(listener.accept(), shared.stop.cancelled()).await;
        let Either::Left(accepted) = first else {
            return;
        };
        match accepted {
            Ok((stream, peer)) => {
                backoff = BACKOFF_MIN;
                let Some(slot) = Slot::take(&shared, tag, peer) else {
                    continue;
                };
                configure(&stream, shared.config.load().write_stall_timeout);
                let acceptor = acceptor.clone();
                let conn = async move { serve(slot, acceptor, stream, peer, tag).await };
                drop(shared.scope.spawn("connection", conn));
            }
            Err(error) if is_about_one_connection(&error) => {}
            Err(error) => {
                tracing::warn!(%error, listener = tag.0, "cannot accept, backing off");
                ACCEPT_ERRORS.get().increment(1);
                let _ended = pause(backoff).await;
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

fn configure(stream: &TcpStream, stall: Duration) {
    // Without any of them the connection still works, only later or for longer.
    let _nodelay = stream.set_nodelay(true);
    let keepalive = TcpKeepalive::new().with_time(TCP_KEEPALIVE);
    let socket = SockRef::from(stream);
    let _keepalive = socket.set_tcp_keepalive(&keepalive);
    // Beyond this the kernel takes nothing, so that a peer that doesn't read
    // holds its share of our buffers and not megabytes of the kernel's.
    #[cfg(target_os = "linux")]
    let _unsent = socket.set_tcp_notsent_lowat(UNSENT_BYTES);
    // Keepalive is silent while data is on its way: this finds a peer that
    // vanished with some of it unacknowledged, also after our own close.
    #[cfg(target_os = "linux")]
    let _user_timeout = socket.set_tcp_user_timeout(Some(stall));
    #[cfg(not(target_os = "linux"))]
    let _unused = stall;
}

/// One of the server's `connections_max` places, and one of its address'
/// `connections_per_ip_max`; both are given back on drop.
#[derive(Debug)]
pub(super) struct Slot {
    shared: Arc<Shared>,
    origin: Origin,
    open: Gauge,
}

impl Slot {
    /// A place, or `None` at a cap: the caller drops the connection, and
    /// its peer sees it closed at once.
    fn take(shared: &Arc<Shared>, tag: ListenerTag, peer: SocketAddr) -> Option<Self> {
        let refused = |reason: &'static str| {
            CONNECTIONS_REFUSED.with([tag.0, reason]).increment(1);
        };
        let config = shared.config.load();
        let max = config.connections_max;
        let one_more = |n: usize| (n < max).then_some(n + 1);
        let (set, fetch) = (Ordering::Relaxed, Ordering::Relaxed);
        if shared
            .connections
            .fetch_update(set, fetch, one_more)
            .is_err()
        {
            refused("connections_max");
            return None;
        }
        let origin = Origin::of(peer.ip());
        let per_ip_max = config.connections_per_ip_max;
        if !shared.lock_origins().take(origin, per_ip_max) {
            shared.connections.fetch_sub(1, Ordering::Relaxed);
            refused("connections_per_ip_max");
            return None;
        }
        let open = CONNECTIONS.with([tag.0]);
        open.increment(1.0);
        Some(Self {
            shared: Arc::clone(shared),
            origin,
            open,
        })
    }

    pub(super) fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.shared.lock_origins().give(self.origin);
        self.shared.connections.fetch_sub(1, Ordering::Relaxed);
        self.open.decrement(1.0);
    }
}
