//! Memory of connections on which nothing happens.

use std::time::Duration;

use tokio::time::Instant;

use super::{RunArgs, figures::Idle};
use crate::{
    error::Error,
    idle::Crowd,
    load::{Protocol, Sample, seconds},
    process::{Helper, Server, ask},
    rest::rest,
    serve::Kind,
    system,
    tls::Identity,
};

/// Making so many connections takes a few seconds on any machine that works.
const OPEN_MAX: Duration = Duration::from_secs(60);

/// Connections before those that count.
const FIRST: usize = 64;

/// Between two looks whether the server has seen them go.
const LOOK: Duration = Duration::from_millis(10);

/// File descriptors that a process needs for itself.
const SPARE_FILES: u64 = 200;

/// Who is asked, and how.
#[derive(Clone, Copy, Debug)]
struct Case {
    protocol: Protocol,
    kind: Kind,
    tls: bool,
}

/// Of the bare servers, axum speaks no TLS by itself.
const CASES: [Case; 6] = [
    case(Protocol::Http, Kind::Edge, false),
    case(Protocol::Http, Kind::Axum, false),
    case(Protocol::Grpc, Kind::Edge, false),
    case(Protocol::Grpc, Kind::Tonic, false),
    case(Protocol::Http, Kind::Edge, true),
    case(Protocol::Grpc, Kind::Edge, true),
];

const fn case(protocol: Protocol, kind: Kind, tls: bool) -> Case {
    Case {
        protocol,
        kind,
        tls,
    }
}

impl Case {
    fn name(self) -> &'static str {
        match (self.protocol, self.tls) {
            (Protocol::Http, false) => "HTTP/1",
            (Protocol::Http, true) => "HTTP/1, TLS",
            (Protocol::Grpc, false) => "HTTP/2",
            (Protocol::Grpc, true) => "HTTP/2, TLS",
        }
    }
}

/// Each case in each size.
pub(super) async fn idle(args: &RunArgs, open_files: u64) -> Result<Vec<Idle>, Error> {
    let most = usize::try_from(open_files.saturating_sub(SPARE_FILES)).unwrap_or(usize::MAX);
    let identity = Identity::new().map_err(Error::Tls)?;
    let mut all = Vec::new();
    for case in CASES {
        for &connections in &args.idle {
            let mut idle = one(args, case, &identity, connections.min(most)).await?;
            idle.asked = connections;
            eprintln!(
                "{} idle {} connections on {}: {:.1} KiB each",
                idle.open,
                idle.protocol,
                idle.server,
                idle.kib_each()
            );
            all.push(idle);
        }
    }
    Ok(all)
}

async fn one(
    args: &RunArgs,
    case: Case,
    identity: &Identity,
    connections: usize,
) -> Result<Idle, Error> {
    let mut flags = flags(case.kind, connections);
    if case.tls {
        flags.extend(identity.flags());
    }
    let server = Server::start(case.kind, &flags).await?;
    let crowd = async |connections| {
        let mut crowd = start(case, identity, &server, connections)?;
        let _answered: Crowd = crowd.answer(OPEN_MAX).await?;
        Ok::<_, Error>(crowd)
    };
    let files = || system::files_of(server.pid).unwrap_or(0);
    // What a process allocates with its first connections belongs to none of them.
    let files_before = files();
    crowd(FIRST).await?.kill().await;
    let end = Instant::now() + OPEN_MAX;
    while files() > files_before && Instant::now() < end {
        rest(LOOK).await;
    }
    rest(seconds(args.settle)).await;
    let before_bytes = server.rss_bytes();
    let files_before = files();
    let mut crowd = crowd(connections).await?;
    // What opening them took beyond what they keep goes back to the system.
    rest(seconds(args.settle)).await;
    let after_bytes = server.rss_bytes();
    // The server's own count: it may have found that some took too long.
    let open = files().saturating_sub(files_before);
    crowd.kill().await;
    server.stop().await;
    Ok(Idle {
        server: case.kind.name(),
        protocol: case.name(),
        asked: connections,
        open,
        before_bytes,
        after_bytes,
    })
}

fn start(
    case: Case,
    identity: &Identity,
    server: &Server,
    connections: usize,
) -> Result<Helper, Error> {
    let mut words = vec![
        "idle".to_owned(),
        case.protocol.name().to_owned(),
        format!("--addr={}", server.addr),
        format!("--connections={connections}"),
    ];
    if case.tls {
        words.push(format!("--tls-cert={}", identity.cert.display()));
    }
    Helper::start(words)
}

/// The bare servers have no limits that could be raised.
pub(super) fn flags(kind: Kind, connections: usize) -> Vec<String> {
    match kind {
        // On a slow machine the last are made when the first would be closed.
        Kind::Edge => vec![
            format!("--connections-max={}", connections + 100),
            "--header-timeout=5m".to_owned(),
        ],
        Kind::Axum | Kind::Tonic | Kind::Sink => Vec::new(),
    }
}

/// What a process allocates with its first requests belongs to no connection.
pub(super) async fn warm_up(protocol: Protocol, server: &Server) -> Result<(), Error> {
    let words = [
        "load".to_owned(),
        protocol.name().to_owned(),
        format!("--addr={}", server.addr),
        format!("--pid={}", server.pid),
        "--connections=8".to_owned(),
        "--seconds=0.2".to_owned(),
        "--warm-up=0.1".to_owned(),
    ];
    ask::<Sample>(words, Duration::ZERO).await.map(drop)
}
