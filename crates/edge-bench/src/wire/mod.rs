//! HTTP as bytes: what the generator and the attackers send is made by hand, so
//! that it costs little and may break every rule.

pub(crate) mod frames;
mod http1;
mod http2;

use std::{
    io,
    net::{IpAddr, SocketAddr},
};

use tokio::net::{TcpSocket, TcpStream};

pub(crate) use http1::Http1;
pub(crate) use http2::Http2;

/// A connection from one of this machine's addresses, without Nagle's delay.
///
/// # Errors
///
/// As connecting says; also when all ports of the source are taken.
///
/// # Cancel safety
///
/// Dropped, the attempt ends.
pub(crate) async fn connect(addr: SocketAddr, source: IpAddr) -> io::Result<TcpStream> {
    from(socket(source)?, addr).await
}

/// The same with a receive buffer as small as the kernel makes it: one that
/// doesn't read, and whose unread bytes stay in the server.
///
/// # Errors
///
/// As [`connect`].
///
/// # Cancel safety
///
/// As [`connect`].
pub(crate) async fn connect_narrow(addr: SocketAddr, source: IpAddr) -> io::Result<TcpStream> {
    let socket = socket(source)?;
    socket.set_recv_buffer_size(1)?;
    from(socket, addr).await
}

fn socket(source: IpAddr) -> io::Result<TcpSocket> {
    let socket = TcpSocket::new_v4()?;
    socket.bind(SocketAddr::new(source, 0))?;
    Ok(socket)
}

async fn from(socket: TcpSocket, addr: SocketAddr) -> io::Result<TcpStream> {
    let tcp = socket.connect(addr).await?;
    tcp.set_nodelay(true)?;
    Ok(tcp)
}

/// An answer that isn't one.
fn malformed(what: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}
