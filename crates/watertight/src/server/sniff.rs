//! Telling HTTP/2 from HTTP/1 by the first bytes, within a deadline.
//!
//! Why not hyper-util's auto builder? It waits for the first bytes for ever,
//! also with a timer and a header timeout set (FACTS: silent sockets).

use hyper::rt::ReadBufCursor;
use hyper_util::rt::TokioIo;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite};

/// What every HTTP/2 client sends first (RFC 9113, 3.4).
const PREFACE: &[u8; 24] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// The protocol a peer speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Protocol {
    Http1,
    Http2,
}

/// Reads just enough to tell the protocol; the bytes are given back by the
/// returned stream. `None` if the peer closed without sending anything.
pub(super) async fn sniff<S>(mut io: S) -> io::Result<Option<(Protocol, Prefixed<S>)>>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut prefix = [0_u8; PREFACE.len()];
    let mut filled = 0;
    let protocol = loop {
        let read = io.read(&mut prefix[filled..]).await?;
        if read == 0 && filled == 0 {
            return Ok(None);
        }
        filled += read;
        if prefix[..filled] != PREFACE[..filled] || read == 0 {
            break Protocol::Http1;
        }
        if filled == PREFACE.len() {
            break Protocol::Http2;
        }
    };
    Ok(Some((
        protocol,
        Prefixed {
            prefix,
            start: 0,
            end: filled,
            io: TokioIo::new(io),
        },
    )))
}

/// A stream that first gives back the bytes read from it.
#[derive(Debug)]
pub(super) struct Prefixed<S> {
    prefix: [u8; PREFACE.len()],
    start: usize,
    end: usize,
    io: TokioIo<S>,
}

impl<S> Prefixed<S> {
    /// The stream below, past the bytes that are given back.
    pub(super) fn io_mut(&mut self) -> &mut S {
        self.io.inner_mut()
    }
}

impl<S: AsyncRead + Unpin> hyper::rt::Read for Prefixed<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        mut buf: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        if self.start < self.end {
            let n = (self.end - self.start).min(buf.remaining());
            buf.put_slice(&self.prefix[self.start..self.start + n]);
            self.start += n;
            return Poll::Ready(Ok(()));
        }
        Pin::new(&mut self.io).poll_read(cx, buf)
    }
}

impl<S: AsyncWrite + Unpin> hyper::rt::Write for Prefixed<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write_vectored(cx, bufs)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::AsyncWriteExt;

    async fn told(chunks: &[&[u8]]) -> Option<Protocol> {
        let (mut client, server) = tokio::io::duplex(64);
        let write = async {
            for chunk in chunks {
                client.write_all(chunk).await.unwrap();
                tokio::task::yield_now().await;
            }
            drop(client);
        };
        let (sniffed, ()) = watertight_core::join(sniff(server), write).await;
        sniffed.unwrap().map(|(protocol, _)| protocol)
    }

    #[watertight::test]
    async fn tells_protocols_apart_however_the_bytes_come() {
        assert_eq!(told(&[PREFACE]).await, Some(Protocol::Http2));
        assert_eq!(
            told(&[&PREFACE[..5], &PREFACE[5..]]).await,
            Some(Protocol::Http2)
        );
        assert_eq!(told(&[b"GET / HTTP/1.1\r\n"]).await, Some(Protocol::Http1));
        assert_eq!(told(&[b"P", b"OST"]).await, Some(Protocol::Http1));
        assert_eq!(told(&[&PREFACE[..7]]).await, Some(Protocol::Http1));
        assert_eq!(told(&[]).await, None);
    }
}
