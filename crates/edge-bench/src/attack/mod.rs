//! Attackers: small raw clients that do one bad thing each.
//!
//! An attacker that is cut off comes back: a crowd's after seconds, a flood's at once.

mod http1;
mod http2;

use std::{
    io,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use serde::{Deserialize, Serialize};
use tokio::net::TcpStream;
use watertight_core::{Deadline, Scope};

use crate::{
    error::Error,
    idle,
    load::seconds,
    rest::{rest, rest_until},
    serve::Kind,
    system, wire,
};

/// Before a connection that was cut is made again.
const FLOOD_PAUSE: Duration = Duration::from_millis(10);

/// The same for one of thousands: together they would be a flood of connections.
const CROWD_PAUSE: Duration = Duration::from_secs(5);

/// All floods come from here, so that they are one peer's.
const SOURCE: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 1));

/// What an attacker does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Name {
    /// Connects, and says nothing
    Silent,
    /// The same from so many addresses that the limit for one peer doesn't count
    SilentCrowd,
    /// A header line every second, never the last
    Slowloris,
    /// A body in chunks of one byte
    Trickle,
    /// Asks for much over HTTP/1 and reads nothing
    Unread,
    /// Reads no event of a stream
    UnreadEvents,
    /// Opens streams and resets them at once
    RapidReset,
    /// Makes the server reset streams, and doesn't read that
    MalformedReset,
    /// Hundreds of headers in as many bytes, on streams that stay open
    HeaderBomb,
    /// A header block without an end
    Continuation,
    /// Asks for an answer to each of them
    Ping,
    /// Changes its mind all the time
    Settings,
    /// Reorders streams that aren't there
    Priority,
    /// Opens the window byte by byte
    WindowUpdate,
    /// Asks for much over HTTP/2 with its window shut
    ShutWindow,
}

/// How an attack is made.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shape {
    pub(crate) label: &'static str,
    pub(crate) connections: usize,
    /// Longer than the server's patience, where that is what is tried.
    pub(crate) long: bool,
    /// The bare server it is tried on too.
    pub(crate) bare: Kind,
}

const FLOOD: Shape = Shape {
    label: "",
    connections: 4,
    long: false,
    bare: Kind::Tonic,
};

const CROWD: Shape = Shape {
    label: "",
    connections: 9_000,
    long: true,
    bare: Kind::Axum,
};

impl Name {
    pub(crate) fn shape(self) -> Shape {
        let flood = |label| Shape { label, ..FLOOD };
        let crowd = |label, connections| Shape {
            label,
            connections,
            ..CROWD
        };
        match self {
            Self::Silent => crowd("9,000 silent sockets from one address", 9_000),
            Self::SilentCrowd => crowd("9,000 silent sockets from 18 addresses", 9_000),
            Self::Slowloris => crowd(
                "slowloris: 2,000 connections, a header line a second",
                2_000,
            ),
            Self::Trickle => crowd("1,000 chunked bodies, a byte every half second", 1_000),
            Self::Unread => crowd("500 × 16 MiB asked for over HTTP/1, not read", 500),
            Self::UnreadEvents => crowd("500 event streams, not read", 500),
            Self::RapidReset => flood("reset flood: HEADERS and RST_STREAM"),
            Self::MalformedReset => flood("malformed requests, resets not read"),
            Self::HeaderBomb => {
                flood("header bomb: 5,000 streams a connection, 430 one-byte references on each")
            }
            Self::Continuation => flood("CONTINUATION flood"),
            Self::Ping => flood("PING flood"),
            Self::Settings => flood("SETTINGS flood"),
            Self::Priority => flood("PRIORITY flood"),
            Self::WindowUpdate => flood("WINDOW_UPDATE flood"),
            Self::ShutWindow => {
                flood("100 × 16 MiB a connection asked for over HTTP/2, window shut")
            }
        }
    }
}

/// Arguments of `attack`.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct AttackArgs {
    name: Name,
    #[arg(long)]
    addr: SocketAddr,
    #[arg(long)]
    seconds: f64,
    #[arg(long)]
    connections: usize,
}

/// What an attacker has done.
#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
pub(crate) struct Attacked {
    /// Connections that were made.
    pub(crate) opened: u64,
    /// Connections that the server ended.
    pub(crate) cut: u64,
    pub(crate) sent_bytes: u64,
    /// Share of one core that it used.
    pub(crate) cores: f64,
}

/// Attacks for a while.
///
/// # Errors
///
/// If there is no runtime.
pub(crate) fn attack(args: &AttackArgs) -> Result<Attacked, Error> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(Error::Runtime)?;
    Ok(runtime.block_on(run(args)))
}

async fn run(args: &AttackArgs) -> Attacked {
    let begin = Instant::now();
    let end = begin + seconds(args.seconds);
    let count = Count::default();
    let scope = Scope::root("attack");
    for number in 0..args.connections {
        let attacker = Attacker {
            name: args.name,
            addr: args.addr,
            source: args.name.source(number),
            count: count.clone(),
            end,
        };
        scope.spawn_idle("attacker", async move { attacker.run().await });
        // A backlog that is full would slow down the attacker alone.
        if number % 64 == 63 {
            tokio::task::yield_now().await;
        }
    }
    rest_until(end.into()).await;
    let cores = system::cpu_s(std::process::id()).unwrap_or(0.0) / begin.elapsed().as_secs_f64();
    let get = |number: &AtomicU64| number.load(Ordering::Relaxed);
    Attacked {
        opened: get(&count.0.opened),
        cut: get(&count.0.cut),
        sent_bytes: get(&count.0.sent_bytes),
        cores,
    }
}

impl Name {
    fn pause(self) -> Duration {
        if self.shape().long {
            CROWD_PAUSE
        } else {
            FLOOD_PAUSE
        }
    }

    fn source(self, number: usize) -> IpAddr {
        // Together they are within each peer's limit, as a botnet would be.
        if matches!(self, Self::SilentCrowd | Self::Slowloris) {
            return idle::source(number);
        }
        SOURCE
    }
}

/// What all connections have done together.
#[derive(Clone, Debug, Default)]
struct Count(Arc<Counts>);

#[derive(Debug, Default)]
struct Counts {
    opened: AtomicU64,
    cut: AtomicU64,
    sent_bytes: AtomicU64,
}

impl Count {
    fn sent(&self, bytes: usize) {
        let bytes = u64::try_from(bytes).unwrap_or(0);
        self.0.sent_bytes.fetch_add(bytes, Ordering::Relaxed);
    }
}

/// One connection of an attack.
struct Attacker {
    name: Name,
    addr: SocketAddr,
    source: IpAddr,
    count: Count,
    end: Instant,
}

impl Attacker {
    async fn run(self) {
        while Instant::now() < self.end {
            if let Ok(tcp) = self.connect().await {
                self.count.0.opened.fetch_add(1, Ordering::Relaxed);
                // Whatever ends it before its time is the server.
                let end = Deadline::at(self.end.into());
                if end.run(self.misbehave(tcp)).await.is_ok() {
                    self.count.0.cut.fetch_add(1, Ordering::Relaxed);
                }
            }
            rest(self.name.pause()).await;
        }
    }

    async fn connect(&self) -> io::Result<TcpStream> {
        if matches!(self.name, Name::Unread | Name::UnreadEvents) {
            return wire::connect_narrow(self.addr, self.source).await;
        }
        wire::connect(self.addr, self.source).await
    }

    /// Goes on until the server ends the connection.
    async fn misbehave(&self, tcp: TcpStream) -> io::Result<()> {
        let count = &self.count;
        match self.name {
            Name::Silent | Name::SilentCrowd => http1::silent(tcp).await,
            Name::Slowloris => http1::slowloris(tcp, count).await,
            Name::Trickle => http1::trickle(tcp, count).await,
            Name::Unread => http1::unread(tcp, "/big", count).await,
            Name::UnreadEvents => http1::unread(tcp, "/events", count).await,
            Name::RapidReset => http2::rapid_reset(tcp, count).await,
            Name::MalformedReset => http2::malformed_reset(tcp, count).await,
            Name::HeaderBomb => http2::header_bomb(tcp, count).await,
            Name::Continuation => http2::continuation(tcp, count).await,
            Name::Ping => http2::ping(tcp, count).await,
            Name::Settings => http2::settings(tcp, count).await,
            Name::Priority => http2::priority(tcp, count).await,
            Name::WindowUpdate => http2::window_update(tcp, count).await,
            Name::ShutWindow => http2::shut_window(tcp, count).await,
        }
    }
}
