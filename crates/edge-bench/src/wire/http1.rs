//! One HTTP/1.1 connection that stays open: a request, its response, the next.

use std::io;

use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::TcpStream,
};

use super::malformed;

const REQUEST: &[u8] =
    b"GET /hello HTTP/1.1\r\nhost: localhost\r\naccept: application/json\r\n\r\n";

/// Head and body of the answer are far below this.
const BUFFER: usize = 4_096;

/// The connection.
#[derive(Debug)]
pub(crate) struct Http1<S = TcpStream> {
    io: S,
    buffer: Box<[u8; BUFFER]>,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Http1<S> {
    pub(crate) fn new(io: S) -> Self {
        let buffer = Box::new([0; BUFFER]);
        Self { io, buffer }
    }

    /// The connection without its buffer, which an idle one doesn't need.
    pub(crate) fn into_inner(self) -> S {
        self.io
    }

    /// Asks, and waits for the whole answer.
    ///
    /// # Errors
    ///
    /// If the connection breaks, or the answer is anything but a 200 with a body.
    ///
    /// # Cancel safety
    ///
    /// Not safe: the connection is of no more use.
    pub(crate) async fn exchange(&mut self) -> io::Result<()> {
        self.io.write_all(REQUEST).await?;
        let mut filled = 0;
        loop {
            let read = self.io.read(&mut self.buffer[filled..]).await?;
            if read == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            filled += read;
            match length(&self.buffer[..filled])? {
                Some(length) if length == filled => return Ok(()),
                Some(length) if length < filled => return Err(malformed("more than the answer")),
                _ if filled == BUFFER => return Err(malformed("too long an answer")),
                _ => {}
            }
        }
    }
}

/// Bytes of the whole answer, once its head is there.
fn length(bytes: &[u8]) -> io::Result<Option<usize>> {
    const NAME: &[u8] = b"\r\ncontent-length: ";
    let Some(head) = find(bytes, b"\r\n\r\n") else {
        return Ok(None);
    };
    if !bytes.starts_with(b"HTTP/1.1 200") {
        return Err(malformed("not a 200"));
    }
    let value = find(&bytes[..head], NAME).map(|at| &bytes[at + NAME.len()..head]);
    let digits = value.into_iter().flatten().map_while(|byte| match byte {
        b'0'..=b'9' => Some(usize::from(byte - b'0')),
        _ => None,
    });
    match digits.fold(0, |sum, digit| sum * 10 + digit) {
        0 => Err(malformed("no body")),
        body => Ok(Some(head + 4 + body)),
    }
}

fn find(bytes: &[u8], what: &[u8]) -> Option<usize> {
    bytes.windows(what.len()).position(|window| window == what)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_length_is_known_with_the_head() {
        let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 12\r\ndate: x\r\n\r\nhello";
        assert_eq!(length(answer).unwrap(), Some(answer.len() + 7));
        assert_eq!(length(&answer[..30]).unwrap(), None);
        assert!(length(b"HTTP/1.1 500 Oh\r\ncontent-length: 1\r\n\r\n").is_err());
        assert!(length(b"HTTP/1.1 200 OK\r\n\r\n").is_err());
    }
}
