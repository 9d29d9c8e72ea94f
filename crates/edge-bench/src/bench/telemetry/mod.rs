//! What telemetry costs: each part on and off, in turn, and logs that nobody reads.

mod page;
mod parts;
mod pipe;
mod scrape;

use std::path::PathBuf;

use serde::Serialize;

use super::{positive, publish};
use crate::{error::Error, system::Machine};

/// What is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Name {
    /// The same on both sides: how far apart two equal servers are
    Nothing,
    /// Requests counted and scraped each second
    Metrics,
    /// One trace of a hundred sent to a collector
    Traces,
    /// A line for each request, thinned out as by default
    Logs,
    /// A line for each request, all written
    EveryLine,
    /// Metrics, traces and logs
    All,
    /// Logs whose reader stands still
    Pipe,
}

/// Arguments of `telemetry`.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct TelemetryArgs {
    /// Writes a page here, and the figures as JSON beside it
    #[arg(long, value_name = "FILE.md")]
    out: Option<PathBuf>,
    /// How often each pair is measured
    #[arg(long, default_value_t = 9, value_parser = clap::value_parser!(u64).range(1..=100))]
    runs: u64,
    /// How long each measurement of a pair takes
    #[arg(long, default_value_t = 3.0, value_parser = positive)]
    seconds: f64,
    /// Only these
    #[arg(long, value_delimiter = ',')]
    only: Vec<Name>,
    /// How often the blocked pipe is measured beside one that is read
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..=100))]
    pipe_runs: u64,
    /// How long each of its measurements takes
    #[arg(long, default_value_t = 10.0, value_parser = positive)]
    pipe_seconds: f64,
    /// Writes one object as the last line of stdout, all else to stderr
    #[arg(long)]
    json: bool,
}

impl TelemetryArgs {
    fn wants(&self, name: Name) -> bool {
        self.only.is_empty() || self.only.contains(&name)
    }
}

/// All that was measured; what wasn't asked for is empty.
#[derive(Debug, Serialize)]
struct Costs {
    machine: Machine,
    runs: u64,
    seconds: f64,
    pipe_seconds: f64,
    parts: Vec<parts::Part>,
    pipe: Vec<[pipe::Piped; 2]>,
}

/// Measures, and writes the page.
///
/// # Errors
///
/// If a process can't be started or fails, a part turns out not to have been on
/// or off, or the page can't be written.
pub(crate) fn telemetry(args: &TelemetryArgs) -> Result<(), Error> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(Error::Runtime)?;
    let costs = runtime.block_on(async {
        Ok::<_, Error>(Costs {
            machine: Machine::here(),
            runs: args.runs,
            seconds: args.seconds,
            pipe_seconds: args.pipe_seconds,
            parts: parts::parts(args).await?,
            pipe: pipe::pipe(args).await?,
        })
    })?;
    publish(&costs, &page::page(&costs), args.out.as_deref(), args.json)
}
