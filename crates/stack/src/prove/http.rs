//! As much HTTP as it takes to ask a Prometheus on this machine.
//!
//! Version 1.0, so that the answer ends with the connection and comes in one
//! piece: a client with pools would be the largest part of this crate.

use std::io::{Error, ErrorKind, Read as _, Result, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::time::Duration;

use serde_json::Value;

/// How long an answer on loopback may take, on a busy machine.
const PATIENCE: Duration = Duration::from_secs(20);

/// No answer is longer: the metrics of a service are some hundred KiB.
const BYTES_MAX: u64 = 64 * 1024 * 1024;

/// A connection to a port of this machine.
pub(super) fn connect(port: u16) -> Result<TcpStream> {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let stream = TcpStream::connect_timeout(&address, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    Ok(stream)
}

/// Sends a request, and reads all that comes.
pub(super) fn send(port: u16, request: &str) -> Result<String> {
    let mut stream = connect(port)?;
    stream.write_all(request.as_bytes())?;
    let mut answer = String::new();
    stream.take(BYTES_MAX).read_to_string(&mut answer)?;
    Ok(answer)
}

/// Gets a path from a port of this machine.
pub(super) fn get(port: u16, path: &str) -> Result<String> {
    let request = format!("GET {path} HTTP/1.0\r\nHost: 127.0.0.1:{port}\r\n\r\n");
    let answer = send(port, &request)?;
    let (head, body) = answer
        .split_once("\r\n\r\n")
        .ok_or(ErrorKind::UnexpectedEof)?;
    let status = head.split(' ').nth(1).unwrap_or("?");
    // A query that is no PromQL is answered with 400 and the reason in JSON.
    if status == "200" || body.starts_with('{') {
        Ok(body.to_owned())
    } else {
        Err(Error::other(format!("HTTP {status} for {path}")))
    }
}

/// Gets JSON.
pub(super) fn json(port: u16, path: &str) -> Result<Value> {
    let text = get(port, path)?;
    serde_json::from_str(&text).map_err(Error::other)
}

/// A text as part of a query.
pub(super) fn encoded(text: &str) -> String {
    let byte = |byte: u8| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'_' | b'-' | b'.' => {
            char::from(byte).to_string()
        }
        other => format!("%{other:02X}"),
    };
    text.bytes().map(byte).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_means_something_in_a_url_is_encoded() {
        assert_eq!(
            encoded("a{b=~\"c+\"} /"),
            "a%7Bb%3D~%22c%2B%22%7D%20%2F".replace('~', "%7E")
        );
    }
}
