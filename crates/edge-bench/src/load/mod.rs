//! The load generator: one thread, requests made by hand.

mod channel;
mod tally;

use std::{
    io,
    net::{IpAddr, SocketAddr},
    time::{Duration, Instant},
};

use watertight_core::{Deadline, Scope};

use crate::{
    error::Error,
    rest::{rest, rest_until},
    system,
    wire::{self, Http1, Http2},
};

pub(crate) use channel::{ChannelArgs, channel};
pub(crate) use tally::{Sample, Tally, Window};

/// Before a connection that broke is made again.
const PAUSE: Duration = Duration::from_millis(10);

/// What is spoken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Protocol {
    /// HTTP/1.1 with keep-alive, JSON.
    Http,
    /// gRPC, unary calls.
    Grpc,
}

impl Protocol {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Grpc => "grpc",
        }
    }
}

/// Arguments of `load`.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct LoadArgs {
    protocol: Protocol,
    #[arg(long)]
    addr: SocketAddr,
    /// The server's process, for its CPU time
    #[arg(long)]
    pid: u32,
    #[arg(long)]
    connections: usize,
    /// Calls in flight on each connection; HTTP/1 has one
    #[arg(long, default_value_t = 1)]
    streams: usize,
    #[arg(long)]
    seconds: f64,
    #[arg(long, default_value_t = 0.3)]
    warm_up: f64,
    /// Microseconds between two requests of a connection; without, each follows on the last
    #[arg(long)]
    pace_us: Option<u64>,
    #[arg(long, default_value = "127.0.0.1")]
    source: IpAddr,
}

/// Loads a server and says what came of it.
///
/// # Errors
///
/// If there is no runtime, or nothing was answered at all.
pub(crate) fn load(args: &LoadArgs) -> Result<Sample, Error> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(Error::Runtime)?;
    runtime.block_on(run(args))
}

async fn run(args: &LoadArgs) -> Result<Sample, Error> {
    let window = Window::new(seconds(args.warm_up), seconds(args.seconds));
    let tally = Tally::new(window, args.pace_us.map(Duration::from_micros));
    let scope = Scope::root("load");
    for number in 0..args.connections {
        let (args, tally) = (args.clone(), tally.clone());
        scope.spawn_idle("connection", async move {
            // Connections that keep time don't all send at once.
            if let Some(pace) = args.pace_us {
                rest(Duration::from_micros(pace) * share(number) / share(args.connections)).await;
            }
            connection(&args, &tally).await;
        });
    }
    watch(&tally, args.pid).await
}

fn share(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

pub(crate) fn seconds(seconds: f64) -> Duration {
    Duration::try_from_secs_f64(seconds).unwrap_or_default()
}

/// Waits for the end of the window, with an eye on everybody's CPU time.
async fn watch(tally: &Tally, server: u32) -> Result<Sample, Error> {
    let cpu = || (system::cpu_s(server), system::cpu_s(std::process::id()));
    rest_until(tally.window().begin.into()).await;
    let before = cpu();
    rest_until(tally.window().end.into()).await;
    let after = cpu();
    let used = |before: Option<f64>, after: Option<f64>| Some(after? - before?);
    // Requests that are still without an answer note that now.
    rest(PAUSE).await;
    let sample = tally.sample(
        used(before.0, after.0).unwrap_or(f64::NAN),
        used(before.1, after.1).unwrap_or(f64::NAN),
    );
    if sample.requests == 0 {
        return Err(Error::Measure("no request was answered".to_owned()));
    }
    Ok(sample)
}

/// Keeps a connection busy until the time is over, and makes it anew when it breaks.
async fn connection(args: &LoadArgs, tally: &Tally) {
    while !tally.window().is_over() {
        let session = async {
            let tcp = wire::connect(args.addr, args.source).await?;
            match args.protocol {
                Protocol::Http => http(Http1::new(tcp), args, tally).await,
                Protocol::Grpc => grpc(Http2::new(tcp), args, tally).await,
            }
        };
        let ended: io::Result<()> = session.await;
        if ended.is_err() {
            tally.failed();
            rest(PAUSE).await;
        }
    }
}

async fn http(mut connection: Http1, args: &LoadArgs, tally: &Tally) -> io::Result<()> {
    let mut pacer = Pacer::new(args);
    while !tally.window().is_over() {
        pacer.wait().await;
        let begin = Instant::now();
        in_time(tally, begin, connection.exchange()).await?;
        tally.answered(begin);
    }
    Ok(())
}

async fn grpc(mut connection: Http2, args: &LoadArgs, tally: &Tally) -> io::Result<()> {
    let mut pacer = Pacer::new(args);
    while !tally.window().is_over() {
        if connection.in_flight() == 0 {
            pacer.wait().await;
        }
        while connection.in_flight() < args.streams {
            connection.call();
        }
        let begin = Instant::now();
        let turn = connection.turn(|begin| tally.answered(begin));
        in_time(tally, begin, turn).await?;
    }
    Ok(())
}

/// Waits no longer than the window lasts.
async fn in_time<T>(
    tally: &Tally,
    begin: Instant,
    answer: impl Future<Output = io::Result<T>>,
) -> io::Result<T> {
    let end = tally.window().end;
    let in_time = Deadline::at((end + PAUSE / 2).into()).run(answer).await;
    in_time.unwrap_or_else(|_late| {
        // A moment without an answer is normal when the whistle blows.
        if end.duration_since(begin) > Duration::from_millis(500) {
            tally.unanswered(begin);
        }
        Err(io::ErrorKind::TimedOut.into())
    })
}

/// Lets requests begin at a steady rate.
struct Pacer {
    pace: Option<Duration>,
    next: Instant,
}

impl Pacer {
    fn new(args: &LoadArgs) -> Self {
        Self {
            pace: args.pace_us.map(Duration::from_micros),
            next: Instant::now(),
        }
    }

    async fn wait(&mut self) {
        if let Some(pace) = self.pace {
            rest_until(self.next.into()).await;
            // What was missed during a stall is accounted for, not made up.
            self.next = (self.next + pace).max(Instant::now());
        }
    }
}
