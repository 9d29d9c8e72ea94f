//! One run: start, idle, steady, saturated, verified, stopped.

use std::time::Duration;

use tokio::time::Instant;
use watertight_core::join;

use super::{
    disk,
    figures::{ByProcess, Disk, Level, Run, Steady},
    scrape,
    shop::BenchArgs,
};
use crate::{
    console::Console,
    load::{ClosedLoop, OpenLoop, closed_loop, open_loop},
    report::{Ends, cpu_us_per_order, round},
    rest::rest,
    stage::{DemoError, Setting, Stage},
    supervise::{DataDir, Ports, Tuning},
};

/// How long the shop is left alone before its idle memory is read.
const IDLE: Duration = Duration::from_secs(3);

/// How long a customer waits for an answer.
const CALL_MAX: Duration = Duration::from_secs(10);

/// Measures once, in a fresh directory, and verifies that what was measured was
/// right.
///
/// # Errors
///
/// [`DemoError`] if the shop can't be started or verified.
///
/// # Cancel safety
///
/// Dropped, the processes end.
pub(super) async fn run(args: &BenchArgs, seed: u64, console: &Console) -> Result<Run, DemoError> {
    let dir = DataDir::open(None)?;
    let path = dir.path().to_owned();
    // Before the shop is there: a disk of its own, as it were.
    let disk = disk::probe(&path).map_err(|error| DemoError::Output(path, error))?;
    let stage = Stage::open(Setting {
        console: console.clone(),
        dir,
        ports: Ports::free()?,
        tuning: Tuning::default(),
        // The checker's own writes would be measured too.
        journal: false,
        connections: args.connections,
        call_max: CALL_MAX,
        seed,
    })
    .await?;
    let measured = phases(&stage, args, seed).await;
    let verified = match &measured {
        Ok(_measured) => stage.verify(Instant::now()).await,
        Err(_error) => Err(DemoError::Interrupted),
    };
    let orders = Ends::of(&stage.session.keeper.book()).placed;
    let ready_ms = round(stage.ready.as_secs_f64() * 1e3);
    let stopped = stage.close().await;
    let measured = measured?;
    let mut findings = verified?.findings;
    findings.merge(stopped?);
    crate::report::print_findings(console, &findings);
    Ok(Run {
        ready_ms,
        idle_rss_mib: measured.idle_rss_mib,
        loaded_rss_mib: measured.loaded_rss_mib,
        disk,
        disk_beside: measured.disk_beside,
        steady: measured.steady,
        levels: measured.levels,
        orders,
        invariants_ok: findings.is_ok(),
        violations: findings.by_name(),
    })
}

/// What the phases of a run measured.
struct Measured {
    idle_rss_mib: ByProcess,
    loaded_rss_mib: ByProcess,
    disk_beside: Disk,
    steady: Steady,
    levels: Vec<Level>,
}

async fn phases(stage: &Stage, args: &BenchArgs, seed: u64) -> Result<Measured, DemoError> {
    stage.seed().await?;
    rest(IDLE).await;
    let idle_rss_mib = stage.rss_mib();
    let path = stage.supervisor.plan().dir.path();
    let failed = |error| DemoError::Output(path.to_owned(), error);
    let probe = disk::beside(path).map_err(failed)?;
    let steady = steady(stage, args, seed).await;
    let disk_beside = probe.finish().map_err(failed)?;
    let mut levels = Vec::new();
    for &in_flight in &args.in_flight {
        levels.push(level(stage, args, in_flight, seed).await);
    }
    Ok(Measured {
        idle_rss_mib,
        loaded_rss_mib: stage.rss_mib(),
        disk_beside,
        steady,
        levels,
    })
}

/// Orders alone, so many a second, whatever becomes of earlier ones.
async fn steady(stage: &Stage, args: &BenchArgs, seed: u64) -> Steady {
    let (session, scope) = (&stage.session, stage.scope.child("steady"));
    let stop = session.stop.child_token();
    let load = OpenLoop {
        rps: args.rps,
        // Of the services themselves: the figures stay comparable.
        http_share: 0.0,
        orders_only: true,
        seed,
        in_flight_max: 4_096,
    };
    drop(session.stats().turn());
    let (start, cpu) = (Instant::now(), stage.supervisor.cpu_time());
    let open = open_loop(&scope, session, stop.clone(), load);
    let clock = async {
        rest(args.time).await;
        stop.cancel();
    };
    join(open, clock).await;
    scope.close(CALL_MAX + Duration::from_secs(1)).await;
    // With what was in flight, as the counts are.
    let took = start.elapsed();
    let window = session.stats().turn();
    let after = stage.supervisor.cpu_time();
    Steady {
        orders_per_s: round(window.orders as f64 / took.as_secs_f64()),
        p50_ms: window.place.ms(0.5),
        p99_ms: window.place.ms(0.99),
        errors: window.errors_total(),
        cpu_us_per_order: cpu_us_per_order(&cpu, &after, window.orders),
    }
}

/// So many customers who each wait for the answer before they order again.
async fn level(stage: &Stage, args: &BenchArgs, in_flight: usize, seed: u64) -> Level {
    let (session, scope) = (&stage.session, stage.scope.child("level"));
    let config = ClosedLoop {
        in_flight,
        time: args.level_time,
        seed,
    };
    drop(session.stats().turn());
    let (cpu, stores) = (stage.supervisor.cpu_time(), scrape::scrape(stage).await);
    let took = closed_loop(&scope, session, config).await;
    let after = stage.supervisor.cpu_time();
    let stores_after = scrape::scrape(stage).await;
    let window = session.stats().turn();
    let per_order = cpu_us_per_order(&cpu, &after, window.orders);
    let orders_per_s = window.orders as f64 / took.as_secs_f64();
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let used: Option<f64> = per_order.values().copied().sum();
    scope.close(Duration::from_secs(1)).await;
    Level {
        in_flight,
        orders_per_s: round(orders_per_s),
        p50_ms: window.place.ms(0.5),
        p99_ms: window.place.ms(0.99),
        errors: window.errors_total(),
        cpu_share: used.map(|used| round(used * orders_per_s / 1e6 / cores as f64)),
        cpu_us_per_order: per_order,
        stores: scrape::between(&stores, &stores_after, window.orders, took),
    }
}
