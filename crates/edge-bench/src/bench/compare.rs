//! Two variants under the same load, in turn.

use std::time::Duration;

use super::{RunArgs, figures::Comparison};
use crate::{
    error::Error,
    load::{Protocol, Sample},
    process::{Server, ask},
    serve::Kind,
};

/// A load by hand-made requests.
#[derive(Clone, Copy, Debug)]
pub(super) struct Load {
    pub(super) protocol: Protocol,
    connections: usize,
    streams: usize,
}

/// Enough to keep both cores busy, then too little for that.
pub(super) const HTTP: [Load; 3] = [
    load(Protocol::Http, 64, 1),
    load(Protocol::Http, 16, 1),
    load(Protocol::Http, 1, 1),
];

pub(super) const GRPC: [Load; 3] = [
    load(Protocol::Grpc, 8, 16),
    load(Protocol::Grpc, 16, 1),
    load(Protocol::Grpc, 1, 1),
];

/// Connections and calls in flight of the chassis' own client.
const CHANNEL: [(usize, usize); 6] = [(1, 1), (1, 16), (1, 64), (4, 1), (4, 16), (4, 64)];

const fn load(protocol: Protocol, connections: usize, streams: usize) -> Load {
    Load {
        protocol,
        connections,
        streams,
    }
}

impl std::fmt::Display for Load {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} × {}", self.connections, self.streams)
    }
}

/// HTTP/JSON on the edge and on bare axum.
pub(super) async fn http(args: &RunArgs) -> Result<Vec<Comparison>, Error> {
    let edge = Server::start(Kind::Edge, &[]).await?;
    let bare = Server::start(Kind::Axum, &[]).await?;
    by_load(args, &HTTP, ["edge", "axum"], [&edge, &bare]).await
}

/// gRPC on the edge and on bare tonic.
pub(super) async fn grpc(args: &RunArgs) -> Result<Vec<Comparison>, Error> {
    let edge = Server::start(Kind::Edge, &[]).await?;
    let bare = Server::start(Kind::Tonic, &[]).await?;
    by_load(args, &GRPC, ["edge", "tonic"], [&edge, &bare]).await
}

/// gRPC on the edge, with the yield and without.
pub(super) async fn server_yield(args: &RunArgs) -> Result<Vec<Comparison>, Error> {
    let flag = |on| [format!("--batch-writes={on}")];
    let with = Server::start(Kind::Edge, &flag(true)).await?;
    let without = Server::start(Kind::Edge, &flag(false)).await?;
    by_load(args, &GRPC, ["yield", "no yield"], [&with, &without]).await
}

async fn by_load(
    args: &RunArgs,
    loads: &[Load],
    names: [&'static str; 2],
    servers: [&Server; 2],
) -> Result<Vec<Comparison>, Error> {
    let mut all = Vec::new();
    for (index, load) in loads.iter().enumerate() {
        // The first is the one that there is an aim for.
        let seconds = if index == 0 {
            args.seconds
        } else {
            args.seconds / 2.0
        };
        let measure = |which: usize| measure(seconds, *load, servers[which]);
        all.push(in_turn(args, load.to_string(), names, measure).await?);
    }
    Ok(all)
}

/// A client process with the yield and without; the server is the same.
pub(super) async fn client_yield(args: &RunArgs) -> Result<Vec<Comparison>, Error> {
    let server = Server::start(Kind::Edge, &[]).await?;
    let mut all = Vec::new();
    for (connections, in_flight) in CHANNEL {
        let measure = |which| {
            channel(
                args.seconds / 2.0,
                &server,
                connections,
                in_flight,
                which == 0,
            )
        };
        let load = format!("{connections} connection(s), {in_flight} in flight");
        all.push(in_turn(args, load, ["yield", "no yield"], measure).await?);
    }
    Ok(all)
}

/// A B, B A, A B …: whatever drifts, drifts for both.
async fn in_turn<F>(
    args: &RunArgs,
    load: String,
    names: [&'static str; 2],
    measure: impl Fn(usize) -> F,
) -> Result<Comparison, Error>
where
    F: Future<Output = Result<Sample, Error>>,
{
    let mut pairs = Vec::new();
    for run in 0..args.runs {
        pairs.push(if run % 2 == 0 {
            let first = measure(0).await?;
            [first, measure(1).await?]
        } else {
            let second = measure(1).await?;
            [measure(0).await?, second]
        });
    }
    let comparison = Comparison { load, names, pairs };
    super::progress(&comparison);
    Ok(comparison)
}

pub(super) async fn measure(seconds: f64, load: Load, server: &Server) -> Result<Sample, Error> {
    let words = [
        "load".to_owned(),
        load.protocol.name().to_owned(),
        format!("--addr={}", server.addr),
        format!("--pid={}", server.pid),
        format!("--connections={}", load.connections),
        format!("--streams={}", load.streams),
        format!("--seconds={}", seconds),
    ];
    ask(words, Duration::from_secs_f64(seconds)).await
}

async fn channel(
    seconds: f64,
    server: &Server,
    connections: usize,
    in_flight: usize,
    batch_writes: bool,
) -> Result<Sample, Error> {
    let words = [
        "channel".to_owned(),
        format!("--addr={}", server.addr),
        format!("--pid={}", server.pid),
        format!("--connections={connections}"),
        format!("--in-flight={in_flight}"),
        format!("--seconds={}", seconds),
        format!("--batch-writes={batch_writes}"),
    ];
    ask(words, Duration::from_secs_f64(seconds)).await
}
