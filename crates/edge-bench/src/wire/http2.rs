//! One gRPC connection with several calls in flight.
//!
//! Frames alone are read, no headers: a call has succeeded if data came and
//! then trailers. Everything that one read brings is answered by one write.

use std::{io, time::Instant};

use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::TcpStream,
};

use super::{frames::*, malformed};
use crate::serve::HELLO;

/// A whole frame of the largest size that is allowed by default fits.
const BUFFER: usize = 32 * 1024;

/// What the server may send before it has to be given more.
const WINDOW: u32 = 1 << 30;

/// The message: `google.protobuf.StringValue { value: "world" }`, not compressed.
const MESSAGE: &[u8] = b"\x00\x00\x00\x00\x07\x0a\x05world";

/// All headers by index, once the first request has put them into the table.
const AGAIN: &[u8] = &[0x83, 0x86, 0x80 | 65, 0x80 | 64, 0x80 | 63, 0x80 | 62];

/// The connection.
#[derive(Debug)]
pub(crate) struct Http2<S = TcpStream> {
    io: S,
    inbox: Box<[u8]>,
    filled: usize,
    outbox: Vec<u8>,
    stream: u32,
    calls: Vec<Call>,
    /// Data received since the window was last renewed.
    received: u32,
}

#[derive(Debug)]
struct Call {
    stream: u32,
    begin: Instant,
    data: bool,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Http2<S> {
    pub(crate) fn new(io: S) -> Self {
        let mut outbox = hello(&[]);
        frame(&mut outbox, WINDOW_UPDATE, 0, 0, &WINDOW.to_be_bytes());
        Self {
            io,
            inbox: vec![0; BUFFER].into(),
            filled: 0,
            outbox,
            stream: 0,
            calls: Vec::new(),
            received: 0,
        }
    }

    /// The connection without its buffers, which an idle one doesn't need.
    pub(crate) fn into_inner(self) -> S {
        self.io
    }

    /// Puts a call into the next write.
    pub(crate) fn call(&mut self) {
        let first = self.stream == 0;
        self.stream += if first { 1 } else { 2 };
        if first {
            frame(&mut self.outbox, HEADERS, END_HEADERS, 1, &first_block());
        } else {
            frame(&mut self.outbox, HEADERS, END_HEADERS, self.stream, AGAIN);
        }
        frame(&mut self.outbox, DATA, END_STREAM, self.stream, MESSAGE);
        self.calls.push(Call {
            stream: self.stream,
            begin: Instant::now(),
            data: false,
        });
    }

    /// Calls under way.
    pub(crate) fn in_flight(&self) -> usize {
        self.calls.len()
    }

    /// Writes what there is to say, reads once, and tells how long each call
    /// took that has ended.
    ///
    /// # Errors
    ///
    /// If the connection breaks, or a call fails.
    ///
    /// # Cancel safety
    ///
    /// Not safe: the connection is of no more use.
    pub(crate) async fn turn(&mut self, mut ended: impl FnMut(Instant)) -> io::Result<()> {
        if !self.outbox.is_empty() {
            self.io.write_all(&self.outbox).await?;
            self.outbox.clear();
        }
        match self.io.read(&mut self.inbox[self.filled..]).await? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            read => self.filled += read,
        }
        let mut at = 0;
        while let Some((length, kind, flags, stream)) = head(&self.inbox[at..self.filled]) {
            let end = at + HEAD + length;
            if end > self.filled {
                break;
            }
            self.frame(at + HEAD..end, kind, flags, stream, &mut ended)?;
            at = end;
        }
        self.inbox.copy_within(at..self.filled, 0);
        self.filled -= at;
        if self.filled == BUFFER {
            return Err(malformed("too long a frame"));
        }
        Ok(())
    }

    fn frame(
        &mut self,
        payload: std::ops::Range<usize>,
        kind: u8,
        flags: u8,
        stream: u32,
        ended: &mut impl FnMut(Instant),
    ) -> io::Result<()> {
        match kind {
            DATA => {
                if let Some(call) = self.calls.iter_mut().find(|call| call.stream == stream) {
                    call.data = true;
                }
                self.received += u32::try_from(payload.len()).unwrap_or(0);
                if self.received > WINDOW / 2 {
                    let more = std::mem::take(&mut self.received).to_be_bytes();
                    frame(&mut self.outbox, WINDOW_UPDATE, 0, 0, &more);
                }
            }
            HEADERS if flags & END_STREAM != 0 => {
                let call = self.calls.iter().position(|call| call.stream == stream);
                let call = call.ok_or_else(|| malformed("trailers of no call"))?;
                let call = self.calls.swap_remove(call);
                if !call.data {
                    return Err(malformed("a call failed"));
                }
                ended(call.begin);
            }
            SETTINGS if flags & ACK == 0 => frame(&mut self.outbox, SETTINGS, ACK, 0, &[]),
            PING if flags & ACK == 0 => {
                let (out, payload) = (&mut self.outbox, &self.inbox[payload]);
                frame(out, PING, ACK, 0, payload);
            }
            RST_STREAM => return Err(malformed("a call was reset")),
            GOAWAY => return Err(malformed("the server is going away")),
            _ => {}
        }
        Ok(())
    }
}

/// The first request's headers, which stay in the table.
fn first_block() -> Vec<u8> {
    let mut block = POST.to_vec();
    indexed_name(&mut block, PATH, HELLO.as_bytes());
    indexed_name(&mut block, AUTHORITY, b"localhost");
    indexed_name(&mut block, CONTENT_TYPE, b"application/grpc");
    new_name(&mut block, b"te", b"trailers");
    block
}
