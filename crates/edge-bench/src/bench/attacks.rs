//! Attacks: what they cost the server, and what a healthy client feels of them.

use std::time::Duration;

use clap::ValueEnum as _;
use tokio::time::Instant;
use watertight_core::{Either, race};

use super::{
    RunArgs,
    figures::{Attack, Healthy},
    idle,
};
use crate::{
    attack::{Attacked, Name, Shape},
    error::Error,
    load::{Protocol, Sample, seconds},
    process::{Helper, Server, ask},
    rest::{rest, rest_until},
    serve::Kind,
    spin::Spun,
    system,
};

/// A server that has grown by this much has lost; the attack ends.
const GROWTH_MAX: u64 = 1_500_000_000;

/// Between two looks at the server's memory.
const LOOK: Duration = Duration::from_millis(20);

/// Ahead of the attack, so that the healthy client's connections are there.
const AHEAD: Duration = Duration::from_millis(300);

/// What the healthy client doesn't count, as a share: its own beginning and the attack's.
const WARM_UP: f64 = 0.16;

/// Where the healthy client comes from: not where the attack does.
const HEALTHY: &str = "127.0.0.2";

/// Each attack on the edge, and on a bare server.
pub(super) async fn attacks(args: &RunArgs) -> Result<Vec<Attack>, Error> {
    let mut all: Vec<Attack> = Vec::new();
    let mut resting: Vec<Resting> = Vec::new();
    for &name in Name::value_variants() {
        if !args.attacks.is_empty() && !args.attacks.contains(&name) {
            continue;
        }
        for kind in [Kind::Edge, name.shape().bare] {
            let (attack, server) = one(args, name, kind).await?;
            progress(&attack);
            resting.push(Resting {
                attack: all.len(),
                server,
                due: Instant::now() + seconds(args.rest),
            });
            all.push(attack);
            // Meanwhile the next attack is made on another server.
            while resting
                .first()
                .is_some_and(|first| first.due <= Instant::now())
            {
                resting.remove(0).read(&mut all).await;
            }
        }
    }
    for rest in resting {
        rest.read(&mut all).await;
    }
    Ok(all)
}

/// A server after its attack.
struct Resting {
    attack: usize,
    server: Server,
    due: Instant,
}

impl Resting {
    async fn read(self, all: &mut [Attack]) {
        rest_until(self.due).await;
        if let Some(attack) = all.get_mut(self.attack) {
            attack.later_bytes = self.server.rss_bytes();
        }
        self.server.stop().await;
    }
}

async fn one(args: &RunArgs, name: Name, kind: Kind) -> Result<(Attack, Server), Error> {
    let shape = name.shape();
    let protocol = match shape.bare {
        Kind::Axum => Protocol::Http,
        Kind::Tonic | Kind::Edge | Kind::Sink => Protocol::Grpc,
    };
    // Limits as they are by default: they are what is tried.
    let server = Server::start(kind, &[]).await?;
    idle::warm_up(protocol, &server).await?;
    let length = args.attack_seconds * if shape.long { 2.4 } else { 1.0 };
    let before_bytes = server.rss_bytes();
    let mut healthy = healthy(protocol, &server, length)?;
    rest(AHEAD).await;
    let made = make(name, shape, args, &server, length).await?;
    let peak_bytes = system::peak_bytes(server.pid).unwrap_or(0);
    let felt: Option<Sample> = healthy.answer(seconds(length)).await.ok();
    let died = system::rss_bytes(server.pid).is_none();
    let Made {
        attacked,
        sockets_bytes,
        stopped,
    } = made;
    let healthy = match felt {
        Some(attacked_sample) => Some(Healthy {
            attacked: attacked_sample,
            busy: busy(args, protocol, kind, attacked.cores).await?,
        }),
        None => None,
    };
    let attack = Attack {
        name: shape.label,
        server: kind.name(),
        seconds: length,
        before_bytes,
        peak_bytes,
        later_bytes: 0,
        sockets_bytes,
        stopped,
        died,
        opened: attacked.opened,
        cut: attacked.cut,
        sent_bytes: attacked.sent_bytes,
        attacker_cores: attacked.cores,
        healthy,
    };
    Ok((attack, server))
}

/// What an attack was like from outside.
struct Made {
    attacked: Attacked,
    sockets_bytes: u64,
    stopped: bool,
}

/// Attacks, with an eye on the server's memory and the kernel's.
async fn make(
    name: Name,
    shape: Shape,
    args: &RunArgs,
    server: &Server,
    length: f64,
) -> Result<Made, Error> {
    let word = name.to_possible_value();
    let connections = shape.connections.min(args.attackers_max);
    let mut attacker = Helper::start([
        "attack".to_owned(),
        word.map_or_else(String::new, |word| word.get_name().to_owned()),
        format!("--addr={}", server.addr),
        format!("--seconds={length}"),
        format!("--connections={connections}"),
    ])?;
    let begin = server.rss_bytes();
    let mut stopped = false;
    let sockets = || system::sockets_bytes().unwrap_or(0);
    let sockets_before = sockets();
    let mut sockets_bytes = 0;
    let answer = attacker.answer(seconds(length));
    tokio::pin!(answer);
    let attacked = loop {
        if let Either::Left(attacked) = race(&mut answer, rest(LOOK)).await {
            break attacked?;
        }
        sockets_bytes = sockets().saturating_sub(sockets_before).max(sockets_bytes);
        if server.rss_bytes() > begin + GROWTH_MAX && !stopped {
            stopped = true;
            // The attacker tells what it has done so far when the server hangs up.
            server.hang_up();
        }
    };
    Ok(Made {
        attacked,
        sockets_bytes,
        stopped,
    })
}

/// A client that asks two thousand times a second over eight connections.
fn healthy(protocol: Protocol, server: &Server, length: f64) -> Result<Helper, Error> {
    Helper::start([
        "load".to_owned(),
        protocol.name().to_owned(),
        format!("--addr={}", server.addr),
        format!("--pid={}", server.pid),
        "--connections=8".to_owned(),
        "--pace-us=4000".to_owned(),
        format!("--source={HEALTHY}"),
        format!("--warm-up={}", length * WARM_UP),
        format!("--seconds={}", length * (1.0 - WARM_UP)),
    ])
}

/// The same client on an unharmed server, beside as much harmless work as the
/// attacker did: on few cores, an attacker takes CPU from everybody.
async fn busy(args: &RunArgs, protocol: Protocol, kind: Kind, cores: f64) -> Result<Sample, Error> {
    let server = Server::start(kind, &[]).await?;
    idle::warm_up(protocol, &server).await?;
    let length = args.attack_seconds * 0.6;
    let mut healthy = healthy(protocol, &server, length)?;
    let spin = [
        "spin".to_owned(),
        format!("--share={cores}"),
        format!("--seconds={length}"),
    ];
    let _spun: Spun = ask(spin, seconds(length)).await?;
    let sample = healthy.answer(seconds(length)).await?;
    server.stop().await;
    Ok(sample)
}

fn progress(attack: &Attack) {
    let growth = attack.peak_bytes.saturating_sub(attack.before_bytes) as f64 / 1e6;
    let ratio = attack.healthy.as_ref().map_or(f64::NAN, Healthy::ratio);
    eprintln!(
        "{} on {}: +{growth:.1} MB, {} of {} cut, p99 {ratio:.2} times{}",
        attack.name,
        attack.server,
        attack.cut,
        attack.opened,
        if attack.stopped { ", stopped" } else { "" },
    );
}
