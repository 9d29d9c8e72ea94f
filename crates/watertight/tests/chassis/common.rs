//! A gRPC service whose method is the last part of the path, and a client for it.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;
use tokio_stream::StreamExt as _;
use tonic::body::Body;
use tonic::codegen::BoxFuture;
use tonic::server::{Grpc, NamedService, ServerStreamingService, UnaryService};
use tonic::{Request, Response, Status};
use tonic_prost::ProstCodec;
use tower_service::Service;
use watertight::{App, GrpcChannel, RequestScope, Running, Scope};
use watertight_core::{Query, census};

pub(crate) const LIVENESS: Duration = Duration::from_secs(60);

/// What the handlers do, by method: `Say` echoes; `Timeout` tells the
/// `grpc-timeout` it got; `Left` the milliseconds left in its scope; `Hang`
/// never answers; `Panic` does; `Next` asks the next hop for its `Timeout`;
/// `Stream` sends three items and then hangs; `StreamSlow` sends two with a
/// pause; `Trace` tells the trace it is in, `NextTrace` also the next hop's;
/// `SpawnLate` waits for the gate and then spawns; `Child` leaves a task behind in the request's scope;
/// `Deep` and `StreamDeep` spawn a child, ask the next hop for the same, and hang.
#[derive(Clone, Default)]
pub(crate) struct Echo {
    pub(crate) next: Option<GrpcChannel>,
    /// Handlers (and children of theirs) that are running now.
    pub(crate) running: Arc<AtomicUsize>,
    /// Opens for `SpawnLate`.
    pub(crate) gate: Arc<tokio::sync::Notify>,
}

impl NamedService for Echo {
    const NAME: &'static str = "test.Echo";
}

pub(crate) struct Counted(Arc<AtomicUsize>);

impl Counted {
    pub(crate) fn new(count: &Arc<AtomicUsize>) -> Self {
        count.fetch_add(1, Ordering::SeqCst);
        Self(Arc::clone(count))
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Service<http::Request<Body>> for Echo {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<Self::Response, Infallible>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        let method = request
            .uri()
            .path()
            .rsplit('/')
            .next()
            .unwrap_or_default()
            .to_owned();
        let call = Method(self.clone(), method);
        Box::pin(async move {
            let mut grpc = Grpc::new(ProstCodec::<String, String>::default());
            Ok(if call.1.starts_with("Stream") {
                grpc.server_streaming(call, request).await
            } else {
                grpc.unary(call, request).await
            })
        })
    }
}

struct Method(Echo, String);

impl UnaryService<String> for Method {
    type Response = String;
    type Future = BoxFuture<Response<String>, Status>;

    fn call(&mut self, request: Request<String>) -> Self::Future {
        let (echo, method) = (self.0.clone(), self.1.clone());
        Box::pin(async move {
            let running = Counted::new(&echo.running);
            Ok(Response::new(match method.as_str() {
                "Say" => request.into_inner(),
                "Timeout" => timeout_header(&request),
                "Trace" => trace_header(&request),
                "NextTrace" => match echo.next.clone() {
                    Some(next) => {
                        let here = trace_header(&request);
                        format!("{here} {}", call(next, "Trace", String::new()).await?)
                    }
                    None => return Err(Status::failed_precondition("no next hop")),
                },
                "Left" => left_ms(&request).to_string(),
                "Hang" => std::future::pending().await,
                "Panic" => std::panic::resume_unwind(Box::new("asked to")),
                "Next" => match echo.next.clone() {
                    Some(next) => call(next, "Timeout", String::new()).await?,
                    None => return Err(Status::failed_precondition("no next hop")),
                },
                "SpawnLate" => {
                    echo.gate.notified().await;
                    let task = request
                        .scope()
                        .spawn("late", async { "spawned".to_owned() });
                    task.await
                        .map_err(|error| Status::internal(error.to_string()))?
                }
                "Deep" => {
                    deep(&echo, &request.scope());
                    match echo.next.clone() {
                        Some(next) => call(next, "Deep", String::new()).await?,
                        None => std::future::pending().await,
                    }
                }
                "Child" => {
                    drop(request.scope().spawn("child", async move {
                        let _running = running;
                        std::future::pending::<()>().await;
                    }));
                    String::new()
                }
                _ => return Err(Status::unimplemented("")),
            }))
        })
    }
}

impl ServerStreamingService<String> for Method {
    type Response = String;
    type ResponseStream = BoxStream;
    type Future = BoxFuture<Response<BoxStream>, Status>;

    fn call(&mut self, request: Request<String>) -> Self::Future {
        let running = Counted::new(&self.0.running);
        if self.1 == "StreamDeep" {
            deep(&self.0, &request.scope());
            return Box::pin(stream_deep(self.0.clone(), running));
        }
        let pause = if self.1 == "StreamSlow" { 700 } else { 0 };
        let items = tokio_stream::iter(["a", "b", "c"].map(|item| Ok(item.to_owned())));
        let slow = async move {
            testkit::let_pass(Duration::from_millis(pause), "a handler that is slow").await;
            Ok("d".to_owned())
        };
        let hang = self.1 == "Stream";
        let end = futures_util::stream::poll_fn(move |_| {
            if hang {
                Poll::Pending
            } else {
                Poll::Ready(None)
            }
        });
        let all = items.chain(futures_util::stream::once(slow)).chain(end);
        // Owned by the whole stream: a part that has ended is dropped early.
        let stream: BoxStream = Box::pin(all.map(move |item| {
            let _running = &running;
            item
        }));
        Box::pin(async move { Ok(Response::new(stream)) })
    }
}

/// A child of the request that never ends by itself, and counts as running.
pub(crate) fn deep(echo: &Echo, scope: &Scope) {
    let running = Counted::new(&echo.running);
    drop(scope.spawn("deep child", async move {
        let _running = running;
        std::future::pending::<()>().await;
    }));
}

/// One item, then those of the next hop, or nothing.
async fn stream_deep(echo: Echo, running: Counted) -> Result<Response<BoxStream>, Status> {
    let first = tokio_stream::once(Ok("a".to_owned()));
    let rest: BoxStream = match echo.next {
        Some(next) => Box::pin(stream(next, "StreamDeep", None).await?),
        None => Box::pin(futures_util::stream::pending()),
    };
    let items = first.chain(rest).map(move |item| {
        let _running = &running;
        item
    });
    Ok(Response::new(Box::pin(items)))
}

/// Tasks of this test's runtime that no scope under `root` owns.
#[expect(
    clippy::disallowed_methods,
    reason = "spawns nothing: asks the runtime how many tasks it has"
)]
pub(crate) fn orphans(root: &Scope) -> usize {
    let alive = tokio::runtime::Handle::current()
        .metrics()
        .num_alive_tasks();
    let owned = census(Query::Root(root.root_id()), 1).tasks;
    alive.checked_sub(owned).unwrap()
}

pub(crate) type BoxStream = futures_util::stream::BoxStream<'static, Result<String, Status>>;

fn timeout_header(request: &Request<String>) -> String {
    let value = request.metadata().get("grpc-timeout");
    value
        .and_then(|value| value.to_str().ok())
        .unwrap_or("none")
        .to_owned()
}

/// `traceparent` as it came, and the trace of the request's scope.
fn trace_header(request: &Request<String>) -> String {
    let value = request.metadata().get("traceparent");
    let value = value.and_then(|value| value.to_str().ok());
    let scope = request.scope().trace().unwrap();
    format!("{} {scope}", value.unwrap_or("none"))
}

fn left_ms(request: &Request<String>) -> u128 {
    request.deadline().left().unwrap_or_default().as_millis()
}

/// Calls a unary method over any channel.
pub(crate) async fn call<C>(channel: C, method: &str, text: String) -> Result<String, Status>
where
    C: tonic::client::GrpcService<Body>,
    C::ResponseBody: http_body::Body<Data = bytes::Bytes> + Send + 'static,
    <C::ResponseBody as http_body::Body>::Error: Into<watertight::BoxError>,
{
    call_with(channel, method, Request::new(text)).await
}

pub(crate) async fn call_with<C>(
    channel: C,
    method: &str,
    request: Request<String>,
) -> Result<String, Status>
where
    C: tonic::client::GrpcService<Body>,
    C::ResponseBody: http_body::Body<Data = bytes::Bytes> + Send + 'static,
    <C::ResponseBody as http_body::Body>::Error: Into<watertight::BoxError>,
{
    let mut client = tonic::client::Grpc::new(channel);
    client
        .ready()
        .await
        .map_err(|_error| Status::unavailable("not ready"))?;
    let path = format!("/test.Echo/{method}").parse().unwrap();
    let codec = ProstCodec::<String, String>::default();
    Ok(client.unary(request, path, codec).await?.into_inner())
}

/// Calls a streaming method.
pub(crate) async fn stream(
    channel: GrpcChannel,
    method: &str,
    timeout: Option<Duration>,
) -> Result<tonic::Streaming<String>, Status> {
    let mut client = tonic::client::Grpc::new(channel);
    client
        .ready()
        .await
        .map_err(|_error| Status::unavailable("not ready"))?;
    let path = format!("/test.Echo/{method}").parse().unwrap();
    let codec = ProstCodec::<String, String>::default();
    let mut request = Request::new(String::new());
    if let Some(timeout) = timeout {
        request.set_timeout(timeout);
    }
    Ok(client
        .server_streaming(request, path, codec)
        .await?
        .into_inner())
}

/// An app with quick shutdown on a free port.
pub(crate) fn app(extra: &[&str]) -> App {
    let fixed = ["test", "--listen", "127.0.0.1:0", "--unready", "0s"];
    App::new("test", fixed.iter().chain(extra).map(Into::into).collect())
}

/// A server with [`Echo`], and a channel to it.
pub(crate) async fn echo_server(echo: Echo, extra: &[&str]) -> (Running, GrpcChannel) {
    let running = app(extra).grpc(echo).start().await.unwrap();
    let channel = GrpcChannel::connect_lazy("echo", &running.url()).unwrap();
    (running, channel)
}

/// A bare HTTP/2 connection: every header passes, and only the server watches deadlines.
pub(crate) async fn raw_channel(
    running: &Running,
) -> impl tonic::client::GrpcService<Body, ResponseBody = hyper::body::Incoming> + Clone + use<> {
    raw_to(running.addr(), running.scope()).await
}

/// The same to any server; its task belongs to `scope`.
pub(crate) async fn raw_to(
    addr: std::net::SocketAddr,
    scope: &Scope,
) -> impl tonic::client::GrpcService<Body, ResponseBody = hyper::body::Incoming> + Clone + use<> {
    let tcp = tokio::net::TcpStream::connect(addr).await.unwrap();
    let exec = hyper_util::rt::TokioExecutor::new();
    let io = hyper_util::rt::TokioIo::new(tcp);
    let (send, conn) = hyper::client::conn::http2::handshake(exec, io)
        .await
        .unwrap();
    scope.spawn_idle("client", async move { drop(conn.await) });
    tower::service_fn(move |mut request: http::Request<Body>| {
        *request.uri_mut() = format!("http://{addr}{}", request.uri().path())
            .parse()
            .unwrap();
        let mut send = send.clone();
        async move { send.send_request(request).await }
    })
}

/// One HTTP/1 exchange over a fresh connection, as text.
pub(crate) async fn http1(addr: std::net::SocketAddr, request: &str) -> String {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let mut tcp = tokio::net::TcpStream::connect(addr).await.unwrap();
    tcp.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    testkit::within(LIVENESS, tcp.read_to_end(&mut answer))
        .await
        .unwrap();
    String::from_utf8(answer).unwrap()
}

/// A GET that asks for the connection to be closed.
pub(crate) async fn get(addr: std::net::SocketAddr, path: &str, headers: &str) -> String {
    http1(
        addr,
        &format!("GET {path} HTTP/1.1\r\nhost: t\r\nconnection: close\r\n{headers}\r\n"),
    )
    .await
}
