//! The seam between a TCP connection and the bytes of HTTP: where TLS enters.

use crate::{ConnInfo, ListenerTag};
use std::io;
use std::net::SocketAddr;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;

/// Turns an accepted TCP connection into the stream that HTTP is spoken on.
///
/// A handshake runs in the connection's own task, within the handshake
/// deadline: a peer that stalls it holds up nobody else.
pub trait Acceptor: Clone + Send + Sync + 'static {
    /// The stream.
    type Io: AsyncRead + AsyncWrite + Unpin + Send + 'static;

    /// Does the handshake, if there is one.
    ///
    /// # Cancel safety
    ///
    /// Dropping it closes the connection: that is how the handshake deadline ends it.
    fn accept(
        &self,
        stream: TcpStream,
        peer: SocketAddr,
        tag: ListenerTag,
    ) -> impl Future<Output = io::Result<(Self::Io, ConnInfo)>> + Send;
}

/// Plain TCP, no handshake.
#[derive(Clone, Copy, Debug)]
pub struct PlainTcp;

impl Acceptor for PlainTcp {
    type Io = TcpStream;

    async fn accept(
        &self,
        stream: TcpStream,
        peer: SocketAddr,
        tag: ListenerTag,
    ) -> io::Result<(TcpStream, ConnInfo)> {
        Ok((stream, ConnInfo { peer, tag }))
    }
}
