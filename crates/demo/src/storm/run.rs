//! One shop under a storm, or under the same clients when they wait.

use std::{sync::Arc, time::Duration};

use tokio::time::Instant;

use super::{
    admin::{Admin, Tasks},
    look::{self, AllTasks, Memory},
    plan::{Visit, Visits, Wish},
    runner::{Counts, Runner},
    warm_up::WarmUp,
};
use crate::{
    check::Findings,
    console::Console,
    stage::{DemoError, Setting, Stage},
    supervise::{DataDir, Ports, Tuning},
};

/// The provider takes its time, so that clients leave while their orders are
/// under way and events are still to come; all is over within a second.
const PROVIDER: &str = r#"{"latency_ms":100,"jitter_ms":100}"#;

/// How long a call of the checker may take.
const CALL_MAX: Duration = Duration::from_secs(10);

/// Sets of connections of the checker.
const CONNECTIONS: usize = 2;

/// After the last client has left, no task of a request is there for longer.
pub(super) const LIVE_MAX: Duration = Duration::from_secs(1);

/// How long jobs may go on after that.
const JOBS_MAX: Duration = Duration::from_secs(60);

/// Payments keeps connections to the provider for its next calls, and closes them
/// five to ten seconds after the last (its pool looks every five). A connection takes
/// some 14 KiB there and 15 at the provider, and 96 of them nearly as much as all else
/// that payments has, and more than all else that the provider has.
const POOL_MAX: Duration = Duration::from_secs(30);

/// Between two looks at memory: no part of a second, at which sweeps come.
pub(super) const LOOK_PERIOD: Duration = Duration::from_millis(430);

/// How often memory is looked at, before the storm and after it; the smallest
/// figure of each process counts, since sweeps allocate between times too. Six
/// seconds in all: stores have given their page caches back by then (a quarter of
/// a second).
pub(super) const LOOKS: usize = 14;

/// Rounds of resolving unknown outcomes, a minute each at most.
const RESOLVES_MAX: usize = 10;

/// What is sent to a shop.
#[derive(Clone, Copy, Debug)]
pub(super) struct Load {
    pub(super) warm_up: WarmUp,
    pub(super) requests: usize,
    pub(super) rps: f64,
    pub(super) seed: u64,
    /// Whether clients wait for their answers.
    pub(super) patient: bool,
}

/// What is promised of memory when a client has left: allocated bytes are back
/// within this part.
pub(super) const ALLOCATED_MAX: f64 = 1.02;

/// How a shop was afterwards.
#[derive(Debug, Default)]
pub(super) struct Ran {
    /// Requests before the first that counts.
    pub(super) warm_up: usize,
    pub(super) counts: Counts,
    /// From when the last client had left until no task of a request was there;
    /// [`LIVE_MAX`] if some still were.
    pub(super) settle: Duration,
    /// Tasks of requests then.
    pub(super) live: u64,
    /// Their names and places.
    pub(super) left: Vec<String>,
    pub(super) orphans: u64,
    pub(super) dead: u64,
    pub(super) stragglers: u64,
    /// Whether jobs or pooled connections were still there when memory was looked at.
    pub(super) restless: bool,
    pub(super) before: Memory,
    pub(super) after: Memory,
    pub(super) unknown_resolved: u64,
    pub(super) findings: Findings,
    pub(super) took: Duration,
}

/// Opens a shop, sends the clients, looks, verifies, closes.
///
/// # Errors
///
/// [`DemoError`] if the shop can't be started, asked or verified.
///
/// # Cancel safety
///
/// Dropped, the processes end.
pub(super) async fn run(load: Load, console: &Console) -> Result<Ran, DemoError> {
    let stage = Stage::open(Setting {
        console: console.clone(),
        dir: DataDir::open(None)?,
        ports: Ports::free()?,
        tuning: Tuning {
            provider_faults: Some(PROVIDER.to_owned()),
            ..Tuning::default()
        },
        // Nobody takes its data up again.
        journal: false,
        connections: CONNECTIONS,
        call_max: CALL_MAX,
        seed: load.seed,
    })
    .await?;
    let mut ran = Ran {
        warm_up: load.warm_up.requests(),
        ..Ran::default()
    };
    let outcome = weather(&stage, load, &mut ran).await;
    let stopped = stage.close().await;
    outcome?;
    ran.findings.merge(stopped?);
    Ok(ran)
}

async fn weather(stage: &Stage, load: Load, ran: &mut Ran) -> Result<(), DemoError> {
    stage.seed().await?;
    let admin = Admin::new(&stage.scope, stage.supervisor.plan());
    // Before any client came: whatever more there is later came with them.
    let rest = look::tasks(&admin).await?;
    let mut visits = Visits::new(load.seed);
    for phase in load.warm_up.phases() {
        let fits = |visit: &Visit| !phase.orders || matches!(visit.wish, Wish::Place(_));
        let first = visits.by_ref().filter(fits).take(phase.requests);
        let patient = load.patient || phase.patient;
        send(stage, first, phase.rps, patient).await?;
    }
    let quiet = |now: &AllTasks| look::of_requests(now, &rest) + look::jobs(now, &rest) == 0;
    let (now, _) = look::until(stage, &admin, JOBS_MAX, quiet).await?;
    ran.restless |= !quiet(&now);
    ran.before = memory(stage, &admin, &rest, &mut ran.restless).await?;

    let begin = Instant::now();
    ran.counts = send(stage, visits.take(load.requests), load.rps, load.patient).await?;
    ran.took = begin.elapsed();
    let gone = |now: &AllTasks| look::of_requests(now, &rest) == 0;
    let (now, settle) = look::until(stage, &admin, LIVE_MAX, gone).await?;
    ran.settle = settle;
    ran.live = look::of_requests(&now, &rest);
    ran.left = look::names_of_requests(&now, &rest);

    let (now, _) = look::until(stage, &admin, JOBS_MAX, quiet).await?;
    ran.orphans = look::sum(&now, |tasks: &Tasks| tasks.orphans);
    ran.dead = look::sum(&now, |tasks| tasks.dead);
    ran.stragglers = look::sum(&now, |tasks| tasks.stragglers);
    ran.restless |= !quiet(&now);
    ran.after = memory(stage, &admin, &rest, &mut ran.restless).await?;
    // What is unknown is resolved by repeating it; the provider needn't be slow
    // for that.
    admin.calm().await?;
    verify(stage, ran).await
}

/// What the processes keep when they have nothing to do, connections that wait for
/// their next call not counted: how many those are is a matter of the last seconds.
///
/// `restless` becomes true if they are still there when the time for that is over.
async fn memory(
    stage: &Stage,
    admin: &Admin,
    rest: &AllTasks,
    restless: &mut bool,
) -> Result<Memory, DemoError> {
    let gone = |now: &AllTasks| look::pooled(now, rest) == 0;
    let (now, _) = look::until(stage, admin, POOL_MAX, gone).await?;
    *restless |= !gone(&now);
    let mut least = Memory::default();
    for _ in 0..LOOKS {
        look::rest(stage, LOOK_PERIOD).await?;
        least = least.least(&Memory::look(&stage.supervisor, admin).await?);
    }
    Ok(least)
}

/// Sends clients until the last one is gone.
async fn send(
    stage: &Stage,
    visits: impl Iterator<Item = Visit>,
    rps: f64,
    patient: bool,
) -> Result<Counts, DemoError> {
    let session = Arc::clone(&stage.session);
    let runner = Runner::new(session, stage.supervisor.plan(), patient)?;
    let runner = Arc::new(runner);
    runner.run(&stage.scope, visits, rps).await;
    Ok(runner.counts())
}

async fn verify(stage: &Stage, ran: &mut Ran) -> Result<(), DemoError> {
    for _ in 0..RESOLVES_MAX {
        let verified = stage.verify(Instant::now()).await?;
        ran.unknown_resolved += verified.settled.unknown_resolved;
        ran.findings = verified.findings;
        // A minute may not be enough for so many; what it resolved stays so.
        let open = stage.session.keeper.book().unknowns().len();
        if open == 0 || verified.settled.unknown_resolved == 0 {
            break;
        }
    }
    Ok(())
}
