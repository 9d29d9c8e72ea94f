//! A started service, and its orderly end.

use crate::app::Hook;
use crate::config::{ChassisSettings, Configured, Live, Reloader};
use crate::files::{Asks, FileThread};
use crate::health::GrpcHealth;
use crate::server::tls::ServiceAcceptor;
use crate::server::{Routes, RustlsAcceptor, Server, ServerConfig, Tls, bind};
use crate::telemetry::tell_build;
use crate::telemetry::traces::{self, Exporter, Exporting, FLUSH_MAX};
use crate::{App, ListenerTag, Readiness, Scope, StartError, Stragglers};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;
use watertight_core::{BlockingLimits, Deadline, Tracer, pause};

/// The longest a shutdown hook may take.
const HOOK_MAX: Duration = Duration::from_secs(10);

/// A service that listens.
///
/// End it with [`Running::shutdown`]. Dropping it cancels all that it runs, at once:
/// nothing goes on without an owner.
#[must_use = "a running service is ended with shutdown()"]
pub struct Running {
    scope: Scope,
    clients: Scope,
    server: Server,
    listeners: Vec<(ListenerTag, SocketAddr)>,
    tls: Option<Tls>,
    readiness: Readiness,
    pub(crate) health: GrpcHealth,
    hooks: Vec<(&'static str, Hook)>,
    pub(crate) configured: Configured,
    pub(crate) files: FileThread,
    /// Until somebody exports what it gets.
    exporter: Option<Exporter>,
    /// On this runtime.
    exporting: Option<Exporting>,
    _ends: Ends,
}

impl App {
    /// Binds the listeners, starts the jobs and serves, on the calling runtime
    /// and without admin port, signals or ready file: what tests use, and what
    /// [`crate::run`] builds on.
    ///
    /// # Errors
    ///
    /// [`StartError::Config`], [`StartError::Tls`], [`StartError::Bind`],
    /// [`StartError::Reflection`], [`StartError::Thread`].
    ///
    /// # Cancel safety
    ///
    /// Not safe to drop midway: what had been started goes on until its scope
    /// is closed. It doesn't wait for anything outside, so there is no need to.
    pub async fn start(mut self) -> Result<Running, StartError> {
        let configured = self.configured()?;
        let chassis = configured.chassis.load();
        let (reporter, health_service) = tonic_health::server::health_reporter();
        self.grpc = self.grpc.add_service(health_service);
        self = self.add_reflection()?;
        let mut names = self.grpc_names.clone();
        names.push("grpc.health.v1.Health");
        let config = ServerConfig {
            metrics: self.counted,
            ..ServerConfig::from(&*chassis)
        };
        let routes = Routes::new(self.grpc, names, self.http).with_timeouts(self.timeouts);
        tell_build(self.name, configured.version);
        let (tracer, exporter) = traces::set_up(self.name, configured.version, &chassis).unzip();
        if let Some(tracer) = &tracer {
            trace(&self.scope, tracer, &configured.reloader);
        }
        let server = Server::traced(&self.scope, config, routes, tracer);
        follow(&server, &configured.reloader);

        let files = self.tls.or_else(|| chassis.tls_files());
        let tls = files.map(Tls::load).transpose()?;
        let acceptor = match &tls {
            Some(tls) => ServiceAcceptor::Tls(RustlsAcceptor::new(tls.clone())),
            None => ServiceAcceptor::Plain,
        };
        let mut addrs = vec![(chassis.listen, ListenerTag("main"))];
        addrs.append(&mut self.listeners);
        let mut bound = Vec::with_capacity(addrs.len());
        for (addr, tag) in addrs {
            bound.push((tag, bind(addr)?));
        }
        let mut listeners = Vec::with_capacity(bound.len());
        for (tag, listener) in bound {
            let addr = server.listen(listener, tag, acceptor.clone())?;
            listeners.push((tag, addr));
        }
        let failed = |source| StartError::Thread {
            what: "thread of the files",
            source,
        };
        let files = FileThread::start(Arc::clone(&configured.reloader), tls.clone());
        let files = files.map_err(failed)?;
        if let Some(tls) = &tls {
            watch_files(&self.scope, tls, files.asks().clone());
        }
        for job in self.jobs {
            job(&self.scope);
        }
        let health = GrpcHealth::new(reporter, self.grpc_names, self.readiness.clone());
        health.refresh().await;
        Ok(Running {
            _ends: Ends([self.scope.clone(), self.clients.clone()]),
            scope: self.scope,
            clients: self.clients,
            server,
            listeners,
            tls,
            readiness: self.readiness,
            health,
            hooks: self.hooks,
            configured,
            files,
            exporter,
            exporting: None,
        })
    }

    fn add_reflection(mut self) -> Result<Self, StartError> {
        if self.descriptors.is_empty() {
            return Ok(self);
        }
        let mut builder = tonic_reflection::server::Builder::configure()
            .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET);
        // Without these a client that knows nothing can't read the error details.
        let details = tonic_types::pb::FILE_DESCRIPTOR_SET;
        for descriptors in self.descriptors.iter().chain([&details]) {
            builder = builder.register_encoded_file_descriptor_set(descriptors);
        }
        let service = builder
            .build_v1()
            .map_err(|error| StartError::Reflection(error.into()))?;
        self = self.grpc(service);
        Ok(self)
    }
}

/// Takes over new limits.
fn follow(server: &Server, reloader: &Reloader) {
    let set_limits = server.limits();
    reloader.now_and_then(move |chassis| set_limits(ServerConfig::from(chassis)));
    reloader.now_and_then(|chassis| BlockingLimits::from(chassis).set());
}

/// Records what `scope` does, and takes over new settings.
fn trace(scope: &Scope, tracer: &Tracer, reloader: &Reloader) {
    scope.set_tracer(tracer.clone());
    let set = tracer.clone();
    reloader.now_and_then(move |chassis| {
        set.set(traces::sampling(chassis), chassis.trace_slow_after);
    });
}

/// Has new certificates taken over as they appear.
fn watch_files(scope: &Scope, tls: &Tls, asks: Asks) {
    scope.every("tls", tls.poll(), move |_scope| {
        asks.tls();
        std::future::ready(())
    });
}

impl Running {
    /// Sends traces to their collector, if one is set, on the calling runtime
    /// until [`Running::shutdown`]. [`crate::run`] has its own thread for that.
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime.
    pub fn export_traces(&mut self) {
        let exporter = self.exporter.take();
        self.exporting = exporter.map(|exporter| exporter.start(&self.clients));
    }

    /// The same for whoever does it elsewhere.
    pub(crate) fn take_exporter(&mut self) -> Option<Exporter> {
        self.exporter.take()
    }

    /// The address of the main listener, with the real port.
    #[must_use]
    pub fn addr(&self) -> SocketAddr {
        // `start` binds the main listener first, so the list is never empty.
        self.listeners[0].1
    }

    /// `http://` or `https://` and the main listener's address.
    #[must_use]
    pub fn url(&self) -> String {
        let scheme = self.tls.as_ref().map_or("http", |_tls| "https");
        format!("{scheme}://{}", self.addr())
    }

    /// The TLS set-up, to reload it at once: its files are looked at from time
    /// to time anyway. `None` without TLS.
    #[must_use]
    pub fn tls(&self) -> Option<&Tls> {
        self.tls.as_ref()
    }

    /// The other listeners, by tag.
    pub fn also(&self) -> impl Iterator<Item = (&'static str, SocketAddr)> {
        self.listeners[1..].iter().map(|(tag, addr)| (tag.0, *addr))
    }

    /// The service's root scope.
    #[must_use]
    pub fn scope(&self) -> &Scope {
        &self.scope
    }

    /// Readiness, as `/readyz` reports it.
    #[must_use]
    pub fn readiness(&self) -> &Readiness {
        &self.readiness
    }

    /// The server, for its counters.
    #[must_use]
    pub fn server(&self) -> &Server {
        &self.server
    }

    /// Brings gRPC health up to date with readiness at once; the ops thread
    /// does so every second.
    ///
    /// # Cancel safety
    ///
    /// Some services may have been updated and others not; call again.
    pub async fn refresh_health(&self) {
        self.health.refresh().await;
    }

    /// How long [`Running::shutdown`] takes at most.
    #[must_use]
    pub fn shutdown_max(&self) -> Duration {
        self.shutdown_limit()()
    }

    /// The same for whoever outlives this value; it follows the settings.
    pub(crate) fn shutdown_limit(&self) -> impl Fn() -> Duration + Send + Sync + 'static {
        let hooks = u32::try_from(self.hooks.len()).unwrap_or(u32::MAX);
        let chassis: Live<ChassisSettings> = self.configured.chassis.clone();
        // One second each for the connections, the jobs and the clients to be dropped,
        // and for traces what their last batches may take;
        // what the thread of the files takes is less than they leave over.
        let fixed = Duration::from_secs(3) + FLUSH_MAX + HOOK_MAX.saturating_mul(hooks);
        move || {
            let chassis = chassis.load();
            chassis.unready + chassis.drain + fixed
        }
    }

    /// Ends the service in order and says which tasks would not go:
    ///
    /// 1. not ready, in `/readyz` and gRPC health; wait `--unready` for
    ///    balancers to notice;
    /// 2. stop accepting, GOAWAY; requests have until the end of `--drain`;
    /// 3. the service's jobs have what is left of it;
    /// 4. shutdown hooks, in order; then the last traces, if they are exported here;
    /// 5. client connections, then the thread that looks at files.
    ///
    /// Nothing can remain: a request is a child of its connection's scope, that
    /// of the server's, that of the service's root; each step closes a scope,
    /// and closing ends in cancellation.
    ///
    /// # Cancel safety
    ///
    /// Not safe: steps that were not reached don't happen.
    pub async fn shutdown(mut self) -> Stragglers {
        let (unready, drain) = {
            let chassis = self.configured.chassis.load();
            (chassis.unready, chassis.drain)
        };
        self.readiness.drain();
        self.health.refresh().await;
        let _over = pause(unready).await;
        let end = Instant::now() + drain;
        let connections = self.server.shutdown(drain).await;
        let left = end.saturating_duration_since(Instant::now());
        let jobs = self.scope.close(left).await;
        self.run_hooks().await;
        if let Some(exporting) = self.exporting.take() {
            exporting.finish().await;
        }
        let clients = self.clients.close(Duration::ZERO).await;
        for (what, stragglers) in [
            ("connections", connections),
            ("jobs", jobs.clone()),
            ("clients", clients),
        ] {
            if !stragglers.is_empty() {
                tracing::warn!(what, count = stragglers.len(), %stragglers, "stragglers at shutdown");
            }
        }
        self.files.end().await;
        tracing::info!("stopped");
        jobs
    }

    async fn run_hooks(&mut self) {
        for (hook, f) in self.hooks.drain(..) {
            if Deadline::after(HOOK_MAX).run(f()).await.is_err() {
                tracing::error!(
                    hook,
                    seconds_max = HOOK_MAX.as_secs(),
                    "shutdown hook cut off"
                );
            }
        }
    }
}

/// Cancels the scopes of a service that is dropped without a shutdown.
struct Ends([Scope; 2]);

impl Drop for Ends {
    fn drop(&mut self) {
        self.0.iter().for_each(Scope::cancel);
    }
}

impl std::fmt::Debug for Running {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Running")
            .field("scope", &self.scope)
            .field("listeners", &self.listeners)
            .finish_non_exhaustive()
    }
}
