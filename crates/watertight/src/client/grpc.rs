//! The gRPC channel: tonic's transport with deadlines around it.

use super::deadline_body::{DeadlineBody, late};
use super::exec::ScopeExec;
use super::{CONNECT_TIMEOUT, TIMEOUT_DEFAULT, ambient_deadline, for_next_hop};
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
/// with DEADLINE_EXCEEDED and touches no network. A call without any deadline
/// waits 30 s for its response headers.
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
    channels: Box<[Channel]>,
    next: AtomicUsize,
}

/// Settings of a [`GrpcChannel`].
#[derive(Clone, Debug)]
#[must_use = "a builder does nothing until connect_lazy()"]
pub struct GrpcChannelBuilder {
    name: &'static str,
    url: String,
    connections: usize,
    scope: Option<Scope>,
}

impl GrpcChannelBuilder {
    /// How many connections to use in turn, 1 to 64; default 1.
    pub fn connections(mut self, n: usize) -> Self {
        self.connections = n.clamp(1, 64);
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
            .initial_connection_window_size(CONNECTION_WINDOW)
            .executor(ScopeExec(scope));
        let channels = (0..self.connections)
            .map(|_| endpoint.connect_lazy())
            .collect();
        let shared = Shared {
            name: self.name,
            channels,
            next: AtomicUsize::new(0),
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
            scope: None,
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

    fn pick(&self) -> Channel {
        let channels = &self.shared.channels;
        let next = self.shared.next.fetch_add(1, Ordering::Relaxed);
        channels[next % channels.len()].clone()
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
        let deadline = match deadline(request.headers()) {
            Ok(deadline) => deadline,
            Err(status) => return Box::pin(std::future::ready(Err(status))),
        };
        if let Some(deadline) = deadline {
            let Some(left) = deadline.left() else {
                return Box::pin(std::future::ready(Err(nothing_left())));
            };
            if let Ok(value) = HeaderValue::try_from(format_grpc_timeout(for_next_hop(left))) {
                request.headers_mut().insert(GRPC_TIMEOUT, value);
            }
        }
        let channel = self.pick();
        Box::pin(async move {
            let until = deadline.unwrap_or_else(|| Deadline::after(TIMEOUT_DEFAULT));
            match until.run(send(channel, request)).await {
                Ok(answer) => Ok(answer?.map(|body| Body::new(DeadlineBody::new(body, deadline)))),
                Err(_passed) => Err(late()),
            }
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
