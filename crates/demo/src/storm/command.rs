//! The command: measures, judges, and says so.

use std::path::PathBuf;

use super::{
    latency, page,
    run::{self, Load, Ran},
    verdict::StormReport,
    warm_up::WarmUp,
};
use crate::{console::Console, run::seed, signals::Signals, stage::DemoError, supervise::DataDir};
use watertight_core::{Either, Scope, race};

/// Where the page goes unless it is said.
const PAGE: &str = "docs/results/storm.md";

/// Arguments of `demo storm`.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct StormArgs {
    /// How many requests clients send, and leave
    #[arg(long, default_value_t = 100_000, value_name = "N", value_parser = clap::value_parser!(u32).range(100..=1_000_000))]
    requests: u32,
    /// Requests a second
    #[arg(long, default_value_t = 2_500, value_parser = clap::value_parser!(u32).range(10..=20_000))]
    rps: u32,
    /// Runs of the same requests whose clients wait, to compare memory with
    #[arg(long, default_value_t = 3, value_name = "N", value_parser = clap::value_parser!(u32).range(0..=10))]
    baselines: u32,
    /// Cancellations of each kind whose latency is measured
    #[arg(long, default_value_t = 1_000, value_name = "N", value_parser = clap::value_parser!(u64).range(0..=100_000))]
    samples: u64,
    /// What the clients are drawn from; without it, another one each time
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// Writes a page here, and the object beside it
    #[arg(long, value_name = "FILE.md", num_args = 0..=1, default_missing_value = PAGE)]
    write: Option<PathBuf>,
    /// Writes one object as the last line of stdout, all else to stderr
    #[arg(long)]
    json: bool,
}

/// Runs the storm; `Ok(true)` if every promise held.
///
/// # Errors
///
/// [`DemoError`] if something can't be started, asked or written.
///
/// # Cancel safety
///
/// Dropped, the processes end.
pub(crate) async fn storm(args: StormArgs) -> Result<bool, DemoError> {
    let console = Console::new(args.json);
    let mut signals = Signals::new()?;
    let report = match race(Box::pin(all(&args, &console)), signals.next()).await {
        Either::Left(report) => report?,
        Either::Right(()) => return Err(DemoError::Interrupted),
    };
    page::print(&console, &report);
    if let Some(out) = &args.write {
        page::write(out, &report)?;
    }
    console.object(&report)?;
    Ok(report.broken.is_empty())
}

async fn all(args: &StormArgs, console: &Console) -> Result<StormReport, DemoError> {
    let mut latencies = Vec::new();
    if args.samples > 0 {
        let (scope, dir) = (Scope::root("latency"), DataDir::open(None)?);
        latencies = latency::measure(&scope, dir.path(), args.samples).await?;
        for (kind, latency) in &latencies {
            console.line(format_args!(
                "cancelling {}: p50 {} ms, p99 {} ms over three services",
                kind.name(),
                latency.p50_ms,
                latency.p99_ms
            ));
        }
    }
    let seed = seed(args.seed);
    let requests = usize::try_from(args.requests).unwrap_or(usize::MAX);
    let rps = f64::from(args.rps);
    let load = Load {
        warm_up: WarmUp::before(requests, rps),
        requests,
        rps,
        seed,
        patient: true,
    };
    let mut without = Vec::new();
    for number in 1..=args.baselines {
        let ran = Box::pin(run::run(load, console)).await?;
        console.line(format_args!("without cancels, {number}: {}", line(&ran)));
        without.push(ran);
    }
    let load = Load {
        patient: false,
        ..load
    };
    let storm = Box::pin(run::run(load, console)).await?;
    console.line(format_args!("storm: {}", line(&storm)));
    Ok(StormReport::of(&storm, &without, &latencies, seed))
}

fn line(ran: &Ran) -> String {
    format!(
        "{} requests in {:.1} s, {} left, {} answered, {} failed; quiet after {} ms; rss {:.1} MiB",
        ran.counts.sum(|count| count.requests),
        ran.took.as_secs_f64(),
        ran.counts.sum(|count| count.cancelled),
        ran.counts.sum(|count| count.answered),
        ran.counts.sum(|count| count.failed),
        ran.settle.as_millis(),
        ran.after.rss_sum() / 1_048_576.0,
    )
}
