//! HTTP/1.1 by hand, so that a test sends what it means and sees what came.

use std::net::SocketAddr;

use serde_json::Value;
use testkit::{LIVENESS, within};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};

/// A connection.
pub(crate) struct Conn {
    pub(crate) write: OwnedWriteHalf,
    pub(crate) read: Reader,
}

/// The side that reads, with what it read too early.
pub(crate) struct Reader {
    from: OwnedReadHalf,
    held: Vec<u8>,
}

/// What came before the body.
#[derive(Clone, Debug)]
pub(crate) struct Head {
    pub(crate) status: u16,
    headers: Vec<(String, String)>,
}

/// A whole answer.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) head: Head,
    pub(crate) body: Vec<u8>,
}

impl Conn {
    pub(crate) async fn open(addr: SocketAddr) -> Self {
        let stream = TcpStream::connect(addr).await.unwrap();
        stream.set_nodelay(true).unwrap();
        let (from, write) = stream.into_split();
        let held = Vec::new();
        Self {
            write,
            read: Reader { from, held },
        }
    }

    pub(crate) async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.write.write_all(bytes.as_ref()).await.unwrap();
    }

    /// Sends what the peer may refuse to read to its end.
    pub(crate) async fn send_if_taken(&mut self, bytes: impl AsRef<[u8]>) -> bool {
        self.write.write_all(bytes.as_ref()).await.is_ok()
    }

    /// One chunk of a body in chunks.
    pub(crate) async fn chunk(&mut self, bytes: impl AsRef<[u8]>) {
        let bytes = bytes.as_ref();
        let mut framed = format!("{:x}\r\n", bytes.len()).into_bytes();
        framed.extend_from_slice(bytes);
        framed.extend_from_slice(b"\r\n");
        self.send(framed).await;
    }

    pub(crate) async fn answer(&mut self) -> Answer {
        self.read.answer().await
    }
}

impl Head {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str())
    }
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        let text = String::from_utf8_lossy(&self.body);
        serde_json::from_str(&text)
            .map_err(|error| format!("{error}: {text}"))
            .unwrap()
    }

    pub(crate) fn status(&self) -> u16 {
        self.head.status
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head.header(name)
    }

    /// Checks that it is the problem `slug`, and gives it back.
    #[track_caller]
    pub(crate) fn problem(&self, status: u16, slug: &str) -> Value {
        let text = String::from_utf8_lossy(&self.body);
        assert_eq!(self.status(), status, "{text}");
        assert_eq!(
            self.header("content-type"),
            Some("application/problem+json")
        );
        let json = self.json();
        assert_eq!(json["type"], format!("/problems/{slug}"), "{json}");
        assert_eq!(json["status"], status);
        json
    }
}

impl Reader {
    /// The head of the next answer.
    pub(crate) async fn head(&mut self) -> Head {
        loop {
            let head = self.one_head().await;
            // What says to go on with the body is no answer.
            if head.status != 100 {
                return head;
            }
        }
    }

    pub(crate) async fn one_head(&mut self) -> Head {
        let end = loop {
            if let Some(end) = find(&self.held, b"\r\n\r\n") {
                break end;
            }
            assert!(
                self.more().await,
                "closed before an answer: {:?}",
                String::from_utf8_lossy(&self.held)
            );
        };
        let text = String::from_utf8(self.held.drain(..end + 4).collect()).unwrap();
        let mut lines = text.lines();
        let status = lines.next().unwrap().split(' ').nth(1).unwrap();
        let headers = lines.filter_map(|line| line.split_once(": "));
        Head {
            status: status.parse().unwrap(),
            headers: headers
                .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
                .collect(),
        }
    }

    pub(crate) async fn answer(&mut self) -> Answer {
        let head = self.head().await;
        let mut body = Vec::new();
        if let Some(length) = head.header("content-length") {
            let length = length.parse().unwrap();
            while self.held.len() < length {
                assert!(self.more().await, "closed within a body");
            }
            body = self.held.drain(..length).collect();
        } else if head.header("transfer-encoding") == Some("chunked") {
            while let Some(chunk) = self.chunk().await {
                body.extend(chunk);
            }
        }
        Answer { head, body }
    }

    /// The next chunk of a body in chunks; `None` at its proper end.
    pub(crate) async fn chunk(&mut self) -> Option<Vec<u8>> {
        self.try_chunk().await.unwrap()
    }

    /// As [`Reader::chunk`], or an error if the connection ended before the body.
    pub(crate) async fn try_chunk(&mut self) -> Result<Option<Vec<u8>>, ()> {
        let end = self.until(b"\r\n").await?;
        let line: Vec<u8> = self.held.drain(..end + 2).collect();
        let size = std::str::from_utf8(&line).unwrap().trim();
        let size = usize::from_str_radix(size, 16).unwrap();
        while self.held.len() < size + 2 {
            if !self.more().await {
                return Err(());
            }
        }
        let chunk: Vec<u8> = self.held.drain(..size).collect();
        self.held.drain(..2);
        Ok((size > 0).then_some(chunk))
    }

    async fn until(&mut self, what: &[u8]) -> Result<usize, ()> {
        loop {
            if let Some(end) = find(&self.held, what) {
                return Ok(end);
            }
            if !self.more().await {
                return Err(());
            }
        }
    }

    async fn more(&mut self) -> bool {
        self.held.reserve(16 * 1024);
        let read = within(LIVENESS, self.from.read_buf(&mut self.held));
        // A reset is an end too.
        read.await.unwrap_or(0) > 0
    }
}

fn find(text: &[u8], what: &[u8]) -> Option<usize> {
    text.windows(what.len()).position(|window| window == what)
}

/// A request with a body, if there is one.
pub(crate) fn request(method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Vec<u8> {
    let mut text = format!("{method} {path} HTTP/1.1\r\nhost: shop\r\n");
    for (name, value) in headers {
        text += &format!("{name}: {value}\r\n");
    }
    if !body.is_empty() {
        text += &format!("content-length: {}\r\n", body.len());
    }
    let mut bytes = (text + "\r\n").into_bytes();
    bytes.extend_from_slice(body);
    bytes
}
