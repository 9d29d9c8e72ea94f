//! The bytes of a connection, passed through untouched and looked at.

use super::fields::FieldCount;
use super::frames::{FrameBudget, FrameHeads, Piece};
use super::link::Link;
use super::service::HEADER_FIELDS_MAX;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Instant;

/// Requests with more than [`HEADER_FIELDS_MAX`] fields that a connection may
/// send over HTTP/2. Each is refused; whoever goes on does it on purpose.
const OVERFULL_MAX: u64 = 8;

/// Tells the [`Link`] when nothing can be written, and when an HTTP/2 peer
/// floods with control frames or header fields; of such a peer nothing more is read.
#[derive(Debug)]
pub(super) struct Watched<S> {
    io: S,
    link: Arc<Link>,
    frames: Option<Frames>,
    /// Nothing is written any more, so a flush that succeeds says nothing.
    closing: bool,
}

/// What is looked at on an HTTP/2 connection.
#[derive(Debug)]
struct Frames {
    heads: FrameHeads,
    budget: FrameBudget,
    fields: FieldCount,
}

impl Frames {
    /// What the peer floods with, if it does.
    fn came(&mut self, bytes: &[u8]) -> Option<&'static str> {
        let (budget, fields) = (&mut self.budget, &mut self.fields);
        let mut fine = true;
        self.heads.feed(bytes, |piece| match piece {
            Piece::Head(head) => {
                fine &= budget.came(head, Instant::now);
                fields.begin(head);
            }
            Piece::Payload(bytes) => fields.feed(bytes),
        });
        if self.fields.overfull() > OVERFULL_MAX {
            return Some("header_fields");
        }
        (!fine).then_some("control_frames")
    }
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
        self.frames = Some(Frames {
            heads: FrameHeads::default(),
            budget,
            fields: FieldCount::new(HEADER_FIELDS_MAX),
        });
    }

    /// Looks at what came; false if the peer floods.
    fn came(&mut self, bytes: &[u8]) -> bool {
        let flood = self.frames.as_mut().and_then(|frames| frames.came(bytes));
        if let Some(flood) = flood {
            self.link.end(flood);
        }
        flood.is_none()
    }

    fn wrote(&mut self, written: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        match &written {
            Poll::Pending => self.link.note_write(false),
            Poll::Ready(Ok(n)) => {
                self.link.note_write(true);
                if let Some(frames) = &mut self.frames {
                    frames.budget.sent(*n);
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
        // The driver, which polls us, holds the connection and cuts it off.
        if this.link.ended().is_some() {
            return Poll::Pending;
        }
        let before = buf.filled().len();
        ready!(Pin::new(&mut this.io).poll_read(cx, buf))?;
        if this.came(&buf.filled()[before..]) {
            return Poll::Ready(Ok(()));
        }
        buf.set_filled(before);
        Poll::Pending
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
