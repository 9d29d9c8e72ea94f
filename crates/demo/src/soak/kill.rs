//! Kills, restarts, and the verification at the end.

use std::{collections::BTreeMap, path::PathBuf, time::Duration};

use serde::Serialize;
use tokio::time::Instant;
use watertight_core::{Either, race};

use super::plan::{Cycle, How, cycles};
use crate::{
    check::Entry,
    console::Console,
    load::{OpenLoop, keep_shop},
    report::{self, Ends, RunReport, counts},
    rest::rest,
    run::{self, Customers},
    signals::Signals,
    stage::{DemoError, Setting, Stage},
    supervise::{DataDir, Ports, Tuning},
};

/// The longest that an acknowledged order may take, whoever is killed meanwhile.
const END_MAX: Duration = Duration::from_secs(60);

/// How long an armed process may live before it is killed from outside.
const POINT_MAX: Duration = Duration::from_secs(15);

/// How long a customer waits for an answer.
const CALL_MAX: Duration = Duration::from_secs(5);

/// How long the load runs before the first kill.
const WARM_UP: Duration = Duration::from_secs(1);

/// The provider fails now and then, and loses replies after the work is done.
const PROVIDER_FAULTS: &str = r#"{"error_rate":0.01,"lost_reply_rate":0.02}"#;

/// Arguments of `demo soak kill`.
#[derive(Debug, clap::Args)]
pub(crate) struct KillArgs {
    /// How many times a process is killed
    #[arg(long, default_value_t = 10, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    cycles: u32,
    /// Orders a second
    #[arg(long, default_value_t = 50.0)]
    rps: f64,
    /// The share of all calls that goes through the gateway
    #[arg(long, default_value_t = run::HTTP_SHARE, value_parser = run::share)]
    http_share: f64,
    /// Keeps the data here; without it, a temporary directory
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// What the random choices are drawn from; without it, another one each time
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// Writes one object as the last line of stdout, all else to stderr
    #[arg(long)]
    json: bool,
}

/// The last line of `demo soak kill --json`.
#[derive(Debug, Default, Serialize)]
struct KillReport {
    kills: u64,
    orders: u64,
    orders_confirmed: u64,
    orders_rejected: u64,
    orders_cancelled: u64,
    orders_lost: u64,
    oversold: u64,
    double_charged: u64,
    unknown_resolved: u64,
    settle_s: f64,
    invariants_ok: bool,
    cycles: u32,
    seed: u64,
    /// Kills from outside, by service.
    random: BTreeMap<&'static str, u64>,
    /// Kills between steps, by crash point.
    points: BTreeMap<&'static str, u64>,
    /// Crash points that the process didn't come by in time.
    missed: BTreeMap<&'static str, u64>,
    /// Deaths that nobody ordered.
    deaths: u64,
    errors: BTreeMap<&'static str, u64>,
    violations: BTreeMap<&'static str, u64>,
}

/// Runs the kill test; `Ok(true)` if all invariants hold.
///
/// # Errors
///
/// [`DemoError`] if the shop can't be started, or doesn't come back after a
/// kill.
///
/// # Cancel safety
///
/// Dropped, the processes end.
pub(crate) async fn kill(args: KillArgs) -> Result<bool, DemoError> {
    let console = Console::new(args.json);
    let mut signals = Signals::new()?;
    let seed = run::seed(args.seed);
    let setting = Setting {
        console: console.clone(),
        dir: DataDir::open(args.data.as_deref())?,
        ports: Ports::free()?,
        tuning: Tuning {
            provider_faults: Some(PROVIDER_FAULTS.to_owned()),
            ..Tuning::default()
        },
        journal: true,
        connections: 2,
        call_max: CALL_MAX,
        seed,
    };
    let mut report = KillReport {
        cycles: args.cycles,
        seed,
        ..KillReport::default()
    };
    let stage = Stage::open(setting).await?;
    let load = OpenLoop {
        rps: args.rps,
        http_share: args.http_share,
        orders_only: false,
        seed,
        in_flight_max: 4_096,
    };
    let work = soak(&stage, load, &console, &mut report);
    let outcome = match race(Box::pin(work), race(stage.gave_up(), signals.next())).await {
        Either::Left(outcome) => outcome,
        Either::Right(Either::Left(())) => Err(stage.why_gave_up()),
        Either::Right(Either::Right(())) => Err(DemoError::Interrupted),
    };
    let outcome = match outcome {
        Ok(last_kill) => stage.verify(last_kill).await,
        Err(error) => Err(error),
    };
    report.kills = stage.supervisor.kills();
    report.deaths = stage.supervisor.deaths();
    report.errors = stage.session.stats().total().errors;
    let ends = Ends::of(&stage.session.keeper.book());
    let stopped = stage.close().await;
    let mut verified = outcome?;
    verified.findings.merge(stopped?);
    let mut run = RunReport::default();
    run.verified(&verified);
    report.take(ends, run);
    report.print(&console);
    report::print_findings(&console, &verified.findings);
    console.object(&report)?;
    Ok(report.invariants_ok)
}

/// Sells and kills; gives when the last kill was.
async fn soak(
    stage: &Stage,
    load: OpenLoop,
    console: &Console,
    report: &mut KillReport,
) -> Result<Instant, DemoError> {
    stage.session.keeper.book().require_end_within(END_MAX);
    stage.seed().await?;
    let customers = Customers::start(&stage.scope, &stage.session, load);
    let stopped = &stage.session.stop;
    stopped
        .run_until_cancelled(rest(WARM_UP))
        .await
        .unwrap_or_default();
    let plan = cycles(report.cycles as usize, load.seed);
    let mut last_kill = Instant::now();
    for (number, cycle) in plan.into_iter().enumerate() {
        if stopped.is_cancelled() {
            break;
        }
        last_kill = one(stage, cycle, report).await?;
        stage.supervisor.ready().await?;
        // The cheap invariants, with the process just back.
        keep_shop(&stage.session, 0).await;
        let violated = stage.session.keeper.findings().total();
        console.line(format_args!(
            "cycle {:>4}  {}  back after {} ms  orders {}  violations {violated}",
            number + 1,
            describe(cycle),
            last_kill.elapsed().as_millis(),
            stage.session.stats().total().orders,
        ));
    }
    customers.stop().await;
    Ok(last_kill)
}

/// One kill; gives when it was.
async fn one(stage: &Stage, cycle: Cycle, report: &mut KillReport) -> Result<Instant, DemoError> {
    let (supervisor, victim) = (&stage.supervisor, cycle.victim);
    let mut kill = Entry::Kill {
        service: victim.name().to_owned(),
        point: None,
    };
    let last_kill = match cycle.how {
        How::Random(wait) => {
            rest(wait).await;
            *report.random.entry(victim.name()).or_default() += 1;
            let at = Instant::now();
            supervisor.kill(victim, None).await;
            at
        }
        How::Point(crash) => {
            supervisor.kill(victim, Some(crash)).await;
            let reached = supervisor.crashed(victim, POINT_MAX).await;
            if !reached {
                supervisor.kill(victim, None).await;
            }
            let counts = if reached {
                &mut report.points
            } else {
                &mut report.missed
            };
            *counts.entry(crash.point).or_default() += 1;
            kill = Entry::Kill {
                service: victim.name().to_owned(),
                point: Some(crash.to_string()),
            };
            Instant::now()
        }
    };
    stage.session.keeper.note(&[kill]).await?;
    Ok(last_kill)
}

fn describe(cycle: Cycle) -> String {
    let victim = cycle.victim.name();
    match cycle.how {
        How::Random(wait) => format!("{victim} at random, after {} ms", wait.as_millis()),
        How::Point(crash) => format!("{victim} at {crash}"),
    }
}

impl KillReport {
    fn take(&mut self, ends: Ends, run: RunReport) {
        self.orders = ends.placed;
        self.orders_confirmed = ends.confirmed;
        self.orders_rejected = ends.rejected;
        self.orders_cancelled = ends.cancelled;
        self.orders_lost = run.orders_lost;
        self.oversold = run.oversold;
        self.double_charged = run.double_charged;
        self.unknown_resolved = run.unknown_resolved;
        self.settle_s = run.settle_s;
        self.violations = run.violations;
        self.invariants_ok = run.invariants_ok;
    }

    fn print(&self, console: &Console) {
        console.line(format_args!(
            "\n{} kills in {} cycles (seed {}): random {}; at points {}; missed {}; other deaths {}",
            self.kills,
            self.cycles,
            self.seed,
            counts(&self.random),
            counts(&self.points),
            counts(&self.missed),
            self.deaths
        ));
        console.line(format_args!(
            "{} orders: {} confirmed, {} rejected, {} cancelled; {} lost; unknown outcomes resolved {}; \
             settled {} s after the last kill; errors {}",
            self.orders,
            self.orders_confirmed,
            self.orders_rejected,
            self.orders_cancelled,
            self.orders_lost,
            self.unknown_resolved,
            self.settle_s,
            counts(&self.errors)
        ));
    }
}
