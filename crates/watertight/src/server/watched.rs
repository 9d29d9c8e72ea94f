//! The bytes of a connection, passed through untouched and looked at.

use super::frames::{FrameBudget, FrameHeads};
use super::link::Link;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Instant;

/// Tells the [`Link`] when nothing can be written, and ends an HTTP/2
/// connection that floods with control frames or header fields.
#[derive(Debug)]
pub(super) struct Watched<S> {
    io: S,
    link: Arc<Link>,
    frames: Option<(FrameHeads, FrameBudget)>,
    /// Nothing is written any more, so a flush that succeeds says nothing.
    closing: bool,
}

impl<S> Watched<S> {
    pub(super) fn new(io: S, link: Arc<Link>) -> Self {
        Self {
            io,
            link,
            frames: None,
            closing: false,
        }
    }

    /// From here on the peer speaks in HTTP/2 frames.
    pub(super) fn count_frames(&mut self, budget: FrameBudget) {
        self.frames = Some((FrameHeads::default(), budget));
    }

    fn came(&mut self, bytes: &[u8]) -> io::Result<()> {
        let Some((heads, budget)) = &mut self.frames else {
            return Ok(());
        };
        if self.link.is_bombed() {
            self.link.end("header_fields");
            return Err(io::Error::other(
                "too many requests with too many header fields",
            ));
        }
        let mut fine = true;
        heads.feed(bytes, |frame| fine &= budget.came(frame, Instant::now));
        if fine {
            return Ok(());
        }
        self.link.end("control_frames");
        Err(io::Error::other("too many control frames"))
    }

    fn wrote(&mut self, written: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        match &written {
            Poll::Pending => self.link.note_write(false),
            Poll::Ready(Ok(n)) => {
                self.link.note_write(true);
                if let Some((_, budget)) = &mut self.frames {
                    budget.sent(*n);
                }
            }
            Poll::Ready(Err(_broken)) => {}
        }
        written
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Watched<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = buf.filled().len();
        ready!(Pin::new(&mut this.io).poll_read(cx, buf))?;
        Poll::Ready(this.came(&buf.filled()[before..]))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Watched<S> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let written = Pin::new(&mut this.io).poll_write(cx, buf);
        this.wrote(written)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let written = Pin::new(&mut this.io).poll_write_vectored(cx, bufs);
        this.wrote(written)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    /// A TLS session takes some bytes that TCP won't; then it is the flush
    /// that doesn't get on.
    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let flushed = Pin::new(&mut this.io).poll_flush(cx);
        if !this.closing || flushed.is_pending() {
            this.link.note_write(flushed.is_ready());
        }
        flushed
    }

    /// The last word of a TLS session is written here.
    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        this.closing = true;
        let shut = Pin::new(&mut this.io).poll_shutdown(cx);
        this.link.note_write(shut.is_ready());
        shut
    }
}
