//! Everything in turn, and the page.

mod attacks;
mod compare;
mod figures;
mod idle;
mod page;
mod tables;
mod telemetry;

use std::path::{Path, PathBuf};

use figures::{Comparison, Figures};

pub(crate) use telemetry::{TelemetryArgs, telemetry};

use crate::{error::Error, system::Machine};

/// A part of the measurements.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Part {
    Http,
    Grpc,
    Yield,
    Idle,
    Attacks,
}

/// Arguments of `run`.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct RunArgs {
    /// Writes a page here, and the figures as JSON beside it
    #[arg(long, value_name = "FILE.md")]
    out: Option<PathBuf>,
    /// How often each pair is measured
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..=100))]
    runs: u64,
    /// How long each measurement of a pair takes
    #[arg(long, default_value_t = 3.0, value_parser = positive)]
    seconds: f64,
    /// Only these parts
    #[arg(long, value_delimiter = ',')]
    only: Vec<Part>,
    /// Idle connections whose memory is measured
    #[arg(long, value_delimiter = ',', default_values_t = [2_000, 9_000])]
    idle: Vec<usize>,
    /// Only these attacks
    #[arg(long, value_delimiter = ',')]
    attacks: Vec<crate::attack::Name>,
    /// How long an attack lasts; those that try the server's patience, 2.4 times as long
    #[arg(long, default_value_t = 5.0, value_parser = positive)]
    attack_seconds: f64,
    /// Connections of an attack at most
    #[arg(long, default_value_t = 9_000)]
    attackers_max: usize,
    /// After an attack, until memory is read again
    #[arg(long, default_value_t = 10.0, value_parser = positive)]
    rest: f64,
    /// Before and after idle connections are made, until memory is read
    #[arg(long, default_value_t = 3.0, value_parser = positive)]
    settle: f64,
    /// Writes one object as the last line of stdout, all else to stderr
    #[arg(long)]
    json: bool,
}

fn positive(text: &str) -> Result<f64, String> {
    let number = text.parse().ok().filter(|n| (0.01..=600.0).contains(n));
    number.ok_or_else(|| "must be 0.01 to 600".to_owned())
}

impl RunArgs {
    fn wants(&self, part: Part) -> bool {
        self.only.is_empty() || self.only.contains(&part)
    }
}

/// Measures, and writes the page.
///
/// # Errors
///
/// If a process can't be started or fails, or the page can't be written.
pub(crate) fn run(args: &RunArgs) -> Result<(), Error> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(Error::Runtime)?;
    let figures = runtime.block_on(measure(args))?;
    publish(
        &figures,
        &page::page(&figures),
        args.out.as_deref(),
        args.json,
    )
}

/// The page and the figures, to where they are wanted.
fn publish(
    figures: &impl serde::Serialize,
    page: &str,
    out: Option<&Path>,
    as_json: bool,
) -> Result<(), Error> {
    let json = serde_json::to_string(figures).unwrap_or_default();
    if let Some(out) = out {
        write(out, page)?;
        write(&out.with_extension("json"), &(json.clone() + "\n"))?;
    }
    println!("{}", if as_json { &json } else { page });
    Ok(())
}

fn write(path: &Path, text: &str) -> Result<(), Error> {
    let dir = path.parent().filter(|dir| !dir.as_os_str().is_empty());
    dir.map_or(Ok(()), std::fs::create_dir_all)
        .and_then(|()| std::fs::write(path, text))
        .map_err(|source| Error::Output {
            path: path.to_owned(),
            source,
        })
}

async fn measure(args: &RunArgs) -> Result<Figures, Error> {
    let mut figures = Figures {
        machine: Machine::here(),
        runs: usize::try_from(args.runs).unwrap_or(0),
        seconds: args.seconds,
        http: Vec::new(),
        grpc: Vec::new(),
        server_yield: Vec::new(),
        client_yield: Vec::new(),
        idle: Vec::new(),
        attacks: Vec::new(),
    };
    if args.wants(Part::Http) {
        figures.http = compare::http(args).await?;
    }
    if args.wants(Part::Grpc) {
        figures.grpc = compare::grpc(args).await?;
    }
    if args.wants(Part::Yield) {
        figures.server_yield = compare::server_yield(args).await?;
        figures.client_yield = compare::client_yield(args).await?;
    }
    if args.wants(Part::Idle) {
        figures.idle = idle::idle(args, figures.machine.open_files).await?;
    }
    if args.wants(Part::Attacks) {
        figures.attacks = attacks::attacks(args).await?;
    }
    Ok(figures)
}

/// A line for whoever watches.
fn progress(comparison: &Comparison) {
    let Comparison { load, names, .. } = comparison;
    let rps = |which| comparison.of(which, |sample| sample.rps);
    let ratio = comparison.ratio(|sample| sample.rps);
    if let (Some(a), Some(b), Some(ratio)) = (rps(0), rps(1), ratio) {
        eprintln!(
            "{load}: {} {:.0}/s, {} {:.0}/s, {:.2} times",
            names[0], a.median, names[1], b.median, ratio.median
        );
    }
}
