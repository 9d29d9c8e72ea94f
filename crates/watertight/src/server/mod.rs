//! One accept loop for HTTP/1, HTTP/2 and gRPC.
//!
//! ```text
//! accept ─► caps ─► Acceptor (handshake deadline) ─► preface (first-byte deadline) ─► hyper http1 | http2, hardened
//!        ─► deadline ─► scope ─► gRPC routes | HTTP routes ─► body under the scope ─► metrics
//! ```

mod accept;
mod acceptor;
mod body;
mod budget;
mod caps;
mod config;
mod connection;
mod control;
mod date;
mod drive;
mod explain;
mod faults;
mod fields;
mod finish;
mod frames;
mod head_timer;
mod life;
mod link;
mod listen;
mod respond;
mod routes;
mod seen;
mod series;
mod service;
mod sniff;
mod spans;
mod streams;
pub(crate) mod tls;
mod upload;
mod watched;
mod wire;

use crate::catalogue::{self, Sampled};
use crate::series::{CONNECTIONS_MAX, REQUESTS, REQUESTS_MAX};
use crate::{Scope, Stragglers};
pub use acceptor::{Acceptor, PlainTcp};
use arc_swap::ArcSwap;
pub(crate) use budget::{Budget, DeadlineCounts};
pub use config::{RouteTimeouts, ServerConfig};
pub(crate) use control::{Alarm, Control};
pub(crate) use finish::GRPC_STATUS;
pub use listen::bind;
pub(crate) use respond::Answer;
pub(crate) use routes::Memory;
pub use routes::Routes;
pub(crate) use seen::Seen;
pub(crate) use series::{Series, SeriesTable, UNMATCHED};
pub use tls::{RustlsAcceptor, Tls, TlsError, TlsFiles};

use crate::{BindError, ListenerTag};
use caps::PerOrigin;
use faults::FaultLog;
use std::net::{SocketAddr, TcpListener};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio_util::sync::CancellationToken;
use watertight_core::{Label, Tracer};

/// How many requests that were cut off are named in the log at shutdown.
const CUT_MAX: usize = 32;

/// A server: routes, limits, and the connections it has.
#[derive(Debug)]
pub struct Server {
    shared: Arc<Shared>,
    /// `None` for the admin port, which doesn't count itself.
    _sampled: Option<Sampled>,
}

/// What all connections of a server share.
#[derive(Debug)]
pub(crate) struct Shared {
    /// Loaded once per connection and once per request.
    config: ArcSwap<ServerConfig>,
    routes: Routes,
    /// Whether requests are counted.
    metrics: bool,
    deadlines: DeadlineCounts,
    /// Owner of accept loops and connections.
    scope: Scope,
    /// Parent of the requests' scopes. Not the connections': those are closed
    /// first, and a request being drained may still spawn.
    requests: Scope,
    /// Cancelled: stop accepting, finish what runs.
    stop: CancellationToken,
    connections: AtomicUsize,
    origins: Mutex<PerOrigin>,
    /// Requests between their headers and the end of their responses.
    in_flight: AtomicUsize,
    /// Requests that ended because their connections were cut off.
    cut: Mutex<Vec<(String, Duration)>>,
    faults: FaultLog,
    /// Records requests, if anybody collects traces.
    tracer: Option<Tracer>,
}

impl Server {
    /// A server that doesn't listen yet; its tasks belong to a child of `scope`.
    #[must_use]
    pub fn new(scope: &Scope, config: ServerConfig, routes: Routes) -> Self {
        Self::traced(scope, config, routes, None)
    }

    /// The same, whose requests are recorded.
    pub(crate) fn traced(
        scope: &Scope,
        config: ServerConfig,
        routes: Routes,
        tracer: Option<Tracer>,
    ) -> Self {
        let requests = scope.child("request");
        requests.set_label(Label::of(UNMATCHED));
        let shared = Shared {
            metrics: config.metrics,
            config: ArcSwap::from_pointee(config),
            routes,
            deadlines: DeadlineCounts::default(),
            scope: scope.child("server"),
            requests,
            stop: CancellationToken::new(),
            connections: AtomicUsize::new(0),
            origins: Mutex::default(),
            in_flight: AtomicUsize::new(0),
            cut: Mutex::default(),
            faults: FaultLog::default(),
            tracer,
        };
        let shared = Arc::new(shared);
        let shown = Arc::downgrade(&shared);
        let show = move || {
            if let Some(shared) = shown.upgrade() {
                shared.show();
            }
        };
        Self {
            _sampled: shared.metrics.then(|| catalogue::sample(show)),
            shared,
        }
    }

    /// Starts to accept from `listener`; the address, with the real port, is
    /// returned. May be called for several listeners.
    ///
    /// # Errors
    ///
    /// [`BindError`] if the listener can't be used by the runtime.
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime.
    pub fn listen<A: Acceptor>(
        &self,
        listener: TcpListener,
        tag: ListenerTag,
        acceptor: A,
    ) -> Result<SocketAddr, BindError> {
        let (listener, addr) = listen::register(listener)?;
        let shared = Arc::clone(&self.shared);
        self.shared
            .scope
            .spawn_idle("accept", accept::accept(shared, listener, tag, acceptor));
        Ok(addr)
    }

    /// What changes the limits of this server: those of new connections and
    /// new requests. What is under way keeps the ones it began with.
    pub(crate) fn limits(&self) -> impl Fn(ServerConfig) + Send + Sync + 'static {
        let shared = Arc::clone(&self.shared);
        move |config| shared.config.store(Arc::new(config))
    }

    /// Open connections, all listeners together.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.shared.connections.load(Ordering::Relaxed)
    }

    /// Requests in flight, all connections together.
    #[must_use]
    pub fn in_flight(&self) -> usize {
        self.shared.in_flight.load(Ordering::Relaxed)
    }

    /// Stops accepting, tells every connection to finish (GOAWAY), waits up to
    /// `drain` for them, and cuts off the rest. Requests that were cut off are
    /// named in the log.
    ///
    /// # Limits
    ///
    /// `drain` plus one second; afterwards nothing of the server runs, but a
    /// task stuck inside a poll, which is returned.
    ///
    /// # Cancel safety
    ///
    /// The server doesn't accept any more, but connections may go on; call again.
    pub async fn shutdown(&self, drain: Duration) -> Stragglers {
        self.shared.stop.cancel();
        let stragglers = self.shared.scope.close(drain).await;
        self.shared.requests.cancel();
        let cut = std::mem::take(&mut *self.shared.lock_cut());
        for (request, age) in cut {
            tracing::warn!(
                request,
                age_ms = age.as_millis(),
                "request cut off by shutdown"
            );
        }
        stragglers
    }
}

impl Shared {
    /// What the server has in hand, beside its bounds.
    fn show(&self) {
        let config = self.config.load();
        CONNECTIONS_MAX.get().set(config.connections_max as f64);
        REQUESTS_MAX.get().set(config.requests_max as f64);
        let in_flight = self.in_flight.load(Ordering::Relaxed);
        REQUESTS.get().set(in_flight as f64);
    }

    fn lock_cut(&self) -> std::sync::MutexGuard<'_, Vec<(String, Duration)>> {
        self.cut.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lock_origins(&self) -> std::sync::MutexGuard<'_, PerOrigin> {
        self.origins.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Remembers a request that shutdown cut off.
    fn cut(&self, request: impl FnOnce() -> String, age: Duration) {
        let mut cut = self.lock_cut();
        if cut.len() < CUT_MAX {
            cut.push((request(), age));
        }
    }
}
