//! Several runs, and what they say together.

use std::{path::PathBuf, time::Duration};

use serde::Serialize;
use watertight_core::{Either, race};

use super::{figures::Run, machine::Machine, measure, page};
use crate::{console::Console, run, signals::Signals, stage::DemoError};

/// Arguments of `demo bench shop`.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct BenchArgs {
    /// Writes a page here, and the figures as JSON beside it
    #[arg(long, value_name = "FILE.md")]
    out: Option<PathBuf>,
    /// How often everything is measured
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=100))]
    runs: u32,
    /// Orders a second while latency is measured
    #[arg(long, default_value_t = 50.0)]
    pub(super) rps: f64,
    /// How long latency is measured
    #[arg(long, default_value = "20s", value_parser = run::duration)]
    pub(super) time: Duration,
    /// How long each level of saturation is measured
    #[arg(long, default_value = "10s", value_parser = run::duration)]
    pub(super) level_time: Duration,
    /// Levels of saturation: orders in flight
    #[arg(long, value_delimiter = ',', default_values_t = [64, 128, 256, 512], value_parser = in_flight)]
    pub(super) in_flight: Vec<usize>,
    /// Connections to each service
    #[arg(long, default_value_t = 8)]
    pub(super) connections: usize,
    /// Writes one object as the last line of stdout, all else to stderr
    #[arg(long)]
    json: bool,
}

fn in_flight(text: &str) -> Result<usize, String> {
    let number = text.parse().map_err(|_bad| "must be a number")?;
    let fits = (1..=4_096).contains(&number);
    fits.then_some(number)
        .ok_or_else(|| "must be 1 to 4096".to_owned())
}

/// All that was measured.
#[derive(Debug, Serialize)]
pub(super) struct Figures {
    pub(super) machine: Machine,
    pub(super) rps: f64,
    pub(super) seconds: f64,
    pub(super) level_seconds: f64,
    pub(super) connections: usize,
    pub(super) runs: Vec<Run>,
    pub(super) invariants_ok: bool,
}

/// Measures, writes the page; `Ok(true)` if all invariants hold.
///
/// # Errors
///
/// [`DemoError`] if the shop can't be started or verified, or the page can't be
/// written.
///
/// # Cancel safety
///
/// Dropped, the processes end.
pub(crate) async fn shop(args: BenchArgs) -> Result<bool, DemoError> {
    let console = Console::new(args.json);
    let mut signals = Signals::new()?;
    let mut figures = Figures {
        machine: Machine::here(),
        rps: args.rps,
        seconds: args.time.as_secs_f64(),
        level_seconds: args.level_time.as_secs_f64(),
        connections: args.connections,
        runs: Vec::new(),
        invariants_ok: true,
    };
    for number in 1..=args.runs {
        let run = measure::run(&args, u64::from(number), &console);
        let Either::Left(run) = race(Box::pin(run), signals.next()).await else {
            return Err(DemoError::Interrupted);
        };
        let run = run?;
        console.line(format_args!("run {number}: {}", page::line(&run)));
        figures.invariants_ok &= run.invariants_ok;
        figures.runs.push(run);
    }
    let page = page::page(&figures);
    match &args.out {
        Some(out) => {
            let json = serde_json::to_string_pretty(&figures).unwrap_or_default() + "\n";
            let write = |path: PathBuf, text: &str| {
                let dir = path.parent().filter(|dir| !dir.as_os_str().is_empty());
                dir.map_or(Ok(()), std::fs::create_dir_all)
                    .and_then(|()| std::fs::write(&path, text))
                    .map_err(|error| DemoError::Output(path, error))
            };
            write(out.clone(), &page)?;
            write(out.with_extension("json"), &json)?;
        }
        None => console.line(&page),
    }
    console.object(&figures)?;
    Ok(figures.invariants_ok)
}
