//! The gRPC channel: tonic's transport with deadlines around it.

use super::deadline_body::{DeadlineBody, late};
use super::exec::{Calls, ScopeExec};
use super::series::GrpcSeries;
use super::span::CallSpan;
use super::{
    CONNECT_TIMEOUT, ClassTimes, DeadlineClass, Margin, STREAM_IDLE, TIMEOUT_DEFAULT,
    ambient_deadline,
};
use crate::{ConfigError, Deadline, Scope, format_grpc_timeout, parse_grpc_timeout};
use futures_util::future::BoxFuture;
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;
use tonic::Status;
use tonic::body::Body;
use tonic::transport::{Channel, Endpoint};
use tower_service::Service;

const GRPC_TIMEOUT: HeaderName = HeaderName::from_static("grpc-timeout");
/// A connection that answers no ping within this is replaced.
const KEEP_ALIVE_INTERVAL: Duration = Duration::from_secs(20);
const KEEP_ALIVE_TIMEOUT: Duration = Duration::from_secs(5);
/// Flow-control windows: beyond what an internal call carries, so that one
/// large answer doesn't stall the others on the connection.
const STREAM_WINDOW: u32 = 256 * 1024;
const CONNECTION_WINDOW: u32 = 1024 * 1024;

/// A channel to one gRPC service; clones share its connections.
///
/// Generated clients take it as it is: `OrdersServiceClient::new(channel)`.
///
/// Each call is bound by the earlier of the ambient scope's deadline and the
/// request's own `grpc-timeout`. The next hop is told what is left, less a
/// margin of 5 ms (a tenth on short deadlines); a call with nothing left fails
/// with DEADLINE_EXCEEDED and touches no network. A [`DeadlineClass`] bounds it
/// further. A call without any deadline waits 30 s for its response headers. A
/// response whose body then brings nothing for 15 minutes, while it is waited
/// for, ends as DEADLINE_EXCEEDED. The ambient scope's trace goes along
/// in `traceparent`; if it is recorded, the call is a span of it.
///
/// Errors of the transport are UNAVAILABLE: whether the call was done is not
/// known then.
///
/// # Limits
///
/// A fixed number of connections (default 1), used in turn. Beyond the
/// server's limit of streams per connection, calls wait.
#[derive(Clone, Debug)]
pub struct GrpcChannel {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    name: &'static str,
    margin: Margin,
    class: Option<DeadlineClass>,
    classes: ClassTimes,
    stream_idle: Duration,
    connections: Box<[Connection]>,
    next: AtomicUsize,
    series: GrpcSeries,
}

/// A connection, made anew when it breaks.
#[derive(Clone, Debug)]
struct Connection {
    channel: Channel,
    calls: Calls,
}

/// Settings of a [`GrpcChannel`].
#[derive(Clone, Debug)]
#[must_use = "a builder does nothing until connect_lazy()"]
pub struct GrpcChannelBuilder {
    name: &'static str,
    url: String,
    connections: usize,
    margin: Margin,
    class: Option<DeadlineClass>,
    classes: ClassTimes,
    stream_idle: Duration,
    scope: Option<Scope>,
    batch_writes: bool,
}

impl GrpcChannelBuilder {
    /// How many connections to use in turn, 1 to 64; default 1.
    pub fn connections(mut self, n: usize) -> Self {
        self.connections = n.clamp(1, 64);
        self
    }

    /// What the next hop is told less of the time that is left: at least `min`
    /// or a tenth, at most 500 ms or half. Default: 5 ms or a tenth, whichever
    /// is less. For calls whose answer at the deadline is worth something, such
    /// as "not yet", and must come back in time.
    pub fn margin(mut self, min: Duration) -> Self {
        self.margin = Margin::AtLeast(min);
        self
    }

    /// Bounds each call, its whole response included, by the time of a class where
    /// the caller has more. Default: the caller's deadline alone.
    pub fn class(mut self, class: DeadlineClass) -> Self {
        self.class = Some(class);
        self
    }

    /// How long a response's body may bring nothing while it is waited for; then
    /// it ends as DEADLINE_EXCEEDED. Default: 15 minutes. For streams that are
    /// never quiet for long, such as those with heartbeats, choose less.
    pub fn stream_idle(mut self, limit: Duration) -> Self {
        self.stream_idle = limit;
        self
    }

    /// Where the times of classes come from.
    pub(crate) fn classes(mut self, classes: ClassTimes) -> Self {
        self.classes = classes;
        self
    }

    /// Whether calls that are made together leave together: while several are
    /// under way, a connection's task lets other tasks run once before it
    /// writes. Default: yes.
    pub fn batch_writes(mut self, yes: bool) -> Self {
        self.batch_writes = yes;
        self
    }

    /// The scope that owns the connections' tasks; default: one of their own,
    /// which ends when the last clone of the channel is dropped.
    pub fn scope(mut self, scope: Scope) -> Self {
        self.scope = Some(scope);
        self
    }

    /// Makes the channel; it connects at the first call.
    ///
    /// # Errors
    ///
    /// [`ConfigError::Url`] unless it is `http://HOST:PORT`.
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime.
    pub fn connect_lazy(self) -> Result<GrpcChannel, ConfigError> {
        let bad = |url: &str| ConfigError::Url {
            client: self.name,
            url: url.to_owned(),
        };
        let endpoint = Endpoint::from_shared(self.url.clone()).map_err(|_bad| bad(&self.url))?;
        if endpoint.uri().scheme_str() != Some("http") || endpoint.uri().host().is_none() {
            return Err(bad(&self.url));
        }
        let scope = self.scope.unwrap_or_else(|| Scope::root(self.name));
        let endpoint = endpoint
            .connect_timeout(CONNECT_TIMEOUT)
            .tcp_nodelay(true)
            .http2_keep_alive_interval(KEEP_ALIVE_INTERVAL)
            .keep_alive_timeout(KEEP_ALIVE_TIMEOUT)
            .initial_stream_window_size(STREAM_WINDOW)
            .initial_connection_window_size(CONNECTION_WINDOW);
        let connect = |_| {
            let calls = Calls::default();
            let exec = ScopeExec {
                scope: scope.clone(),
                calls: self.batch_writes.then(|| calls.clone()),
            };
            let channel = endpoint.clone().executor(exec).connect_lazy();
            Connection { channel, calls }
        };
        let connections = (0..self.connections).map(connect).collect();
        let shared = Shared {
            name: self.name,
            margin: self.margin,
            class: self.class,
            classes: self.classes,
            stream_idle: self.stream_idle,
            connections,
            next: AtomicUsize::new(0),
            series: GrpcSeries::new(self.name),
        };
        Ok(GrpcChannel {
            shared: Arc::new(shared),
        })
    }
}

impl GrpcChannel {
    /// Settings for a channel to `url` (`http://HOST:PORT`); `name` labels it
    /// in errors.
    pub fn builder(name: &'static str, url: &str) -> GrpcChannelBuilder {
        GrpcChannelBuilder {
            name,
            url: url.to_owned(),
            connections: 1,
            margin: Margin::default(),
            class: None,
            classes: ClassTimes::default(),
            stream_idle: STREAM_IDLE,
            scope: None,
            batch_writes: true,
        }
    }

    /// A channel with default settings; see [`GrpcChannelBuilder::connect_lazy`].
    ///
    /// # Errors
    ///
    /// [`ConfigError::Url`].
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime.
    pub fn connect_lazy(name: &'static str, url: &str) -> Result<Self, ConfigError> {
        Self::builder(name, url).connect_lazy()
    }

    /// The name given at creation.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.shared.name
    }

    fn pick(&self) -> &Connection {
        let connections = &self.shared.connections;
        let next = self.shared.next.fetch_add(1, Ordering::Relaxed);
        &connections[next % connections.len()]
    }
}

impl Shared {
    /// The earlier of the caller's deadline and the class'.
    fn bound(&self, deadline: Option<Deadline>) -> Option<Deadline> {
        let Some(class) = self.class else {
            return deadline;
        };
        let own = Deadline::after(self.classes.of(class));
        Some(deadline.map_or(own, |deadline| deadline.min(own)))
    }
}

impl Service<Request<Body>> for GrpcChannel {
    type Response = Response<Body>;
    type Error = Status;
    type Future = BoxFuture<'static, Result<Response<Body>, Status>>;

    /// Always ready: whether a call can be made is found out by making it, so
    /// that readiness can't go stale in between.
    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Status>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, mut request: Request<Body>) -> Self::Future {
        let mut timed = self.shared.series.begin(request.uri().path());
        let mut refuse = |status: Status| -> Self::Future {
            timed.ended(status.code());
            Box::pin(std::future::ready(Err(status)))
        };
        let deadline = match deadline(request.headers()) {
            Ok(deadline) => self.shared.bound(deadline),
            Err(status) => return refuse(status),
        };
        if let Some(deadline) = deadline {
            let Some(left) = deadline.left() else {
                return refuse(nothing_left());
            };
            if let Ok(mut value) =
                HeaderValue::try_from(format_grpc_timeout(self.shared.margin.off(left)))
            {
                // Seldom the same twice: HTTP/2's tables needn't keep it for the next call.
                value.set_sensitive(true);
                request.headers_mut().insert(GRPC_TIMEOUT, value);
            }
        }
        let mut span = CallSpan::grpc(&mut request, self.shared.name);
        let connection = self.pick();
        let (channel, counted) = (connection.channel.clone(), connection.calls.begin());
        let idle = self.shared.stream_idle;
        Box::pin(async move {
            // Until the headers of the answer: a stream that stays open holds up nobody.
            let _counted = counted;
            let until = deadline.unwrap_or_else(|| Deadline::after(TIMEOUT_DEFAULT));
            let answer = until.run(send(channel, request)).await;
            let answer = answer.unwrap_or_else(|_passed| Err(late()));
            match &answer {
                Ok(answer) => {
                    span.note_headers(answer.headers());
                    // An answer that consists of a status alone has it here.
                    if let Some(status) = Status::from_header_map(answer.headers()) {
                        timed.ended(status.code());
                    }
                }
                Err(status) => {
                    span.note_error(status);
                    timed.ended(status.code());
                }
            }
            let bounded = |body| Body::new(DeadlineBody::new(body, deadline, idle, span, timed));
            Ok(answer?.map(bounded))
        })
    }
}

/// What went wrong below gRPC: tonic's own timer on `grpc-timeout`, or the transport.
fn failed(error: &tonic::transport::Error) -> Status {
    let mut source: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(cause) = source {
        if cause.is::<tonic::TimeoutExpired>() {
            return late();
        }
        source = cause.source();
    }
    Status::unavailable(crate::error::chain(error))
}

async fn send(mut channel: Channel, request: Request<Body>) -> Result<Response<Body>, Status> {
    let ready = std::future::poll_fn(|cx| channel.poll_ready(cx)).await;
    ready.map_err(|error| failed(&error))?;
    channel.call(request).await.map_err(|error| failed(&error))
}

/// The earlier of the ambient deadline and the request's own timeout.
fn deadline(headers: &HeaderMap) -> Result<Option<Deadline>, Status> {
    let ambient = ambient_deadline();
    let Some(own) = headers.get(GRPC_TIMEOUT) else {
        return Ok(ambient);
    };
    let own = own
        .to_str()
        .ok()
        .and_then(|value| parse_grpc_timeout(value).ok())
        .map(Deadline::after)
        .ok_or_else(|| Status::internal("the request carries a malformed grpc-timeout"))?;
    Ok(Some(ambient.map_or(own, |ambient| ambient.min(own))))
}

fn nothing_left() -> Status {
    Status::deadline_exceeded("deadline passed before the call was sent")
}
