//! `demo verify`: is a stopped shop's data in order?

use std::{path::PathBuf, time::Duration};

use tokio::time::Instant;
use watertight_core::{Either, race};

use crate::{
    console::Console,
    report::{RunReport, print_findings},
    run,
    signals::Signals,
    stage::{DemoError, Setting, Stage},
    supervise::{DataDir, Ports, Tuning},
};

/// Arguments of `demo verify`.
#[derive(Debug, clap::Args)]
pub(crate) struct VerifyArgs {
    /// The data directory of a demo that is stopped
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
    /// Writes one object as the last line of stdout, all else to stderr
    #[arg(long)]
    json: bool,
}

/// The last line of `demo verify --json`.
#[derive(Debug, serde::Serialize)]
struct VerifyReport {
    orders: usize,
    orders_lost: u64,
    oversold: u64,
    double_charged: u64,
    unknown_resolved: u64,
    settle_s: f64,
    violations: std::collections::BTreeMap<&'static str, u64>,
    invariants_ok: bool,
}

/// Starts the services on free ports without any load, lets them recover,
/// checks everything, stops them; `Ok(true)` if all invariants hold.
///
/// # Errors
///
/// [`DemoError`] if there is no shop, it is in use, or it can't be started.
///
/// # Cancel safety
///
/// Dropped, the processes end.
pub(crate) async fn verify(args: VerifyArgs) -> Result<bool, DemoError> {
    let console = Console::new(args.json);
    let mut signals = Signals::new()?;
    let setting = Setting {
        console: console.clone(),
        dir: DataDir::existing(&args.data)?,
        ports: Ports::free()?,
        tuning: Tuning::default(),
        journal: true,
        connections: 1,
        call_max: Duration::from_secs(10),
        seed: run::seed(None),
    };
    let stage = Stage::open(setting).await?;
    let work = async {
        if !stage.session.keeper.book().is_seeded() {
            // The demo died while it imported: go on there.
            stage.seed().await?;
        }
        stage.verify(Instant::now()).await
    };
    let verified = match race(Box::pin(work), signals.next()).await {
        Either::Left(verified) => verified,
        Either::Right(()) => Err(DemoError::Interrupted),
    };
    let orders = stage.session.keeper.book().len();
    let stopped = stage.close().await;
    let mut verified = verified?;
    verified.findings.merge(stopped?);
    print_findings(&console, &verified.findings);
    let mut report = RunReport::default();
    report.verified(&verified);
    console.object(&VerifyReport {
        orders,
        orders_lost: report.orders_lost,
        oversold: report.oversold,
        double_charged: report.double_charged,
        unknown_resolved: report.unknown_resolved,
        settle_s: report.settle_s,
        violations: report.violations,
        invariants_ok: report.invariants_ok,
    })?;
    Ok(report.invariants_ok)
}
