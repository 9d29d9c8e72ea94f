//! Shutting down while clients hold on: how long a process takes to end.

mod hostile;

use std::{
    process::ExitCode,
    time::{Duration, Instant},
};

use serde::Serialize;
use watertight::Scope;

use crate::{
    error::Error,
    process::Server,
    serve::Kind,
    tls::{Client, Identity},
};
use hostile::Hostile;

/// Beyond the limit, until a process is killed: so that the page says by how
/// much it was too late.
const OVERTIME: Duration = Duration::from_secs(30);

/// Arguments of `shutdown`.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct ShutdownArgs {
    /// How often a server is started, surrounded and told to end
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u64).range(1..=10_000))]
    runs: u64,
    /// Clients of each kind
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..=200))]
    crowd: u64,
    /// What requests get to finish, in milliseconds
    #[arg(long, default_value_t = 300, value_parser = clap::value_parser!(u64).range(0..=60_000))]
    drain_ms: u64,
    /// What is cancelled gets to be dropped, in milliseconds
    #[arg(long, default_value_t = 1_000, value_parser = clap::value_parser!(u64).range(0..=60_000))]
    abort_ms: u64,
    /// Writes one object as the last line of stdout, all else to stderr
    #[arg(long)]
    json: bool,
}

/// The last line of `shutdown --json`.
#[derive(Debug, Serialize)]
struct Ended {
    runs: u64,
    /// Runs that ended by themselves, well, and within the limit.
    within: u64,
    limit_ms: u64,
    p50_ms: u64,
    max_ms: u64,
    /// Clients around a server when it was told to end.
    clients: usize,
    /// What was wrong with the others.
    late: Vec<String>,
}

/// Runs it; the exit code says whether every process ended in time.
///
/// # Errors
///
/// If a process can't be started, or there is no certificate.
pub(crate) fn shutdown(args: &ShutdownArgs) -> Result<ExitCode, Error> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(Error::Runtime)?;
    let ended = runtime.block_on(all(args))?;
    let line = format!(
        "{} of {} runs ended within {} ms, {} clients holding on: p50 {} ms, longest {} ms",
        ended.within, ended.runs, ended.limit_ms, ended.clients, ended.p50_ms, ended.max_ms
    );
    eprintln!("{line}");
    for late in &ended.late {
        eprintln!("TOO LATE: {late}");
    }
    if args.json {
        crate::tell(&ended);
    }
    let well = ended.within == ended.runs;
    Ok(if well {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

async fn all(args: &ShutdownArgs) -> Result<Ended, Error> {
    let identity = Identity::new().map_err(Error::Tls)?;
    let limit = Duration::from_millis(args.drain_ms + args.abort_ms);
    let (mut times, mut late, mut clients) = (Vec::new(), Vec::new(), 0);
    for run in 1..=args.runs {
        // Plain text and TLS in turn.
        let tls = run.is_multiple_of(2).then_some(&identity);
        let around = surround(args, tls, limit).await?;
        clients = clients.max(around.clients);
        times.push(around.took);
        if let Some(why) = around.wrong {
            late.push(format!("run {run}: {why}"));
        }
    }
    times.sort();
    let ms = |time: Option<&Duration>| {
        let ms = time.map_or(0, Duration::as_millis);
        u64::try_from(ms).unwrap_or(u64::MAX)
    };
    Ok(Ended {
        runs: args.runs,
        within: args.runs - late.len() as u64,
        limit_ms: ms(Some(&limit)),
        p50_ms: ms(times.get(times.len() / 2)),
        max_ms: ms(times.last()),
        clients,
        late,
    })
}

/// One run.
struct Around {
    clients: usize,
    took: Duration,
    /// Why it doesn't count as well ended.
    wrong: Option<String>,
}

async fn surround(
    args: &ShutdownArgs,
    tls: Option<&Identity>,
    limit: Duration,
) -> Result<Around, Error> {
    let mut flags = vec![
        format!("--drain={}ms", args.drain_ms),
        "--unready=0s".to_owned(),
        // That requests were cut off is what is wanted.
        "--log=error".to_owned(),
    ];
    flags.extend(tls.into_iter().flat_map(Identity::flags));
    let server = Server::start(Kind::Edge, &flags).await?;
    let scope = Scope::root("hostile");
    let mut clients = 0;
    for hostile in Hostile::all(tls.is_some()) {
        let tls = match (tls, hostile.shakes_hands()) {
            (Some(identity), Some(protocol)) => {
                Some(Client::new(&identity.cert, protocol).map_err(Error::Tls)?)
            }
            _ => None,
        };
        for _ in 0..args.crowd {
            let held = hostile.open(server.addr, tls.as_ref()).await;
            let name = hostile.name;
            let held = held.map_err(|error| Error::Measure(format!("{name}: {error}")))?;
            scope.spawn_idle("hostile", held.hold(scope.clone()));
            clients += 1;
        }
    }
    let begin = Instant::now();
    let status = server.terminate(limit + OVERTIME).await;
    let took = begin.elapsed();
    scope.close(Duration::ZERO).await;
    let wrong = match status {
        None => Some("it had to be killed".to_owned()),
        Some(status) if !status.success() => Some(status.to_string()),
        Some(_well) => (took > limit).then(|| format!("{} ms", took.as_millis())),
    };
    Ok(Around {
        clients,
        took,
        wrong,
    })
}
