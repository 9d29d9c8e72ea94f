//! The service being built: what it serves, what it runs, what it needs to be ready.

use crate::client::{ClassTimes, GrpcChannel, GrpcChannelBuilder, HttpClient};
use crate::config::{Configured, Inputs, Live, NoSettings, Settings, Source};
use crate::{ConfigError, ListenerTag, Readiness, RouteTimeouts, Scope, TlsFiles};
use axum::response::IntoResponse;
use futures_util::future::BoxFuture;
use std::collections::HashMap;
use std::convert::Infallible;
use std::ffi::OsString;
use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tonic::server::NamedService;
use tower_service::Service;
use watertight_core::{Detached, DetachedLimits};

pub(crate) type Hook = Box<dyn FnOnce() -> BoxFuture<'static, ()> + Send>;
type Job = Box<dyn FnOnce(&Scope) + Send>;

/// A service under construction.
///
/// [`crate::run`] makes one and hands it to the closure, which adds what the
/// service consists of and gives it back. Tests make their own with
/// [`App::new`] and start it in-process with [`App::start`].
#[must_use = "an App does nothing until it is returned to run() or started"]
pub struct App {
    pub(crate) name: &'static str,
    inputs: Inputs,
    configured: Option<Configured>,
    pub(crate) scope: Scope,
    /// Client connections: closed after everything that may still call out.
    pub(crate) clients: Scope,
    classes: ClassTimes,
    pub(crate) grpc: tonic::service::Routes,
    pub(crate) grpc_names: Vec<&'static str>,
    pub(crate) descriptors: Vec<&'static [u8]>,
    pub(crate) http: axum::Router,
    pub(crate) timeouts: HashMap<Box<str>, RouteTimeouts>,
    pub(crate) listeners: Vec<(SocketAddr, ListenerTag)>,
    pub(crate) tls: Option<TlsFiles>,
    pub(crate) jobs: Vec<Job>,
    pub(crate) readiness: Readiness,
    pub(crate) hooks: Vec<(&'static str, Hook)>,
    /// Whether requests are counted and timed.
    pub(crate) counted: bool,
}

impl App {
    /// An empty service; `args[0]` is the program's name, as in
    /// [`std::env::args_os`].
    pub fn new(name: &'static str, args: Vec<OsString>) -> Self {
        Self::from_inputs(Inputs::of_process(name, args))
    }

    pub(crate) fn from_inputs(inputs: Inputs) -> Self {
        let name = inputs.program;
        Self {
            name,
            inputs,
            configured: None,
            scope: Scope::root(name),
            clients: Scope::root("clients"),
            classes: ClassTimes::default(),
            grpc: tonic::service::Routes::default(),
            grpc_names: Vec::new(),
            descriptors: Vec::new(),
            http: axum::Router::new(),
            timeouts: HashMap::new(),
            listeners: Vec::new(),
            tls: None,
            jobs: Vec::new(),
            readiness: Readiness::default(),
            hooks: Vec::new(),
            counted: true,
        }
    }

    /// Reads the chassis' settings together with the service's own `C`, from
    /// the files, the environment and the command line.
    ///
    /// # Errors
    ///
    /// [`ConfigError::Help`], [`ConfigError::Checked`] and
    /// [`ConfigError::Invalid`]: return them, and [`crate::run`] prints them.
    pub fn config<C: Settings>(&mut self) -> Result<C, ConfigError> {
        Ok(C::clone(&*self.live::<C>()?.load()))
    }

    /// The same settings as values that a reload changes: SIGHUP, or a file
    /// that says something else than before. Read with one call, they and
    /// those of [`App::config`] are the same.
    ///
    /// # Errors
    ///
    /// As [`App::config`].
    pub fn live<C: Settings>(&mut self) -> Result<Live<C>, ConfigError> {
        let known = self.configured.as_ref().and_then(Configured::own::<C>);
        if let Some(live) = known {
            return Ok(live);
        }
        let (configured, own) = Configured::new::<C>(&self.inputs)?;
        self.classes.follow(&configured.chassis);
        self.configured = Some(configured);
        Ok(own)
    }

    /// Adds a place where settings come from, stronger than files and weaker than
    /// the environment. Its changes are taken over as those of files are. Call it
    /// before [`App::config`] and [`App::live`]: what has been read stays as it
    /// is. The threads of the work runtime (`workers`) have been started by then,
    /// so these it can't set.
    pub fn source(mut self, source: impl Source) -> Self {
        self.inputs.sources.push(Arc::new(source));
        self
    }

    /// What the process runs with; read here if the service has no settings of
    /// its own.
    pub(crate) fn configured(&mut self) -> Result<Configured, ConfigError> {
        if let Some(configured) = &self.configured {
            return Ok(configured.clone());
        }
        let (configured, _none) = Configured::new::<NoSettings>(&self.inputs)?;
        self.classes.follow(&configured.chassis);
        self.configured = Some(configured.clone());
        Ok(configured)
    }

    /// The service's root scope: owner of background work, closed at shutdown.
    #[must_use]
    pub fn scope(&self) -> &Scope {
        &self.scope
    }

    /// Readiness, for parts of the service that find out by themselves.
    #[must_use]
    pub fn readiness(&self) -> &Readiness {
        &self.readiness
    }

    /// Adds a gRPC service. The standard health service is there by itself and
    /// follows readiness.
    pub fn grpc<S>(mut self, service: S) -> Self
    where
        S: Service<http::Request<tonic::body::Body>, Error = Infallible>
            + NamedService
            + Clone
            + Send
            + Sync
            + 'static,
        S::Response: IntoResponse,
        S::Future: Send + 'static,
    {
        self.grpc = self.grpc.add_service(service);
        self.grpc_names.push(S::NAME);
        self
    }

    /// Serves gRPC reflection for an encoded `FileDescriptorSet`.
    pub fn reflection(mut self, descriptors: &'static [u8]) -> Self {
        self.descriptors.push(descriptors);
        self
    }

    /// Adds HTTP routes. Called again, it adds more.
    ///
    /// # Panics
    ///
    /// If two of them overlap, as [`axum::Router::merge`] says.
    pub fn http(mut self, router: axum::Router) -> Self {
        self.http = self.http.merge(router);
        self
    }

    /// Gives one path deadlines of its own, where the server's are too short or
    /// too long: an exact HTTP path (not a template), or a gRPC method as
    /// `/package.Service/Method`. Called again for a path, it replaces them.
    ///
    /// They bound the whole request, also a response that goes on: the server's
    /// limit for streams doesn't hold for such a path.
    pub fn route_timeouts(mut self, path: &str, timeouts: RouteTimeouts) -> Self {
        self.timeouts.insert(path.into(), timeouts);
        self
    }

    /// Serves the same routes on another address; handlers tell listeners
    /// apart by the [`ListenerTag`], which is an extractor.
    pub fn also_listen(mut self, addr: SocketAddr, tag: &'static str) -> Self {
        self.listeners.push((addr, ListenerTag(tag)));
        self
    }

    /// Serves TLS, and nothing else, on all of the service's listeners, instead
    /// of what the settings `tls_cert` and `tls_key` say. The admin port stays
    /// as it is.
    pub fn tls(mut self, files: TlsFiles) -> Self {
        self.tls = Some(files);
        self
    }

    /// Runs `f` in the background, see [`Scope::every`]; starts with the server.
    pub fn every<F, Fut>(mut self, name: &'static str, period: Duration, f: F) -> Self
    where
        F: FnMut(Scope) -> Fut + Send + 'static,
        Fut: Future<Output = ()> + Send + 'static,
    {
        self.jobs
            .push(Box::new(move |scope| scope.every(name, period, f)));
        self
    }

    /// A place for short work after the response, such as an audit log, see
    /// [`Detached`]. `state` is what the work needs; it lives as long as the service.
    ///
    /// # Limits
    ///
    /// Those of `limits`, for this place. Shutting down waits for what runs and waits
    /// in it, as for jobs.
    ///
    /// # Metrics
    ///
    /// `detached_total{pool,outcome}`, `detached_tasks{pool,state}`,
    /// `detached_tasks_max{pool,state}`.
    #[must_use]
    pub fn detached<S>(&self, name: &'static str, state: S, limits: DetachedLimits) -> Detached<S>
    where
        S: Send + Sync + 'static,
    {
        Detached::new(&self.scope, name, state, limits)
    }

    /// Adds a readiness check; it runs on the ops thread and must not block.
    pub fn ready_when(
        self,
        name: &'static str,
        check: impl Fn() -> Result<(), String> + Send + Sync + 'static,
    ) -> Self {
        self.readiness.add(name, check);
        self
    }

    /// Runs `f` at shutdown, when requests and jobs have ended; in the order
    /// of registration, each for ten seconds at most.
    pub fn on_shutdown<F, Fut>(mut self, name: &'static str, f: F) -> Self
    where
        F: FnOnce() -> Fut + Send + 'static,
        Fut: Future<Output = ()> + Send + 'static,
    {
        self.hooks.push((name, Box::new(move || Box::pin(f()))));
        self
    }

    /// Serves without counting and timing requests, to measure what that costs.
    /// No setting: a service that nobody can see is not to be had by mistake.
    #[doc(hidden)]
    pub fn uncounted(mut self) -> Self {
        self.counted = false;
        self
    }

    /// A gRPC channel to another service; connects at the first call.
    ///
    /// # Errors
    ///
    /// [`ConfigError::Url`].
    pub fn client(&self, name: &'static str, url: &str) -> Result<GrpcChannel, ConfigError> {
        self.client_builder(name, url).connect_lazy()
    }

    /// The same with settings of its own, such as a
    /// [`DeadlineClass`](crate::DeadlineClass), whose time is what the chassis'
    /// settings say.
    pub fn client_builder(&self, name: &'static str, url: &str) -> GrpcChannelBuilder {
        GrpcChannel::builder(name, url)
            .scope(self.clients.clone())
            .classes(self.classes.clone())
    }

    /// A pooled HTTP/1 client for services outside.
    #[must_use]
    pub fn http_client(&self, name: &'static str) -> HttpClient {
        HttpClient::on_scope(name, self.clients.clone(), self.classes.clone())
    }
}

impl fmt::Debug for App {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("App")
            .field("name", &self.name)
            .field("grpc", &self.grpc_names)
            .field("listeners", &self.listeners)
            .finish_non_exhaustive()
    }
}
