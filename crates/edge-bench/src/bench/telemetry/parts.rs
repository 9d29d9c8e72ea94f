//! One part of telemetry on, and the same server with it off.

use serde::Serialize;
use watertight_core::{Either, race};

use super::{
    Name, TelemetryArgs,
    scrape::{self, Scraped},
};
use crate::{
    bench::{
        compare::{self, GRPC, HTTP, Load},
        figures::Comparison,
        idle,
    },
    error::Error,
    load::{Protocol, Sample},
    process::{Log, Server},
    serve::Kind,
};

/// What is switched, and what came of it under each load.
#[derive(Debug, Serialize)]
pub(super) struct Part {
    pub(super) what: &'static str,
    pub(super) under: Vec<Under>,
}

/// One load.
#[derive(Debug, Serialize)]
pub(super) struct Under {
    /// On, and off.
    pub(super) comparison: Comparison,
    /// What the servers with the part on did, all together.
    pub(super) did: Did,
}

/// What telemetry did, as its own metrics say.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub(super) struct Did {
    pub(super) counted: f64,
    pub(super) traces: f64,
    pub(super) traces_dropped: f64,
    pub(super) lines: f64,
    pub(super) lines_sampled: f64,
    pub(super) lines_dropped: f64,
}

impl Did {
    fn add(&mut self, scraped: &Scraped) {
        self.counted += COUNTED.map(|name| scraped.sum(name)).iter().sum::<f64>();
        self.traces += scraped.sum(TRACES);
        self.traces_dropped += scraped.sum("traces_dropped_total");
        self.lines += scraped.sum(LINES);
        self.lines_sampled += scraped.sum("log_lines_sampled_total");
        self.lines_dropped += scraped.sum("log_lines_dropped_total");
    }
}

/// Requests, as they are counted over HTTP and over gRPC.
const COUNTED: [&str; 2] = [
    "http_server_request_duration_seconds_count",
    "rpc_server_call_duration_seconds_count",
];
const TRACES: &str = "traces_exported_total";
const LINES: &str = "log_lines_total{level=\"info\"}";

/// A server with some of telemetry.
#[derive(Clone, Copy, Debug, Default)]
struct Side {
    counted: bool,
    scraped: bool,
    traced: bool,
    /// Its handlers have a line to log for each request, at info.
    logs: bool,
    /// And the filter lets it pass.
    info: bool,
    every_line: bool,
}

/// As a service is without a word about telemetry, but for the log's level.
const PLAIN: Side = Side {
    counted: true,
    scraped: false,
    traced: false,
    logs: false,
    info: false,
    every_line: false,
};

/// What is on, what is off, and what it is called.
fn sides(name: Name) -> Option<(&'static str, Side, Side)> {
    let logs = Side {
        logs: true,
        ..PLAIN
    };
    let off = Side {
        counted: false,
        ..logs
    };
    Some(match name {
        Name::Nothing => ("nothing", PLAIN, PLAIN),
        Name::Metrics => {
            let on = Side {
                scraped: true,
                ..PLAIN
            };
            let off = Side {
                counted: false,
                ..PLAIN
            };
            ("metrics", on, off)
        }
        Name::Traces => {
            let on = Side {
                traced: true,
                ..PLAIN
            };
            ("traces", on, PLAIN)
        }
        Name::Logs => ("logs", Side { info: true, ..logs }, logs),
        Name::EveryLine => {
            let on = Side {
                info: true,
                every_line: true,
                ..logs
            };
            ("logs, every line", on, logs)
        }
        Name::All => {
            let on = Side {
                counted: true,
                scraped: true,
                traced: true,
                info: true,
                ..off
            };
            ("all", on, off)
        }
        Name::Pipe => return None,
    })
}

impl Side {
    async fn start(self, sink: &Server) -> Result<Server, Error> {
        let mut own = Vec::new();
        if self.logs {
            own.push("--lines=1".to_owned());
        }
        if !self.counted {
            own.push("--uncounted".to_owned());
        }
        let level = if self.info { "info" } else { "warn" };
        let mut flags = vec![format!("--log={level}")];
        if self.every_line {
            flags.push("--log-site-lines-per-s-max=1000000".to_owned());
        }
        if self.traced {
            // The cap by the second is out of the way: one of a hundred is really sent.
            let flag = |flag: &str| flag.to_owned();
            flags.push(format!("--otlp=http://{}", sink.addr));
            flags.extend([flag("--trace-ratio=1%"), flag("--traces-per-s-max=100000")]);
        }
        Server::start_with(Kind::Edge, &own, &flags, Log::Discarded).await
    }

    /// What must show on such a server after a load, and what must not.
    fn series(self, protocol: Protocol) -> [Vec<&'static str>; 2] {
        let counted = match protocol {
            Protocol::Http => COUNTED[0],
            Protocol::Grpc => COUNTED[1],
        };
        let all = [
            (self.counted, counted),
            (self.traced, TRACES),
            (self.info, LINES),
        ];
        let those = |on| all.iter().filter(move |one| one.0 == on).map(|one| one.1);
        [those(true).collect(), those(false).collect()]
    }

    /// Holds the server to being what it was measured as.
    async fn check(self, server: &Server, load: Load) -> Result<Scraped, Error> {
        let [on, off] = self.series(load.protocol);
        let scraped = scrape::shows(server, &on).await?;
        match off.into_iter().find(|name| scraped.sum(name) > 0.0) {
            Some(name) => Err(Error::Measure(format!("something in {name}: it was on"))),
            None => Ok(scraped),
        }
    }

    async fn measure(self, seconds: f64, load: Load, server: &Server) -> Result<Sample, Error> {
        let sample = compare::measure(seconds, load, server);
        if !self.scraped {
            return sample.await;
        }
        match race(sample, scrape::keep_on(server)).await {
            Either::Left(sample) => sample,
            Either::Right(error) => Err(error),
        }
    }
}

/// All parts that are asked for, each under HTTP and under gRPC.
pub(super) async fn parts(args: &TelemetryArgs) -> Result<Vec<Part>, Error> {
    let sink = Server::start(Kind::Sink, &[]).await?;
    let mut parts = Vec::new();
    for &name in <Name as clap::ValueEnum>::value_variants() {
        let Some((what, on, off)) = sides(name).filter(|_| args.wants(name)) else {
            continue;
        };
        let mut under = Vec::new();
        for (protocol, load) in [("HTTP", HTTP[0]), ("gRPC", GRPC[0])] {
            let one = one(args, load, [on, off], &sink).await?;
            under.push(Under {
                comparison: Comparison {
                    load: format!("{protocol} {load}"),
                    names: ["on", "off"],
                    pairs: one.0,
                },
                did: one.1,
            });
            progress(what, under.last());
        }
        parts.push(Part { what, under });
    }
    Ok(parts)
}

/// Pairs of fresh servers: what one process got by chance, the next doesn't have.
async fn one(
    args: &TelemetryArgs,
    load: Load,
    sides: [Side; 2],
    sink: &Server,
) -> Result<(Vec<[Sample; 2]>, Did), Error> {
    let mut pairs = Vec::new();
    let mut did = Did::default();
    for run in 0..args.runs {
        let servers = [sides[0].start(sink).await?, sides[1].start(sink).await?];
        for server in &servers {
            idle::warm_up(load.protocol, server).await?;
        }
        let measure = |which: usize| sides[which].measure(args.seconds, load, &servers[which]);
        // Whatever drifts, drifts for both.
        pairs.push(if run % 2 == 0 {
            let on = measure(0).await?;
            [on, measure(1).await?]
        } else {
            let off = measure(1).await?;
            [measure(0).await?, off]
        });
        did.add(&sides[0].check(&servers[0], load).await?);
        sides[1].check(&servers[1], load).await?;
        let [on, off] = servers;
        on.stop().await;
        off.stop().await;
    }
    Ok((pairs, did))
}

/// A line for whoever watches.
fn progress(what: &str, under: Option<&Under>) {
    let Some(comparison) = under.map(|under| &under.comparison) else {
        return;
    };
    if let Some(more) = comparison.difference(|sample| sample.server_us) {
        eprintln!(
            "{what}, {}: {:+.2} µs ({:+.2} to {:+.2})",
            comparison.load, more.median, more.min, more.max
        );
    }
}
