//! A client who speaks HTTP/1.1 on a connection of his own and hangs up.

use std::{io, net::SocketAddr, time::Duration};

use bytes::Bytes;
use http::StatusCode;

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};
use watertight_core::{Deadline, DeadlinePassed};

/// An answer beyond this is none: a page of an order's events is far below it.
const ANSWER_BYTES_MAX: u64 = 1 << 20;

/// Sends a request and reads to the end of the answer: its status and its body,
/// as it came. `None` if the client has left before that.
///
/// The request must ask for the connection to be closed.
///
/// # Errors
///
/// If the connection breaks, or the answer is none.
///
/// # Cancel safety
///
/// Dropped, the connection ends.
pub(super) async fn ask(
    addr: SocketAddr,
    request: &[u8],
    leave: Duration,
    rude: bool,
) -> io::Result<Option<(StatusCode, Bytes)>> {
    let by = Deadline::after(leave);
    let mut tcp = match by.run(TcpStream::connect(addr)).await {
        Ok(tcp) => tcp?,
        Err(DeadlinePassed) => return Ok(None),
    };
    tcp.set_nodelay(true)?;
    if rude {
        // From now on closing it resets it, whenever that is.
        tcp.set_zero_linger()?;
    }
    let mut answer = Vec::new();
    let exchange = async {
        tcp.write_all(request).await?;
        let mut reader = (&mut tcp).take(ANSWER_BYTES_MAX);
        reader.read_to_end(&mut answer).await
    };
    match by.run(exchange).await {
        Ok(read) => read?,
        Err(DeadlinePassed) => return Ok(None),
    };
    parse(&answer).map(Some)
}

/// A request that asks for the connection to be closed.
pub(super) fn request(
    addr: SocketAddr,
    method: &str,
    path: &str,
    key: Option<&str>,
    body: &[u8],
) -> Vec<u8> {
    let mut request = format!("{method} {path} HTTP/1.1\r\nhost: {addr}\r\nconnection: close\r\n");
    if let Some(key) = key {
        request += &format!(
            "idempotency-key: {key}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n",
            body.len()
        );
    }
    request += "\r\n";
    let mut request = request.into_bytes();
    request.extend_from_slice(body);
    request
}

fn parse(answer: &[u8]) -> io::Result<(StatusCode, Bytes)> {
    let malformed = || io::Error::new(io::ErrorKind::InvalidData, "not an answer");
    let end = answer.windows(4).position(|four| four == b"\r\n\r\n");
    let (head, body) = answer.split_at(end.ok_or_else(malformed)? + 4);
    let status = head.get(9..12).map(StatusCode::from_bytes);
    let status = status.and_then(Result::ok).ok_or_else(malformed)?;
    Ok((status, Bytes::copy_from_slice(body)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_a_status_and_a_body() {
        let answer = parse(b"HTTP/1.1 201 Created\r\ncontent-length: 2\r\n\r\n{}").unwrap();
        assert_eq!(answer, (StatusCode::CREATED, Bytes::from_static(b"{}")));
        let request = request(([127, 0, 0, 1], 80).into(), "POST", "/x", Some("k"), b"{}");
        let text = String::from_utf8(request).unwrap();
        assert!(text.starts_with("POST /x HTTP/1.1\r\nhost: 127.0.0.1:80\r\n"));
        assert!(text.ends_with("content-length: 2\r\n\r\n{}"));
        for bad in [&b""[..], b"HTTP/1.1 200 OK\r\n", b"SSH-2.0-server\r\n\r\n"] {
            assert!(parse(bad).is_err(), "{bad:?}");
        }
    }
}
