//! `demo`: the shop, its customers, a line a second, a verification at the end.

use std::{
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use watertight::config::parse_duration;
use watertight_core::{Deadline, Either, Scope, race};

use crate::{
    check::Findings,
    console::{Console, chain},
    hand,
    load::{OpenLoop, Session, keep_shop, open_loop},
    prometheus::Prometheus,
    report::{self, Ends, RunReport, counts, mib},
    screen::{self, Phase, Screen},
    signals::Signals,
    stage::{DemoError, Setting, Stage, Verified},
    supervise::{DataDir, Ports, Tuning},
};

/// How many ports in a row the shop takes.
const PORTS: u16 = 12;

/// How long a customer waits for an answer.
pub(crate) const CALL_MAX: Duration = Duration::from_secs(10);

/// Calls in flight at most: twelve seconds of the default load.
pub(crate) const IN_FLIGHT_MAX: usize = 4_096;

/// The share of all calls that goes through the gateway, unless it is said.
pub(crate) const HTTP_SHARE: f64 = 0.3;

/// Sets of connections.
pub(crate) const CONNECTIONS: usize = 4;

/// Arguments of the default command.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct RunArgs {
    /// Orders a second; other calls come beside them
    #[arg(long, default_value_t = 50.0, value_parser = rps)]
    pub(crate) rps: f64,
    /// The share of all calls that goes through the gateway
    #[arg(long, default_value_t = HTTP_SHARE, value_parser = share)]
    pub(crate) http_share: f64,
    /// Stops after this time, for example 30s or 5m; without it, on Ctrl-C
    #[arg(long = "for", value_name = "TIME", value_parser = duration)]
    pub(crate) time: Option<Duration>,
    /// Keeps the data here and takes it up again; without it, a temporary directory
    #[arg(long, value_name = "DIR")]
    pub(crate) data: Option<PathBuf>,
    /// The first of twelve ports in a row
    #[arg(long, default_value_t = 7_400, value_name = "PORT")]
    pub(crate) base_port: u16,
    /// Starts a Prometheus that is on this machine, on the port after those twelve
    #[arg(long)]
    pub(crate) with_prometheus: bool,
    /// Places orders alone, without reads, cancellations and repeats
    #[arg(long)]
    pub(crate) orders_only: bool,
    /// What the random choices are drawn from; without it, another one each time
    #[arg(long, value_name = "N")]
    pub(crate) seed: Option<u64>,
    /// Writes one object as the last line of stdout, all else to stderr
    #[arg(long)]
    pub(crate) json: bool,
    /// Writes a line a second where a screen would be drawn
    #[arg(long)]
    pub(crate) plain: bool,
}

/// `30s`, `500ms`, `5m`, `1h`: a duration as the services' settings read it.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    let time = parse_duration(text)?;
    if (TIME_MIN..=TIME_MAX).contains(&time) {
        Ok(time)
    } else {
        Err("must be 1 ms to 10,000 h".to_owned())
    }
}

/// The shortest run.
const TIME_MIN: Duration = Duration::from_millis(1);

/// The longest run.
const TIME_MAX: Duration = Duration::from_hours(10_000);

fn rps(text: &str) -> Result<f64, String> {
    let rps = text.parse().map_err(|_bad| "must be a number")?;
    let range = 0.1..=20_000.0;
    if range.contains(&rps) {
        Ok(rps)
    } else {
        Err("must be 0.1 to 20000".to_owned())
    }
}

/// A part of a whole.
pub(crate) fn share(text: &str) -> Result<f64, String> {
    let share = text.parse().map_err(|_bad| "must be a number")?;
    if (0.0..=1.0).contains(&share) {
        Ok(share)
    } else {
        Err("must be 0 to 1".to_owned())
    }
}

/// A seed: the given one, or any.
pub(crate) fn seed(given: Option<u64>) -> u64 {
    // As JSON numbers are read by many programs: at most 53 bits.
    given.unwrap_or_else(|| rand::random::<u64>() >> 11)
}

/// Runs the demo; `Ok(true)` if all invariants hold.
///
/// # Errors
///
/// [`DemoError`] if the shop can't be started or verified.
///
/// # Cancel safety
///
/// Dropped, the processes end.
pub(crate) async fn run(args: RunArgs) -> Result<bool, DemoError> {
    let console = Console::new(args.json);
    let mut signals = Signals::new()?;
    let load = OpenLoop {
        rps: args.rps,
        http_share: args.http_share,
        orders_only: args.orders_only,
        seed: seed(args.seed),
        in_flight_max: IN_FLIGHT_MAX,
    };
    let setting = Setting {
        console: console.clone(),
        ports: Ports::from_base(args.base_port)?,
        dir: DataDir::open(args.data.as_deref())?,
        tuning: Tuning::default(),
        journal: true,
        connections: CONNECTIONS,
        call_max: CALL_MAX,
        seed: load.seed,
    };
    let Either::Left(stage) = race(Box::pin(Stage::open(setting)), signals.next()).await else {
        return Err(DemoError::Interrupted);
    };
    let stage = stage?;
    let prometheus = args.with_prometheus.then(|| watch(&stage, args.base_port));
    let mut report = RunReport {
        ready_ms: millis(stage.ready),
        ..RunReport::default()
    };
    let wanted = !args.json && !args.plain && screen::is_for_people();
    let screen = wanted.then(|| Screen::open(&stage, &signals));
    let screen = screen.transpose().map_err(DemoError::Screen)?;
    let shown = screen.as_ref();
    let sell = sell(&stage, load, args.time, shown, &mut signals, &mut report);
    let outcome = match race(Box::pin(sell), stage.gave_up()).await {
        Either::Left(outcome) => outcome,
        Either::Right(()) => Ok(None),
    };
    // Before the directory that it writes to is removed.
    if let Some(prometheus) = prometheus.flatten() {
        prometheus.end().await;
    }
    let findings = finish(stage, outcome, &mut report, shown, signals).await;
    // The summary goes to the normal screen.
    drop(screen);
    let findings = findings?;
    report.print(&console);
    report::print_findings(&console, &findings);
    console.object(&report)?;
    Ok(report.invariants_ok)
}

/// Starts a Prometheus, or says how to get one: the shop opens either way.
fn watch(stage: &Stage, base_port: u16) -> Option<Prometheus> {
    let port = base_port.saturating_add(PORTS);
    match Prometheus::start(stage.supervisor.plan(), port) {
        Ok(prometheus) => {
            let url = prometheus.url();
            let console = &stage.console;
            console.line(format_args!("prometheus: {url}"));
            Some(prometheus)
        }
        Err(error) => {
            stage.console.warn(chain(&error));
            None
        }
    }
}

/// Milliseconds as programs like them.
fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

/// Seeds, sells until it is told to stop, waits for what is in flight. Gives
/// when the load ended.
async fn sell(
    stage: &Stage,
    load: OpenLoop,
    time: Option<Duration>,
    screen: Option<&Screen>,
    signals: &mut Signals,
    report: &mut RunReport,
) -> Result<Option<Instant>, DemoError> {
    stage.seed().await?;
    if screen.is_none() {
        hand::print(&stage.console, stage.supervisor.plan());
    }
    say(screen, Phase::Selling);
    let (start, cpu) = (Instant::now(), stage.supervisor.cpu_time());
    let customers = Customers::start(&stage.scope, &stage.session, load);
    let end = time.map(|time| start + time);
    until_end(stage, screen, signals, end).await;
    say(screen, Phase::Settling);
    report.rss_mib = stage.rss_mib();
    customers.stop().await;
    // With what was in flight, as the counts are.
    let took = start.elapsed();
    let total = stage.session.stats().total();
    report.window(&total, took);
    let after = stage.supervisor.cpu_time();
    report.cpu_us_per_order = report::cpu_us_per_order(&cpu, &after, total.orders);
    Ok(Some(Instant::now()))
}

fn say(screen: Option<&Screen>, phase: Phase) {
    if let Some(screen) = screen {
        screen.phase(phase);
    }
}

/// The load and the shop's keeper, in a scope of their own.
pub(crate) struct Customers {
    scope: Scope,
    stop: CancellationToken,
}

impl Customers {
    /// Begins to send calls, and to look after the shelves once a second.
    pub(crate) fn start(owner: &Scope, session: &Arc<Session>, load: OpenLoop) -> Self {
        let scope = owner.child("customers");
        let session = session.clone();
        let stop = session.stop.child_token();
        let (calls, until, customers) = (scope.clone(), stop.clone(), session.clone());
        drop(scope.spawn("open loop", async move {
            open_loop(&calls, &customers, until, load).await
        }));
        let seconds = Arc::new(AtomicU64::new(0));
        scope.every("keep shop", Duration::from_secs(1), move |_scope| {
            let session = session.clone();
            let second = seconds.fetch_add(1, Ordering::Relaxed);
            async move { keep_shop(&session, second).await }
        });
        Self { scope, stop }
    }

    /// Stops the load and waits for what is in flight.
    ///
    /// # Cancel safety
    ///
    /// Dropped, what is in flight goes on.
    pub(crate) async fn stop(self) {
        self.stop.cancel();
        // Calls end by themselves: each has a deadline.
        self.scope.close(CALL_MAX + Duration::from_secs(2)).await;
    }
}

/// A line a second, unless there is a screen, until a signal, the end of the
/// time, or trouble.
async fn until_end(
    stage: &Stage,
    screen: Option<&Screen>,
    signals: &mut Signals,
    end: Option<Instant>,
) {
    let console = &stage.console;
    let start = Instant::now();
    for second in 1_u64.. {
        let next = start + Duration::from_secs(second);
        let last = end.is_some_and(|end| end <= next);
        let line_due = Deadline::at(end.map_or(next, |end| end.min(next)));
        match line_due
            .run(race(signals.next(), stage.session.stop.cancelled()))
            .await
        {
            Err(_passed) => {}
            Ok(Either::Left(())) => {
                console.line(
                    "stopping: waiting for orders under way, then verifying (again: at once)",
                );
                return;
            }
            Ok(Either::Right(())) => return,
        }
        if !screen.is_some_and(Screen::is_up) {
            console.line(line(stage, second));
        }
        if last {
            return;
        }
    }
}

fn line(stage: &Stage, second: u64) -> String {
    let window = stage.session.stats().turn();
    let ms = |ms: Option<f64>| ms.map_or("-".to_owned(), |ms| format!("{ms:.1}"));
    let violations = stage.session.keeper.findings().total();
    let stock_seen = stage.session.seen().shelves.is_some();
    let invariants = match (violations, stock_seen) {
        (0, true) => "ok".to_owned(),
        (0, false) => "ok, stock not seen".to_owned(),
        (violated, _) => format!("{violated} VIOLATED"),
    };
    format!(
        "{second:>5} s  {:>4} orders/s  {:>5} calls/s  p50 {:>5} ms  p99 {:>5} ms  \
         errors {}  rss MiB {}  invariants {invariants}",
        window.orders,
        window.calls,
        ms(window.place.ms(0.5)),
        ms(window.place.ms(0.99)),
        counts(&window.errors),
        mib(&stage.rss_mib()),
    )
}

/// Verifies unless something went wrong before, stops the shop.
async fn finish(
    stage: Stage,
    outcome: Result<Option<Instant>, DemoError>,
    report: &mut RunReport,
    screen: Option<&Screen>,
    mut signals: Signals,
) -> Result<Findings, DemoError> {
    report.restarts = stage.supervisor.deaths();
    let verified = match outcome {
        Ok(Some(since)) => {
            stage
                .console
                .line("verifying from outside: orders, stock, payments, the provider's ledger");
            say(screen, Phase::Verifying);
            match race(Box::pin(stage.verify(since)), signals.next()).await {
                Either::Left(verified) => verified,
                Either::Right(()) => Err(DemoError::Interrupted),
            }
        }
        Ok(None) => Err(stage.why_gave_up()),
        Err(error) => Err(error),
    };
    let ends = Ends::of(&stage.session.keeper.book());
    say(screen, Phase::Closing);
    let stopped = stage.close().await;
    let mut verified: Verified = verified?;
    verified.findings.merge(stopped?);
    report.ends(ends);
    report.verified(&verified);
    Ok(verified.findings)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read() {
        assert_eq!(duration("30s"), Ok(Duration::from_secs(30)));
        assert_eq!(duration("250ms"), Ok(Duration::from_millis(250)));
        assert_eq!(duration("2h"), Ok(Duration::from_secs(7_200)));
        for bad in [
            "",
            "s",
            "-1s",
            "0s",
            "7",
            "417d",
            "99999999999h",
            "18446744073709551615h",
        ] {
            assert!(duration(bad).is_err(), "{bad}");
        }
        for bad in ["0", "-1", "NaN", "inf", "x", "20001"] {
            assert!(rps(bad).is_err(), "{bad}");
        }
        assert_eq!([share("0"), share("1")], [Ok(0.0), Ok(1.0)]);
        for bad in ["-0.1", "1.1", "NaN", "x"] {
            assert!(share(bad).is_err(), "{bad}");
        }
    }
}
