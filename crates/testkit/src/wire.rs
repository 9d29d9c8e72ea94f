//! HTTP/2 by hand: frames that no client library would send.

use std::io;
use std::net::SocketAddr;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// What a client sends first.
pub const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// The longest frame a peer may send us; longer is an error of the server.
const FRAME_BYTES_MAX: usize = 1 << 20;

/// Frame types (RFC 9113, 6).
#[expect(missing_docs, reason = "the names are the RFC's")]
pub mod kind {
    pub const DATA: u8 = 0;
    pub const HEADERS: u8 = 1;
    pub const PRIORITY: u8 = 2;
    pub const RST_STREAM: u8 = 3;
    pub const SETTINGS: u8 = 4;
    pub const PING: u8 = 6;
    pub const GOAWAY: u8 = 7;
    pub const WINDOW_UPDATE: u8 = 8;
    pub const CONTINUATION: u8 = 9;
}

/// Ends the stream (HEADERS, DATA), or acknowledges (SETTINGS, PING).
pub const END_STREAM: u8 = 1;
/// The header block is complete.
pub const END_HEADERS: u8 = 4;
/// SETTINGS_INITIAL_WINDOW_SIZE.
pub const INITIAL_WINDOW: u16 = 4;

/// One HTTP/2 frame.
///
/// # Panics
///
/// If the payload is longer than a frame can say (16 MiB).
#[must_use]
#[expect(
    clippy::panic,
    reason = "a test can't go on with a frame that isn't one"
)]
pub fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let Ok(len @ ..0x0100_0000) = u32::try_from(payload.len()) else {
        panic!("a frame of {} bytes", payload.len());
    };
    let len = len.to_be_bytes();
    let mut frame = vec![len[1], len[2], len[3], kind, flags];
    frame.extend(stream.to_be_bytes());
    frame.extend(payload);
    frame
}

/// A SETTINGS frame.
#[must_use]
pub fn settings(settings: &[(u16, u32)]) -> Vec<u8> {
    let mut payload = Vec::new();
    for (id, value) in settings {
        payload.extend(id.to_be_bytes());
        payload.extend(value.to_be_bytes());
    }
    frame(kind::SETTINGS, 0, 0, &payload)
}

/// A WINDOW_UPDATE frame; stream 0 is the connection.
#[must_use]
pub fn window_update(stream: u32, more: u32) -> Vec<u8> {
    frame(kind::WINDOW_UPDATE, 0, stream, &more.to_be_bytes())
}

/// A header block: literal fields without Huffman coding and without index.
#[must_use]
pub fn fields(fields: &[(&str, &str)]) -> Vec<u8> {
    let mut block = Vec::new();
    for (name, value) in fields {
        block.push(0);
        for text in [name, value] {
            integer(&mut block, text.len());
            block.extend(text.as_bytes());
        }
    }
    block
}

/// An HPACK integer with a prefix of seven bits.
fn integer(block: &mut Vec<u8>, mut value: usize) {
    if let Ok(short @ ..127) = u8::try_from(value) {
        block.push(short);
        return;
    }
    block.push(127);
    value -= 127;
    while value >= 128 {
        block.push(u8::try_from(value % 128).unwrap_or_default() | 128);
        value /= 128;
    }
    block.push(u8::try_from(value).unwrap_or_default());
}

/// The header block of a request.
#[must_use]
pub fn request(method: &str, path: &str, more: &[(&str, &str)]) -> Vec<u8> {
    let pseudo = [
        (":method", method),
        (":scheme", "http"),
        (":path", path),
        (":authority", "t"),
    ];
    fields(&[&pseudo, more].concat())
}

/// The header block of a gRPC call.
#[must_use]
pub fn grpc(path: &str, more: &[(&str, &str)]) -> Vec<u8> {
    let own = [("content-type", "application/grpc"), ("te", "trailers")];
    request("POST", path, &[&own, more].concat())
}

/// A frame from the server.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are the RFC's")]
pub struct Frame {
    pub kind: u8,
    pub flags: u8,
    pub stream: u32,
    pub payload: Vec<u8>,
}

/// A client that does nothing by itself but answer PING and SETTINGS, so that
/// the server takes it for alive.
#[derive(Debug)]
pub struct RawClient {
    tcp: TcpStream,
}

impl RawClient {
    /// Connects, and sends preface and settings.
    ///
    /// # Errors
    ///
    /// Whatever the system says.
    ///
    /// # Cancel safety
    ///
    /// The connection is dropped.
    pub async fn connect(addr: SocketAddr, own: &[(u16, u32)]) -> io::Result<Self> {
        let mut tcp = TcpStream::connect(addr).await?;
        // Without it small frames wait for the acknowledgement of earlier ones.
        tcp.set_nodelay(true)?;
        tcp.write_all(&[PREFACE, &settings(own)].concat()).await?;
        Ok(Self { tcp })
    }

    /// Sends bytes, frames or not.
    ///
    /// # Errors
    ///
    /// Whatever the system says.
    ///
    /// # Cancel safety
    ///
    /// Some of the bytes may have been sent: the connection is unusable then.
    pub async fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.tcp.write_all(bytes).await
    }

    /// The next frame that isn't a PING or SETTINGS; `None` once the server
    /// has closed or reset the connection.
    ///
    /// # Errors
    ///
    /// `InvalidData` for a frame of more than 1 MiB.
    ///
    /// # Cancel safety
    ///
    /// A part of a frame may be lost: the connection is unusable then.
    pub async fn next(&mut self) -> io::Result<Option<Frame>> {
        loop {
            let mut head = [0; 9];
            if self.tcp.read_exact(&mut head).await.is_err() {
                return Ok(None);
            }
            let len = u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize;
            if len > FRAME_BYTES_MAX {
                return Err(io::ErrorKind::InvalidData.into());
            }
            let mut payload = vec![0; len];
            if self.tcp.read_exact(&mut payload).await.is_err() {
                return Ok(None);
            }
            let frame = Frame {
                kind: head[3],
                flags: head[4],
                stream: u32::from_be_bytes([head[5] & 0x7f, head[6], head[7], head[8]]),
                payload,
            };
            let asks = frame.flags & END_STREAM == 0;
            match frame.kind {
                kind::PING if asks => self.answer(kind::PING, &frame.payload).await,
                kind::SETTINGS if asks => self.answer(kind::SETTINGS, &[]).await,
                kind::PING | kind::SETTINGS => {}
                _ => return Ok(Some(frame)),
            }
        }
    }

    async fn answer(&mut self, kind: u8, payload: &[u8]) {
        // If it has hung up, the next read says so.
        let _gone = self.send(&self::frame(kind, END_STREAM, 0, payload)).await;
    }

    /// The connection itself.
    #[must_use]
    pub fn into_inner(self) -> TcpStream {
        self.tcp
    }
}
