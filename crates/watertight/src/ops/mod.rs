//! The ops thread: admin port, signals and figures on a runtime of their own.
//!
//! It answers when every worker is stuck, and it can end the process when the
//! work runtime can't. It also looks after the tasks of the whole process: which
//! are dead, which don't go, which don't give their worker back.

mod names;
mod orphans;
mod runtimes;
mod signals;
mod stalled;
mod survey;
mod tasks;

pub(crate) use survey::in_steps;
pub(crate) use tasks::TaskWatch;

use crate::config::Reloader;
use crate::files::Asks;
use crate::health::GrpcHealth;
use crate::server::{PlainTcp, Routes, Server, ServerConfig};
use crate::telemetry::traces::Exporter;
use crate::{ListenerTag, Readiness, Running, Scope, StartError, admin, telemetry};
use signals::Signals;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::runtime::{Runtime, RuntimeMetrics};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use watertight_core::race;

/// How often figures of the process are read, also if nobody scrapes.
const FIGURES: Duration = Duration::from_secs(5);
/// How often gRPC health is brought up to date with readiness.
const HEALTH: Duration = Duration::from_secs(1);
/// How often somebody looks whether another log filter had its time.
const FILTER: Duration = Duration::from_secs(1);
/// How often all tasks are looked through.
const SURVEY: Duration = Duration::from_secs(1);
/// How often somebody looks whether each worker gets on.
const STALLS: Duration = Duration::from_millis(50);

/// The handle of the ops thread.
#[derive(Debug)]
pub(crate) struct Ops {
    addr: SocketAddr,
    /// The signal that asked for shutdown, `""` before.
    asked: watch::Receiver<&'static str>,
    stop: CancellationToken,
    thread: JoinHandle<()>,
}

/// What there is of the ops thread before it has anything to do: SIGHUP ends a
/// process that doesn't listen, and whoever sends it may be early.
#[derive(Debug)]
pub(crate) struct Early {
    runtime: OpsRuntime,
    hangup: Signal,
}

/// May be dropped on the work runtime, where dropping a bare one panics.
#[derive(Debug)]
struct OpsRuntime(Option<Runtime>);

impl OpsRuntime {
    fn run(mut self, duty: Duty) {
        if let Some(runtime) = self.0.take() {
            runtime.block_on(duty.run());
            runtime.shutdown_timeout(Duration::from_millis(100));
        }
    }
}

impl Drop for OpsRuntime {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

impl Early {
    /// Listens from now on. What is sent before the thread starts is done then.
    pub(crate) fn listen() -> Result<Self, StartError> {
        let failed = |source| StartError::Thread {
            what: "ops thread",
            source,
        };
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(failed)?;
        let hangup = {
            let _context = runtime.enter();
            signal(SignalKind::hangup()).map_err(failed)?
        };
        let runtime = OpsRuntime(Some(runtime));
        Ok(Self { runtime, hangup })
    }
}

/// What the thread works with.
struct Duty {
    admin: TcpListener,
    readiness: Readiness,
    health: GrpcHealth,
    signals: Signals,
    hangup: Signal,
    tasks: Arc<TaskWatch>,
    shutdown_max: Box<dyn Fn() -> Duration + Send>,
    reloader: Arc<Reloader>,
    files: Asks,
    asked: watch::Sender<&'static str>,
    exporter: Option<Exporter>,
    stop: CancellationToken,
}

impl Ops {
    /// Starts the thread; `admin` has been bound already, so that a taken port
    /// is an error at start. `work` is the runtime on which the service runs.
    #[expect(clippy::disallowed_methods, reason = "Ops::stop joins it")]
    pub(crate) fn start(
        early: Early,
        admin: TcpListener,
        running: &mut Running,
        work: RuntimeMetrics,
    ) -> Result<Self, StartError> {
        let Early { runtime, hangup } = early;
        let failed = |source| StartError::Thread {
            what: "ops thread",
            source,
        };
        let addr = admin.local_addr().map_err(failed)?;
        let signals = {
            let _context = runtime.0.as_ref().map(Runtime::enter);
            Signals::listen().map_err(failed)?
        };
        let own = runtime.0.as_ref().map(|own| ("ops", own.metrics()));
        let runtimes = own.into_iter().chain([("work", work)]).collect();
        let chassis = running.configured.chassis.clone();
        let tasks = TaskWatch::new(running.scope().name(), runtimes, chassis);
        let (sender, asked) = watch::channel("");
        let stop = CancellationToken::new();
        let duty = Duty {
            admin,
            readiness: running.readiness().clone(),
            health: running.health.clone(),
            signals,
            hangup,
            tasks: Arc::new(tasks),
            shutdown_max: Box::new(running.shutdown_limit()),
            reloader: Arc::clone(&running.configured.reloader),
            files: running.files.asks().clone(),
            asked: sender,
            exporter: running.take_exporter(),
            stop: stop.clone(),
        };
        let thread = std::thread::Builder::new()
            .name("ops".to_owned())
            .spawn(move || runtime.run(duty))
            .map_err(failed)?;
        Ok(Self {
            addr,
            asked,
            stop,
            thread,
        })
    }

    pub(crate) fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Waits for the first signal that asks for shutdown.
    pub(crate) async fn shutdown_asked(&self) -> &'static str {
        let mut asked = self.asked.clone();
        match asked.wait_for(|signal| !signal.is_empty()).await {
            Ok(signal) => *signal,
            // The thread is gone: without signals and health, better end in order.
            Err(_) => "ops thread ended",
        }
    }

    /// Ends the thread and waits for it; it sends the last traces before.
    pub(crate) fn stop(self) {
        self.stop.cancel();
        if self.thread.join().is_err() {
            tracing::error!("ops thread panicked");
        }
    }
}

impl Duty {
    async fn run(mut self) {
        let scope = Scope::root("ops");
        let config = ServerConfig {
            metrics: false,
            ..ServerConfig::default()
        };
        let router = admin::router(
            self.readiness.clone(),
            Arc::clone(&self.reloader),
            Arc::clone(&self.tasks),
        );
        let server = Server::new(&scope, config, Routes::http(router));
        if let Err(error) = server.listen(self.admin, ListenerTag("admin"), PlainTcp) {
            tracing::error!(%error, "admin port does not work");
        }
        scope.every("process figures", FIGURES, move |_| {
            telemetry::collect();
            async {}
        });
        let tasks = Arc::clone(&self.tasks);
        scope.every("task survey", SURVEY, move |_| {
            let tasks = Arc::clone(&tasks);
            async move { tasks.survey().await }
        });
        let tasks = Arc::clone(&self.tasks);
        scope.every("stall monitor", STALLS, move |_| {
            tasks.look_for_stalls();
            async {}
        });
        scope.every("log filter", FILTER, move |_| {
            telemetry::tick();
            async {}
        });
        let health = self.health.clone();
        scope.every("grpc health", HEALTH, move |_| {
            let health = health.clone();
            async move { health.refresh().await }
        });
        let exporting = self.exporter.take();
        let exporting = exporting.map(|exporter| exporter.start(&scope));
        let signals = self.signals.serve(&self.asked, &self.shutdown_max);
        let changes = notice_changes(&self.reloader, &self.files);
        let hangups = notice_hangups(&mut self.hangup, &self.files);
        let end = race(signals, self.stop.cancelled());
        race(end, race(changes, hangups)).await;
        if let Some(exporting) = exporting {
            exporting.finish().await;
        }
        scope.cancel();
    }
}

/// Has the configuration read again when it may have changed; not here, as this
/// thread must not wait for files.
async fn notice_changes(reloader: &Reloader, files: &Asks) {
    loop {
        reloader.changed().await;
        files.change().await;
    }
}

/// The same on SIGHUP, also while a look is under way.
async fn notice_hangups(hangup: &mut Signal, files: &Asks) {
    // `None` never comes: the signal is listened to for as long as the process lives.
    while hangup.recv().await.is_some() {
        files.hangup();
    }
    std::future::pending().await
}
