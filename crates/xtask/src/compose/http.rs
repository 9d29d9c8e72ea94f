//! One question over HTTP, to a port on this machine.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use crate::error::Error;

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// The most of an answer that is read.
const ANSWER_MAX: u64 = 16 * 1024 * 1024;

/// The body of a 200; anything else is an error that says what it was.
pub(crate) fn get(port: u16, path: &str) -> Result<String, Error> {
    exchange(port, &format!("GET {path}"), "")
}

/// Sends JSON; as [`get`].
pub(crate) fn post(port: u16, path: &str, json: &str) -> Result<String, Error> {
    exchange(port, &format!("POST {path}"), json)
}

fn exchange(port: u16, what: &str, body: &str) -> Result<String, Error> {
    let talked = talk(port, what, body);
    let answer = talked.unwrap_or_else(|error| Err(format!("port {port}: {error}")));
    answer.map_err(Error::Found)
}

fn talk(port: u16, what: &str, body: &str) -> std::io::Result<Result<String, String>> {
    let mut stream = TcpStream::connect(("127.0.0.1", port))?;
    stream.set_read_timeout(Some(PATIENCE))?;
    // HTTP/1.0: the answer comes as it is and ends with the connection.
    let length = body.len();
    write!(
        stream,
        "{what} HTTP/1.0\r\nHost: localhost\r\nContent-Type: application/json\r\n\
         Content-Length: {length}\r\n\r\n{body}"
    )?;
    let mut answer = Vec::new();
    stream.take(ANSWER_MAX).read_to_end(&mut answer)?;
    let answer = String::from_utf8_lossy(&answer);
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
    Ok(if head.split_whitespace().nth(1) == Some("200") {
        Ok(body.to_owned())
    } else {
        Err(head.lines().next().unwrap_or_default().to_owned())
    })
}

/// The same, read as JSON.
pub(crate) fn json(port: u16, path: &str) -> Result<serde_json::Value, Error> {
    let body = get(port, path)?;
    serde_json::from_str(&body).map_err(|error| Error::Found(format!("{path}: {error}")))
}
