//! TLS handshakes, and streams that may be plain or not.

use super::Tls;
use crate::series::TLS_HANDSHAKES;
use crate::server::{Acceptor, PlainTcp};
use crate::{ConnInfo, ListenerTag};
use rustls::{AlertDescription, Error, InvalidMessage};
use std::io::{self, IoSlice};
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

/// TLS with what a [`Tls`] holds at the time; offers HTTP/2, then HTTP/1.1.
///
/// # Metrics
///
/// `server_tls_handshakes_total{result}`: `ok`, or why there is no connection:
/// `not_tls`, `client_refused` (it doesn't like our certificate),
/// `client_certificate` (we don't like its), `incompatible`, `malformed`,
/// `broken`, `cut` (deadline or shutdown).
#[derive(Clone, Debug)]
pub struct RustlsAcceptor {
    tls: Tls,
}

impl RustlsAcceptor {
    /// An acceptor that uses whatever `tls` holds when a connection comes.
    #[must_use]
    pub fn new(tls: Tls) -> Self {
        Self { tls }
    }
}

impl Acceptor for RustlsAcceptor {
    type Io = TlsStream<TcpStream>;

    async fn accept(
        &self,
        stream: TcpStream,
        peer: SocketAddr,
        tag: ListenerTag,
    ) -> io::Result<(Self::Io, ConnInfo)> {
        let mut counted = Counted("cut");
        let accepted = TlsAcceptor::from(self.tls.config()).accept(stream).await;
        counted.0 = accepted.as_ref().map_or_else(reason, |_stream| "ok");
        Ok((accepted?, ConnInfo { peer, tag }))
    }
}

/// Counts a handshake when it is over, also if it is dropped.
struct Counted(&'static str);

impl Drop for Counted {
    fn drop(&mut self) {
        TLS_HANDSHAKES.with([self.0]).increment(1);
    }
}

#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "the rest is one thing: bytes that make no sense"
)]
fn reason(error: &io::Error) -> &'static str {
    let inner = error.get_ref().and_then(|inner| inner.downcast_ref());
    match inner {
        None => "broken",
        Some(Error::InvalidMessage(InvalidMessage::InvalidContentType)) => "not_tls",
        Some(Error::AlertReceived(alert)) => match alert {
            AlertDescription::CloseNotify | AlertDescription::UserCanceled => "broken",
            _ => "client_refused",
        },
        Some(Error::InvalidCertificate(_) | Error::NoCertificatesPresented) => "client_certificate",
        Some(Error::PeerIncompatible(_) | Error::NoApplicationProtocol) => "incompatible",
        Some(_) => "malformed",
    }
}

/// The acceptor of a service: TLS if it is configured.
#[derive(Clone, Debug)]
pub(crate) enum ServiceAcceptor {
    Plain,
    Tls(RustlsAcceptor),
}

impl Acceptor for ServiceAcceptor {
    type Io = MaybeTls;

    async fn accept(
        &self,
        stream: TcpStream,
        peer: SocketAddr,
        tag: ListenerTag,
    ) -> io::Result<(MaybeTls, ConnInfo)> {
        match self {
            Self::Plain => {
                let (stream, info) = PlainTcp.accept(stream, peer, tag).await?;
                Ok((MaybeTls::Plain(stream), info))
            }
            // On the heap, as is the stream: a plain connection is not to pay for it.
            Self::Tls(tls) => {
                let (stream, info) = Box::pin(tls.accept(stream, peer, tag)).await?;
                Ok((MaybeTls::Tls(Box::new(stream)), info))
            }
        }
    }
}

/// A connection with or without TLS.
#[derive(Debug)]
pub(crate) enum MaybeTls {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

/// Calls the method of whichever stream it is.
macro_rules! either {
    ($this:expr, $method:ident $(, $arg:expr)*) => {
        match $this.get_mut() {
            MaybeTls::Plain(stream) => Pin::new(stream).$method($($arg),*),
            MaybeTls::Tls(stream) => Pin::new(stream.as_mut()).$method($($arg),*),
        }
    };
}

impl AsyncRead for MaybeTls {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        either!(self, poll_read, cx, buf)
    }
}

impl AsyncWrite for MaybeTls {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        either!(self, poll_write, cx, buf)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        either!(self, poll_flush, cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        either!(self, poll_shutdown, cx)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        either!(self, poll_write_vectored, cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        match self {
            Self::Plain(stream) => stream.is_write_vectored(),
            Self::Tls(stream) => stream.is_write_vectored(),
        }
    }
}
