//! A crowd: connections that each asked once and then keep silent.

use std::{
    any::Any,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    num::NonZeroUsize,
    path::PathBuf,
    time::Duration,
};

use serde::{Deserialize, Serialize};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite};
use watertight_core::join_all;

use crate::{
    error::Error,
    load::Protocol,
    rest::rest,
    tls,
    wire::{self, Http1, Http2},
};

/// Connections from one address: below what the chassis allows one peer.
const PER_SOURCE: usize = 500;

/// Connections being made at a time: below the listen backlog of any server here.
const AT_A_TIME: NonZeroUsize = NonZeroUsize::new(64).unwrap();

/// Arguments of `idle`.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct IdleArgs {
    protocol: Protocol,
    #[arg(long)]
    addr: SocketAddr,
    #[arg(long)]
    connections: usize,
    /// Speaks TLS, and trusts this certificate
    #[arg(long)]
    tls_cert: Option<PathBuf>,
}

/// What has come of it.
#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
pub(crate) struct Crowd {
    /// Connections that got an answer, and are open.
    pub(crate) open: usize,
}

/// The n-th connection's source address: one of the loopback's many.
pub(crate) fn source(number: usize) -> IpAddr {
    let host = u8::try_from(number / PER_SOURCE % 200).unwrap_or(0);
    IpAddr::V4(Ipv4Addr::new(127, 0, 1, host + 1))
}

/// Opens connections, says how many there are, and holds them until killed.
///
/// # Errors
///
/// If there is no runtime, or the certificate isn't one.
pub(crate) fn idle(args: &IdleArgs) -> Result<(), Error> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(Error::Runtime)?;
    let tls = args.tls_cert.as_deref();
    let tls = tls.map(|cert| tls::Client::new(cert, args.protocol));
    let tls = tls.transpose().map_err(Error::Tls)?;
    runtime.block_on(hold(args, tls.as_ref()));
    Ok(())
}

async fn hold(args: &IdleArgs, tls: Option<&tls::Client>) {
    let all = (0..args.connections).map(|number| one(args, number, tls));
    let open: Vec<_> = join_all(AT_A_TIME, all)
        .await
        .into_iter()
        .flatten()
        .collect();
    // What the server still has to say it may say: settings, an acknowledgement.
    rest(Duration::from_millis(50)).await;
    crate::tell(&Crowd { open: open.len() });
    std::future::pending::<()>().await;
    drop(open);
}

/// A connection that has got its answer; held, and never looked at again.
async fn one(args: &IdleArgs, number: usize, tls: Option<&tls::Client>) -> Option<Box<dyn Any>> {
    let tcp = wire::connect(args.addr, source(number)).await.ok()?;
    Some(match tls {
        Some(tls) => Box::new(ask(args.protocol, tls.connect(tcp).await.ok()?).await?),
        None => Box::new(ask(args.protocol, tcp).await?),
    })
}

async fn ask<S: AsyncRead + AsyncWrite + Unpin>(protocol: Protocol, io: S) -> Option<S> {
    match protocol {
        Protocol::Http => {
            let mut connection = Http1::new(io);
            connection.exchange().await.ok()?;
            Some(connection.into_inner())
        }
        Protocol::Grpc => {
            let mut connection = Http2::new(io);
            connection.call();
            while connection.in_flight() > 0 {
                connection.turn(|_| {}).await.ok()?;
            }
            Some(connection.into_inner())
        }
    }
}

/// Reads what comes until the connection ends.
pub(crate) async fn drain(mut read: impl tokio::io::AsyncRead + Unpin) {
    let mut sink = vec![0; 16 * 1024];
    while !matches!(read.read(&mut sink).await, Ok(0) | Err(_)) {}
}
