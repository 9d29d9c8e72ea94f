//! The ops thread: admin port, signals and upkeep on a runtime of their own.
//!
//! It answers when every worker is stuck, and it can end the process when the
//! work runtime can't.

use crate::health::GrpcHealth;
use crate::server::{PlainTcp, Routes, Server, ServerConfig};
use crate::{ListenerTag, Readiness, Running, Scope, StartError, admin, telemetry};
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::runtime::Runtime;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// How often histograms are drained and process figures are read.
const UPKEEP: Duration = Duration::from_secs(5);
/// How often gRPC health is brought up to date with readiness.
const HEALTH: Duration = Duration::from_secs(1);
/// What an orderly shutdown may take beyond its own sum of limits.
const OVERTIME: Duration = Duration::from_secs(2);

/// The handle of the ops thread.
#[derive(Debug)]
pub(crate) struct Ops {
    addr: SocketAddr,
    /// The signal that asked for shutdown, `""` before.
    asked: watch::Receiver<&'static str>,
    stop: CancellationToken,
    thread: JoinHandle<()>,
}

/// What the thread works with.
struct Duty {
    admin: TcpListener,
    readiness: Readiness,
    health: GrpcHealth,
    signals: Signals,
    work: Scope,
    shutdown_max: Duration,
    asked: watch::Sender<&'static str>,
    stop: CancellationToken,
}

impl Ops {
    /// Starts the thread; `admin` has been bound already, so that a taken port
    /// is an error at start.
    pub(crate) fn start(admin: TcpListener, running: &Running) -> Result<Self, StartError> {
        let failed = |source| StartError::Thread {
            what: "ops thread",
            source,
        };
        let addr = admin.local_addr().map_err(failed)?;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(failed)?;
        let signals = Signals::listen(&runtime).map_err(failed)?;
        let (sender, asked) = watch::channel("");
        let stop = CancellationToken::new();
        let duty = Duty {
            admin,
            readiness: running.readiness().clone(),
            health: running.health.clone(),
            signals,
            work: running.scope().clone(),
            shutdown_max: running.shutdown_max(),
            asked: sender,
            stop: stop.clone(),
        };
        let thread = std::thread::Builder::new()
            .name("ops".to_owned())
            .spawn(move || {
                runtime.block_on(duty.run());
                runtime.shutdown_timeout(Duration::from_millis(100));
            })
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

    /// Ends the thread and waits for it.
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
        let server = Server::new(
            &scope,
            config,
            Routes::http(admin::router(self.readiness.clone())),
        );
        if let Err(error) = server.listen(self.admin, ListenerTag("admin"), PlainTcp) {
            tracing::error!(%error, "admin port does not work");
        }
        let work = self.work.clone();
        scope.every("metrics upkeep", UPKEEP, move |_| {
            telemetry::upkeep();
            metrics::gauge!("tasks").set(work.tasks() as f64);
            async {}
        });
        let health = self.health.clone();
        scope.every("grpc health", HEALTH, move |_| {
            let health = health.clone();
            async move { health.refresh().await }
        });
        tokio::select! {
            () = self.signals.serve(&self.asked, self.shutdown_max) => {}
            () = self.stop.cancelled() => {}
        }
        scope.cancel();
    }
}

/// The signals that end a service.
#[derive(Debug)]
struct Signals {
    interrupt: Signal,
    terminate: Signal,
}

impl Signals {
    /// Listens from now on: before anybody is told that the service is ready,
    /// or a signal sent right then would still end the process the hard way.
    fn listen(runtime: &Runtime) -> io::Result<Self> {
        let _context = runtime.enter();
        let interrupt = signal(SignalKind::interrupt())?;
        let terminate = signal(SignalKind::terminate())?;
        Ok(Self {
            interrupt,
            terminate,
        })
    }

    /// First signal: ask for shutdown. Second, or a shutdown that overstays
    /// its limits: end the process, whatever the work runtime is doing.
    async fn serve(&mut self, asked: &watch::Sender<&'static str>, shutdown_max: Duration) {
        let (first, _) = self.next().await;
        asked.send_replace(first);
        tokio::select! {
            (name, code) = self.next() => {
                tracing::warn!(signal = name, "second signal, ending at once");
                end_process(code);
            }
            () = tokio::time::sleep(shutdown_max + OVERTIME) => {
                tracing::error!("shutdown did not end in time, ending the process");
                end_process(1);
            }
        }
    }

    async fn next(&mut self) -> (&'static str, i32) {
        tokio::select! {
            _ = self.interrupt.recv() => ("SIGINT", 130),
            _ = self.terminate.recv() => ("SIGTERM", 143),
        }
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the work runtime is stuck: no destructor would run"
)]
fn end_process(code: i32) -> ! {
    telemetry::flush();
    std::process::exit(code)
}
