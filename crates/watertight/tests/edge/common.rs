//! A server with handlers that hang, flood and echo, and what counts them.

use axum::body::Body;
use axum::routing::{get, post};
use bytes::Bytes;
use futures_util::{StreamExt as _, TryStreamExt, stream};
use http_body_util::BodyExt as _;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use testkit::wait_until_async;
use testkit::wire::{Frame, RawClient, kind};
use testkit::within;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::Notify;
use watertight::{
    ListenerTag, MetricsRegistry, PlainTcp, RequestScope, Routes, Scope, Server, ServerConfig,
    axum, bind,
};

pub(crate) const LIVENESS: Duration = Duration::from_secs(60);

pub(crate) const fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

/// What the handlers share with their test.
#[derive(Clone, Default)]
pub(crate) struct State {
    /// Handlers and bodies alive.
    pub(crate) alive: Arc<AtomicUsize>,
    /// Lets `/events` go on.
    pub(crate) gate: Arc<Notify>,
}

pub(crate) struct Alive(Arc<AtomicUsize>);

impl State {
    pub(crate) fn enter(&self) -> Alive {
        self.alive.fetch_add(1, Ordering::SeqCst);
        Alive(Arc::clone(&self.alive))
    }

    pub(crate) fn alive(&self) -> usize {
        self.alive.load(Ordering::SeqCst)
    }
}

impl Drop for Alive {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

/// Less than a stream's window usually is, and than hyper takes at once.
pub(crate) const PAGE_BYTES: usize = 60_000;

/// `/`: home; `/big`: 8 MiB in one piece; `/page`: [`PAGE_BYTES`]; `/flood`: no end; `/events`: one
/// line, another when the gate opens; `/hang`: never answers; `/read`: the
/// length of the body; `/echo`: the body; `/early`: answers, then reads; `/cancel`: cancels itself midway.
pub(crate) fn router(state: &State) -> axum::Router {
    let big = Bytes::from(vec![b'x'; 8 << 20]);
    let (flood, events, cancel) = (state.clone(), state.clone(), state.clone());
    let (hang, read, early) = (state.clone(), state.clone(), state.clone());
    let hanging = async move |_body: Body| {
        let _alive = hang.enter();
        std::future::pending::<&'static str>().await
    };
    axum::Router::new()
        .route("/", get(async || "home"))
        .route("/big", get(async move || big.clone()))
        .route("/page", get(async || vec![b'p'; PAGE_BYTES]))
        .route("/flood", get(async move || flooding(&flood)))
        .route("/events", get(async move || two_events(&events)))
        .route("/hang", post(hanging.clone()).get(hanging))
        .route(
            "/cancel",
            get(async move |request: http::Request<Body>| {
                let (scope, gate) = (request.scope().clone(), Arc::clone(&cancel.gate));
                let own = scope.clone();
                drop(scope.spawn("cancel", async move {
                    gate.notified().await;
                    own.cancel();
                }));
                flooding(&cancel)
            }),
        )
        .route(
            "/read",
            post(async move |body: Body| {
                let _alive = read.enter();
                match body.collect().await {
                    Ok(body) => body.to_bytes().len().to_string(),
                    Err(error) => format!("error: {error}"),
                }
            }),
        )
        .route("/echo", post(async |body: Body| body))
        .route(
            "/early",
            post(async move |body: Body| first_and(early.enter(), body)),
        )
}

fn two_events(state: &State) -> Body {
    let (alive, gate) = (state.enter(), Arc::clone(&state.gate));
    let first = stream::once(async { Ok::<_, Infallible>("one\n") });
    let second = stream::once(async move {
        let _alive = alive;
        gate.notified().await;
        Ok("two\n")
    });
    Body::from_stream(first.chain(second))
}

/// Answers at once, and then with what it reads.
fn first_and(alive: Alive, body: Body) -> Body {
    let first = stream::once(async { Ok(Bytes::from_static(b"first")) });
    let rest = TryStreamExt::map_err(body.into_data_stream(), std::io::Error::other);
    Body::from_stream(first.chain(rest.map(move |chunk| {
        let _alive = &alive;
        chunk
    })))
}

fn flooding(state: &State) -> Body {
    let alive = state.enter();
    let chunk = Bytes::from(vec![b'x'; 16 * 1024]);
    Body::from_stream(stream::repeat_with(move || {
        let _alive = &alive;
        Ok::<_, Infallible>(chunk.clone())
    }))
}

/// A server on a free port.
pub(crate) struct Edge {
    pub(crate) scope: Scope,
    pub(crate) server: Server,
    pub(crate) addr: SocketAddr,
    pub(crate) state: State,
}

impl Edge {
    pub(crate) fn start(config: ServerConfig) -> Self {
        let state = State::default();
        Self::with(config, Routes::http(router(&state)), state)
    }

    pub(crate) fn with(config: ServerConfig, routes: Routes, state: State) -> Self {
        recorder();
        let scope = Scope::root("test");
        let server = Server::new(&scope, config, routes);
        let listener = bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let addr = server
            .listen(listener, ListenerTag("main"), PlainTcp)
            .unwrap();
        Self {
            scope,
            server,
            addr,
            state,
        }
    }

    /// Waits until no request is in flight and no handler alive.
    pub(crate) async fn freed(&self) {
        wait_until_async(LIVENESS, async || {
            self.server.in_flight() == 0 && self.state.alive() == 0
        })
        .await;
    }

    pub(crate) async fn no_connections(&self) {
        wait_until_async(LIVENESS, async || self.server.connections() == 0).await;
    }

    /// Everything was freed, and nothing hangs on.
    pub(crate) async fn end(self) {
        self.freed().await;
        assert!(self.scope.close(Duration::ZERO).await.is_empty());
    }

    pub(crate) async fn raw(&self, settings: &[(u16, u32)]) -> RawClient {
        RawClient::connect(self.addr, settings).await.unwrap()
    }
}

/// Sends `text` over a fresh connection, which it gives back.
pub(crate) async fn say(addr: SocketAddr, text: &str) -> TcpStream {
    let mut tcp = TcpStream::connect(addr).await.unwrap();
    tcp.write_all(text.as_bytes()).await.unwrap();
    tcp
}

/// Reads until the peer closes; a reset is a close too.
pub(crate) async fn until_closed(tcp: &mut TcpStream) -> String {
    let mut answer = Vec::new();
    let _reset = within(LIVENESS, tcp.read_to_end(&mut answer)).await;
    String::from_utf8_lossy(&answer).into_owned()
}

/// Reads until `end` has come.
pub(crate) async fn until(tcp: &mut TcpStream, end: &str) -> String {
    let mut answer = String::new();
    while !answer.contains(end) {
        let mut some = [0; 4096];
        let read = within(LIVENESS, tcp.read(&mut some)).await.unwrap();
        assert_ne!(read, 0, "closed after {answer:?}");
        answer.push_str(&String::from_utf8_lossy(&some[..read]));
    }
    answer
}

/// One GET over a fresh connection.
pub(crate) async fn fetch(addr: SocketAddr, path: &str, headers: &str) -> String {
    let request = format!("GET {path} HTTP/1.1\r\nhost: t\r\nconnection: close\r\n{headers}\r\n");
    until_closed(&mut say(addr, &request).await).await
}

/// The first frame of that kind on that stream; `None` if the connection ends before.
pub(crate) async fn frame_of(client: &mut RawClient, kind: u8, stream: u32) -> Option<Frame> {
    loop {
        match within(LIVENESS, client.next()).await.unwrap() {
            Some(frame) if frame.kind == kind && frame.stream == stream => return Some(frame),
            Some(_) => {}
            None => return None,
        }
    }
}

/// Whether the stream is reset.
pub(crate) async fn reset(client: &mut RawClient, stream: u32) -> bool {
    frame_of(client, kind::RST_STREAM, stream).await.is_some()
}

fn recorder() -> &'static MetricsRegistry {
    static RECORDER: OnceLock<MetricsRegistry> = OnceLock::new();
    RECORDER.get_or_init(|| {
        let registry = MetricsRegistry::default();
        metrics::set_global_recorder(registry.clone()).unwrap();
        registry
    })
}

/// The series that counts the calls of a method that ended with a code.
pub(crate) fn rpc_count(method: &str, code: &str) -> String {
    let method = method.trim_start_matches('/');
    let ours = [
        "UNKNOWN",
        "DEADLINE_EXCEEDED",
        "UNIMPLEMENTED",
        "INTERNAL",
        "UNAVAILABLE",
    ];
    let error = if ours.contains(&code) { code } else { "" };
    let labels = format!(
        r#"rpc_system_name="grpc",rpc_method="{method}",rpc_response_status_code="{code}",error_type="{error}""#
    );
    format!("rpc_server_call_duration_seconds_count{{{labels}}}")
}

/// Everything that was counted.
pub(crate) fn rendered() -> String {
    recorder().render()
}

/// The value of a series, such as `name{label="value"}`; 0 if it isn't there.
/// Other tests count too: ask for growth.
pub(crate) fn counter(series: &str) -> u64 {
    let text = rendered();
    let value = text
        .lines()
        .find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
    value.map_or(0, |value| value.parse().unwrap())
}

/// Waits until a series has grown beyond `before`.
pub(crate) async fn grown(series: &str, before: u64) {
    wait_until_async(LIVENESS, async || counter(series) > before).await;
}
