//! The service being built: what it serves, what it runs, what it needs to be ready.

use crate::args::{self, ChassisArgs, NoArgs};
use crate::client::{GrpcChannel, HttpClient};
use crate::{ConfigError, ListenerTag, Readiness, Scope};
use axum::response::IntoResponse;
use futures_util::future::BoxFuture;
use std::convert::Infallible;
use std::ffi::OsString;
use std::fmt;
use std::net::SocketAddr;
use std::time::Duration;
use tonic::server::NamedService;
use tower_service::Service;

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
    args: Vec<OsString>,
    chassis: Option<ChassisArgs>,
    pub(crate) scope: Scope,
    /// Client connections: closed after everything that may still call out.
    pub(crate) clients: Scope,
    pub(crate) grpc: tonic::service::Routes,
    pub(crate) grpc_names: Vec<&'static str>,
    pub(crate) descriptors: Vec<&'static [u8]>,
    pub(crate) http: axum::Router,
    pub(crate) listeners: Vec<(SocketAddr, ListenerTag)>,
    pub(crate) jobs: Vec<Job>,
    pub(crate) readiness: Readiness,
    pub(crate) hooks: Vec<(&'static str, Hook)>,
}

impl App {
    /// An empty service; `args[0]` is the program's name, as in
    /// [`std::env::args_os`].
    pub fn new(name: &'static str, args: Vec<OsString>) -> Self {
        Self {
            name,
            args,
            chassis: None,
            scope: Scope::root(name),
            clients: Scope::root("clients"),
            grpc: tonic::service::Routes::default(),
            grpc_names: Vec::new(),
            descriptors: Vec::new(),
            http: axum::Router::new(),
            listeners: Vec::new(),
            jobs: Vec::new(),
            readiness: Readiness::default(),
            hooks: Vec::new(),
        }
    }

    /// Parses the chassis' flags together with the service's own `C`.
    ///
    /// # Errors
    ///
    /// [`ConfigError::Arguments`], also for `--help`: return it, and
    /// [`crate::run`] prints it the way clap would.
    pub fn config<C: clap::Args>(&mut self) -> Result<C, ConfigError> {
        let (chassis, own) = args::parse(self.name, &self.args)?;
        self.chassis = Some(chassis);
        Ok(own)
    }

    /// The chassis' flags; parsed here if the service has none of its own.
    pub(crate) fn chassis(&mut self) -> Result<ChassisArgs, ConfigError> {
        match &self.chassis {
            Some(chassis) => Ok(chassis.clone()),
            None => Ok(args::parse::<NoArgs>(self.name, &self.args)?.0),
        }
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

    /// Serves the same routes on another address; handlers tell listeners
    /// apart by the [`ListenerTag`] in the request's extensions.
    pub fn also_listen(mut self, addr: SocketAddr, tag: &'static str) -> Self {
        self.listeners.push((addr, ListenerTag(tag)));
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

    /// A gRPC channel to another service; connects at the first call.
    ///
    /// # Errors
    ///
    /// [`ConfigError::Url`].
    pub fn client(&self, name: &'static str, url: &str) -> Result<GrpcChannel, ConfigError> {
        GrpcChannel::builder(name, url)
            .scope(self.clients.clone())
            .connect_lazy()
    }

    /// A pooled HTTP/1 client for services outside.
    #[must_use]
    pub fn http_client(&self, name: &'static str) -> HttpClient {
        HttpClient::on_scope(name, self.clients.clone())
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
