//! Binding listeners.

use crate::BindError;
use socket2::{Domain, Protocol, Socket, Type};
use std::io;
use std::net::{SocketAddr, TcpListener};

/// Connections the kernel holds for us until they are accepted.
const BACKLOG: i32 = 1_024;

/// Binds a TCP listener, ready for any runtime.
///
/// # Errors
///
/// [`BindError`]; with a hint if the port is taken.
pub fn bind(addr: SocketAddr) -> Result<TcpListener, BindError> {
    let bind = || -> io::Result<TcpListener> {
        let socket = Socket::new(Domain::for_address(addr), Type::STREAM, Some(Protocol::TCP))?;
        // A restarted service must not wait for old connections to time out.
        socket.set_reuse_address(true)?;
        socket.set_nonblocking(true)?;
        socket.bind(&addr.into())?;
        socket.listen(BACKLOG)?;
        Ok(socket.into())
    };
    bind().map_err(|source| BindError::new(addr, source))
}

/// Hands a listener to the current runtime.
pub(super) fn register(
    listener: TcpListener,
) -> Result<(tokio::net::TcpListener, SocketAddr), BindError> {
    let unknown = SocketAddr::from(([0, 0, 0, 0], 0));
    let addr = listener
        .local_addr()
        .map_err(|source| BindError::new(unknown, source))?;
    let failed = |source| BindError::new(addr, source);
    listener.set_nonblocking(true).map_err(failed)?;
    Ok((
        tokio::net::TcpListener::from_std(listener).map_err(failed)?,
        addr,
    ))
}
