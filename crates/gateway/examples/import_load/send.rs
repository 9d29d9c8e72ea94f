//! Sends an import and watches the memory of the process that takes it.

use std::io;
use std::net::SocketAddr;

use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};

use crate::rows::Rows;

/// Bytes of one chunk of the body.
const PIECE_BYTES: usize = 64 * 1024;

/// What came of an import.
#[derive(Clone, Debug)]
pub(crate) struct Taken {
    /// The last line of the answer.
    pub(crate) summary: String,
    /// The most memory that was seen at an acknowledgment, in bytes.
    pub(crate) rss_most: u64,
}

/// Imports `rows` under `id`, and looks at the memory of process `pid` at each
/// acknowledgment.
///
/// # Errors
///
/// Whatever the socket says, or an answer that isn't 200.
///
/// # Cancel safety
///
/// Rows that were acknowledged have been taken.
pub(crate) async fn import(
    addr: SocketAddr,
    id: &str,
    rows: &mut Rows,
    pid: u32,
) -> io::Result<Taken> {
    let stream = TcpStream::connect(addr).await?;
    stream.set_nodelay(true)?;
    let (read, write) = stream.into_split();
    let ((), taken) = watertight::try_join(send(write, addr, id, rows), receive(read, pid)).await?;
    Ok(taken)
}

async fn send(
    mut write: OwnedWriteHalf,
    addr: SocketAddr,
    id: &str,
    rows: &mut Rows,
) -> io::Result<()> {
    let head = format!(
        "POST /v1/catalog:import HTTP/1.1\r\nhost: {addr}\r\ncontent-type: application/x-ndjson\r\n\
         import-id: {id}\r\ntransfer-encoding: chunked\r\nconnection: close\r\n\r\n"
    );
    write.write_all(head.as_bytes()).await?;
    loop {
        let piece = rows.piece(PIECE_BYTES);
        write
            .write_all(format!("{:x}\r\n", piece.len()).as_bytes())
            .await?;
        write.write_all(&piece).await?;
        write.write_all(b"\r\n").await?;
        if piece.is_empty() {
            // Closed with the answer; earlier the server would take it for leaving.
            write.forget();
            return Ok(());
        }
    }
}

/// Reads lines: heads of chunks are passed over, since no line of the answer
/// looks like one.
async fn receive(read: OwnedReadHalf, pid: u32) -> io::Result<Taken> {
    let mut lines = BufReader::new(read).lines();
    let status = lines.next_line().await?.unwrap_or_default();
    if !status.starts_with("HTTP/1.1 200 ") {
        return Err(io::Error::other(status));
    }
    let mut taken = Taken {
        summary: String::new(),
        rss_most: 0,
    };
    while let Some(line) = lines.next_line().await? {
        if line == "0" {
            break;
        }
        if line.starts_with('{') {
            taken.rss_most = taken.rss_most.max(rss_bytes(pid)?);
            taken.summary = line;
        }
    }
    Ok(taken)
}

/// Resident memory of a process, in bytes.
///
/// # Errors
///
/// If there is no such process.
pub(crate) fn rss_bytes(pid: u32) -> io::Result<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<u64>().ok());
    kib.map(|kib| kib * 1024)
        .ok_or_else(|| io::Error::other("no VmRSS in /proc"))
}
