//! What can be done to a server by hardly doing anything.

use std::{io, time::Duration};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};
use watertight_core::{Either, race};

use super::Count;
use crate::{idle::drain, rest::rest};

pub(super) async fn silent(tcp: TcpStream) -> io::Result<()> {
    drain(tcp).await;
    Ok(())
}

pub(super) async fn slowloris(tcp: TcpStream, count: &Count) -> io::Result<()> {
    let head = b"GET /hello HTTP/1.1\r\nhost: localhost\r\n";
    drip(tcp, head, b"x-a: b\r\n", Duration::from_secs(1), count).await
}

pub(super) async fn trickle(tcp: TcpStream, count: &Count) -> io::Result<()> {
    let head = b"POST /count HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: chunked\r\n\r\n";
    drip(tcp, head, b"1\r\na\r\n", Duration::from_millis(500), count).await
}

/// Sends a beginning, and then a little now and again; reads what comes.
async fn drip(
    tcp: TcpStream,
    head: &[u8],
    drop: &[u8],
    pause: Duration,
    count: &Count,
) -> io::Result<()> {
    let (read, mut write) = tcp.into_split();
    let dripping = async {
        write.write_all(head).await?;
        count.sent(head.len());
        loop {
            rest(pause).await;
            write.write_all(drop).await?;
            count.sent(drop.len());
        }
    };
    match race(dripping, drain(read)).await {
        Either::Left(ended) => ended,
        Either::Right(()) => Ok(()),
    }
}

/// Asks, and reads nothing of the answer but its first byte.
pub(super) async fn unread(mut tcp: TcpStream, path: &str, count: &Count) -> io::Result<()> {
    let request = format!("GET {path} HTTP/1.1\r\nhost: localhost\r\n\r\n");
    tcp.write_all(request.as_bytes()).await?;
    count.sent(request.len());
    tcp.read_u8().await?;
    // The end of a connection that isn't read shows as an error or hang-up.
    tcp.ready(tokio::io::Interest::ERROR).await?;
    Ok(())
}
