//! How long a cancellation takes: from the reset at the edge to the drop of the
//! deepest handler, over three services.

use std::{
    net::Ipv4Addr,
    path::Path,
    process::Stdio,
    time::{Duration, Instant},
};

use hdrhistogram::Histogram;
use serde::Serialize;
use shop_proto::orders::{
    GetOrderRequest, WatchOrderRequest, orders_service_client::OrdersServiceClient,
};
use tokio::{
    net::UdpSocket,
    process::{Child, Command},
};
use tonic::transport::{Channel, Endpoint};
use watertight_core::{Deadline, Either, Scope, race};

use super::relay::{Told, now_ns, parse};
use crate::{stage::DemoError, supervise::cpu_time};

/// Services in a row.
const HOPS: usize = 3;

/// Between two calls: so that nothing but the cancellation is measured, and the
/// processors are mostly idle.
const PAUSE: Duration = Duration::from_millis(10);

/// A relay that isn't there by then won't come.
const READY_MAX: Duration = Duration::from_secs(20);

/// Between two looks whether it is.
const READY_PERIOD: Duration = Duration::from_millis(5);

/// A drop that takes longer than this has been forgotten.
const DROP_MAX: Duration = Duration::from_secs(5);

/// Calls before the first that counts.
const WARM_UP: u64 = 50;

/// The longest that is told apart, in microseconds.
const LATENCY_US_MAX: u64 = 60_000_000;

/// What is cancelled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    /// A unary call whose answer doesn't come.
    StalledRead,
    /// A stream that has said something and is silent now.
    Watch,
}

impl Kind {
    /// Both.
    pub(super) const ALL: [Self; 2] = [Self::StalledRead, Self::Watch];

    /// In reports.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::StalledRead => "stalled_read",
            Self::Watch => "watch_order",
        }
    }
}

/// What was measured of one kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub(super) struct Latency {
    pub(super) samples: u64,
    /// Handlers that were not dropped in five seconds.
    pub(super) forgotten: u64,
    pub(super) p50_ms: f64,
    pub(super) p99_ms: f64,
    pub(super) max_ms: f64,
    /// Part of all processors that client and services used meanwhile.
    pub(super) cpu_share: Option<f64>,
}

/// Three services in a row, and a client of the first.
struct Row {
    relays: Vec<Child>,
    client: OrdersServiceClient<Channel>,
    reports: UdpSocket,
}

/// Measures so many cancellations of each kind.
///
/// # Errors
///
/// [`DemoError`] if the services can't be started, or a call doesn't arrive.
///
/// # Cancel safety
///
/// Dropped, the processes end.
pub(super) async fn measure(
    scope: &Scope,
    dir: &Path,
    samples: u64,
) -> Result<Vec<(Kind, Latency)>, DemoError> {
    let mut row = Row::start(scope, dir).await?;
    let mut measured = Vec::new();
    for kind in Kind::ALL {
        row.sample(scope, kind, WARM_UP).await?;
        measured.push((kind, row.sample(scope, kind, samples).await?));
    }
    row.stop().await;
    Ok(measured)
}

fn failed(why: impl std::fmt::Display) -> DemoError {
    DemoError::Usage(format!(
        "the latency of cancellation can't be measured: {why}"
    ))
}

impl Row {
    async fn start(scope: &Scope, dir: &Path) -> Result<Self, DemoError> {
        let reports = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))
            .await
            .map_err(failed)?;
        let report = reports.local_addr().map_err(failed)?.to_string();
        let (mut relays, mut next) = (Vec::new(), None::<String>);
        for hop in 0..HOPS {
            let ready = dir.join(format!("relay-{hop}.json"));
            let mut command = Command::new(std::env::current_exe().map_err(failed)?);
            command.args(["relay", "--report", &report]);
            if let Some(url) = &next {
                command.args(["--next", url]);
            }
            command.args([
                "--",
                "--listen",
                "127.0.0.1:0",
                "--unready",
                "0s",
                "--log",
                "warn",
            ]);
            command.arg("--ready-file").arg(&ready);
            let child = command
                .stdin(Stdio::piped())
                // Its log is for whoever watches; our own stdout may be for a program.
                .stdout(std::io::stderr())
                .process_group(0)
                .kill_on_drop(true)
                .spawn();
            relays.push(child.map_err(failed)?);
            next = Some(listens(scope, &ready).await?);
        }
        let url = next.unwrap_or_default();
        let channel = Endpoint::from_shared(url)?.connect_lazy();
        Ok(Self {
            relays,
            client: OrdersServiceClient::new(channel),
            reports,
        })
    }

    async fn stop(self) {
        for mut relay in self.relays {
            // Gone already is as good.
            relay.kill().await.unwrap_or_default();
        }
    }

    async fn sample(
        &mut self,
        scope: &Scope,
        kind: Kind,
        samples: u64,
    ) -> Result<Latency, DemoError> {
        let mut histogram =
            Histogram::<u64>::new_with_bounds(1, LATENCY_US_MAX, 3).map_err(failed)?;
        let (begin, cpu) = (Instant::now(), self.cpu());
        let mut forgotten = 0;
        for call in 0..samples {
            scope.pause(PAUSE).await.map_err(failed)?;
            let left_ns = match kind {
                Kind::StalledRead => self.leave_read(call).await?,
                Kind::Watch => self.leave_watch(call).await?,
            };
            match self
                .told(call, |told| matches!(told, Told::Dropped(_)))
                .await
            {
                Ok(Told::Dropped(at_ns)) => {
                    let us = u64::try_from((at_ns - left_ns) / 1_000).unwrap_or(0);
                    histogram.saturating_record(us.max(1));
                }
                Ok(Told::Begun) | Err(_) => forgotten += 1,
            }
        }
        let ms = |us: u64| us as f64 / 1e3;
        Ok(Latency {
            samples,
            forgotten,
            p50_ms: ms(histogram.value_at_quantile(0.5)),
            p99_ms: ms(histogram.value_at_quantile(0.99)),
            max_ms: ms(histogram.max()),
            cpu_share: share(cpu, self.cpu(), begin.elapsed()),
        })
    }

    /// Calls, waits until the last handler is there, and leaves; when that was.
    async fn leave_read(&mut self, call: u64) -> Result<i64, DemoError> {
        let mut client = self.client.clone();
        let request = GetOrderRequest {
            order_id: call.to_string(),
        };
        let mut read = Box::pin(client.get_order(request));
        let begun = self.told(call, |told| told == Told::Begun);
        match race(read.as_mut(), begun).await {
            Either::Left(answer) => return Err(failed(format_args!("{answer:?}"))),
            Either::Right(begun) => begun?,
        };
        let left_ns = now_ns();
        drop(read);
        Ok(left_ns)
    }

    async fn leave_watch(&mut self, call: u64) -> Result<i64, DemoError> {
        let request = WatchOrderRequest {
            order_id: call.to_string(),
        };
        let mut changes = self
            .client
            .watch_order(request)
            .await
            .map_err(failed)?
            .into_inner();
        // What it says first is there; now it is silent.
        changes.message().await.map_err(failed)?;
        self.told(call, |told| told == Told::Begun).await?;
        let left_ns = now_ns();
        drop(changes);
        Ok(left_ns)
    }

    /// What the last service tells of a call; what it tells of others is late.
    async fn told(&self, call: u64, wanted: impl Fn(Told) -> bool) -> Result<Told, DemoError> {
        let mut datagram = [0; 64];
        let told = async {
            loop {
                let length = self.reports.recv(&mut datagram).await.map_err(failed)?;
                match datagram.get(..length).and_then(parse) {
                    Some((of, told)) if of == call && wanted(told) => return Ok(told),
                    _ => {}
                }
            }
        };
        let told = Deadline::after(DROP_MAX).run(told).await;
        told.map_err(|_passed| failed("a handler doesn't tell"))?
    }

    /// Of the client and the services.
    fn cpu(&self) -> Option<Duration> {
        let relays = self.relays.iter().map(|relay| cpu_time(relay.id()?));
        relays.chain([cpu_time(std::process::id())]).sum()
    }
}

fn share(before: Option<Duration>, after: Option<Duration>, time: Duration) -> Option<f64> {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let used = after?.checked_sub(before?)?.as_secs_f64();
    let share = used / time.as_secs_f64().max(1e-9) / cores as f64;
    Some((share * 1e3).round() / 1e3)
}

/// The URL of a process, once its ready file is there.
async fn listens(scope: &Scope, ready: &Path) -> Result<String, DemoError> {
    let end = Deadline::after(READY_MAX);
    loop {
        let text = std::fs::read(ready).ok();
        let ready = text.and_then(|text| serde_json::from_slice::<serde_json::Value>(&text).ok());
        let addr = ready
            .as_ref()
            .and_then(|ready| ready.get("listen")?.as_str());
        if let Some(addr) = addr {
            return Ok(format!("http://{addr}"));
        }
        if end.has_passed() {
            return Err(failed("a relay doesn't listen"));
        }
        scope.pause(READY_PERIOD).await.map_err(failed)?;
    }
}
