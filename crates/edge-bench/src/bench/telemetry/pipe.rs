//! A server that logs much, and whose stdout nobody reads.

use std::net::{IpAddr, Ipv4Addr};

use serde::Serialize;
use watertight_core::{Either, race};

use super::{Name, TelemetryArgs, scrape::Scraped};
use crate::{
    error::Error,
    idle::drain,
    load::{Protocol, Sample, seconds},
    process::{Log, Server, ask},
    serve::Kind,
    system,
    wire::{self, Http1},
};

/// Requests a second: few enough for any machine, so that waiting shows.
const REQUESTS_PER_S: u64 = 2_000;

/// Of each request: 20,000 lines a second together.
const LINES: u64 = 10;

const CONNECTIONS: u64 = 8;

/// What a load doesn't count of itself.
const WARM_UP_S: f64 = 0.3;

const MADE: &str = "log_lines_total{level=\"info\"}";

/// One server.
#[derive(Debug, Serialize)]
pub(super) struct Piped {
    pub(super) blocked: bool,
    pub(super) sample: Sample,
    pub(super) lines_per_s: f64,
    pub(super) lines_made: f64,
    pub(super) lines_dropped: f64,
    pub(super) before_bytes: u64,
    pub(super) peak_bytes: u64,
}

impl Piped {
    /// By how much memory grew at most.
    pub(super) fn growth_mib(&self) -> f64 {
        self.peak_bytes.saturating_sub(self.before_bytes) as f64 / 1_048_576.0
    }
}

/// Pairs of a server whose log nobody reads and one whose log is read.
pub(super) async fn pipe(args: &TelemetryArgs) -> Result<Vec<[Piped; 2]>, Error> {
    let mut pairs = Vec::new();
    if !args.wants(Name::Pipe) {
        return Ok(pairs);
    }
    for run in 0..args.pipe_runs {
        let pair = if run % 2 == 0 {
            let blocked = one(args, true).await?;
            [blocked, one(args, false).await?]
        } else {
            let read = one(args, false).await?;
            [one(args, true).await?, read]
        };
        eprintln!(
            "stdout blocked: {:+.1} MiB, p99 {:.0} µs; read: {:+.1} MiB, p99 {:.0} µs",
            pair[0].growth_mib(),
            pair[0].sample.p99_us,
            pair[1].growth_mib(),
            pair[1].sample.p99_us,
        );
        pairs.push(pair);
    }
    Ok(pairs)
}

async fn one(args: &TelemetryArgs, blocked: bool) -> Result<Piped, Error> {
    let own = [format!("--lines={LINES}")];
    // No line is thinned out: all of them have to find a place, or none.
    let flags = ["--log=info", "--log-site-lines-per-s-max=1000000"].map(str::to_owned);
    let mut server = Server::start_with(Kind::Edge, &own, &flags, Log::Piped).await?;
    let pipe = server.log.take();
    let reader = async move {
        if blocked {
            std::future::pending::<()>().await;
        }
        // Open until here: what is written into a closed one is another matter.
        if let Some(pipe) = pipe {
            drain(pipe).await;
        }
    };
    let piped = match race(load(args, &server, blocked), reader).await {
        Either::Left(piped) => piped,
        Either::Right(()) => Err(Error::Measure("the log has ended".to_owned())),
    };
    server.stop().await;
    piped
}

async fn load(args: &TelemetryArgs, server: &Server, blocked: bool) -> Result<Piped, Error> {
    const GONE: &str = "the server has gone";
    let gone = || Error::Measure(GONE.to_owned());
    // What the first request needs would count as the log's.
    let asked = async {
        let tcp = wire::connect(server.addr, IpAddr::V4(Ipv4Addr::LOCALHOST)).await?;
        Http1::new(tcp).exchange().await
    };
    asked
        .await
        .map_err(|error| Error::Measure(format!("no answer: {error}")))?;
    let before = Scraped::of(server).await?;
    let before_bytes = system::rss_bytes(server.pid).ok_or_else(gone)?;
    let words = [
        "load".to_owned(),
        Protocol::Http.name().to_owned(),
        format!("--addr={}", server.addr),
        format!("--pid={}", server.pid),
        format!("--connections={CONNECTIONS}"),
        format!("--pace-us={}", CONNECTIONS * 1_000_000 / REQUESTS_PER_S),
        format!("--warm-up={WARM_UP_S}"),
        format!("--seconds={}", args.pipe_seconds),
    ];
    let sample: Sample = ask(words, seconds(args.pipe_seconds)).await?;
    let peak_bytes = system::peak_bytes(server.pid).ok_or_else(gone)?;
    let after = Scraped::of(server).await?;
    let grown = |name| after.sum(name) - before.sum(name);
    let lines_made = grown(MADE);
    Ok(Piped {
        blocked,
        sample,
        lines_per_s: lines_made / (args.pipe_seconds + WARM_UP_S),
        lines_made,
        lines_dropped: grown("log_lines_dropped_total"),
        before_bytes,
        peak_bytes,
    })
}
