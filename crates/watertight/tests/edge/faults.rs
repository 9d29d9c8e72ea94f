//! Handlers whose responses are wrong.

use crate::common::{Alive, Edge, LIVENESS, State, counter, fetch, grown, ms, say, until_closed};
use axum::body::Body;
use axum::routing::get;
use bytes::Bytes;
use http::{HeaderMap, Response};
use http_body::Frame;
use http_body_util::StreamBody;
use std::convert::Infallible;
use std::sync::Arc;
use std::task::{Context, Poll};
use testkit::wire::{END_HEADERS, END_STREAM, frame, grpc, kind, request};
use tonic::codegen::BoxFuture;
use tonic::server::NamedService;
use watertight::{Routes, ServerConfig, axum};

type Make = dyn Fn(&str) -> Response<tonic::body::Body> + Send + Sync;

/// A gRPC service that answers with whatever response `make` makes of the path,
/// and never if that ends in `Hang`.
#[derive(Clone)]
pub(crate) struct RawService(Arc<Make>);

impl NamedService for RawService {
    const NAME: &'static str = "test.Raw";
}

impl RawService {
    fn new(make: impl Fn(&str) -> Response<tonic::body::Body> + Send + Sync + 'static) -> Self {
        Self(Arc::new(make))
    }

    /// Messages without end.
    pub(crate) fn flooding(state: &State) -> Self {
        let state = state.clone();
        Self::new(move |_path| {
            let alive = state.enter();
            let chunk = Bytes::from([&[0, 0, 0, 0x40, 0][..], &[b'x'; 0x4000]].concat());
            let frames = futures_util::stream::repeat_with(move || {
                let _alive = &alive;
                Ok::<_, Infallible>(Frame::data(chunk.clone()))
            });
            response(tonic::body::Body::new(StreamBody::new(frames)))
        })
    }
}

fn response(body: tonic::body::Body) -> Response<tonic::body::Body> {
    let response = Response::builder().header("content-type", "application/grpc");
    response.body(body).unwrap()
}

impl tower_service::Service<http::Request<tonic::body::Body>> for RawService {
    type Response = Response<tonic::body::Body>;
    type Error = Infallible;
    type Future = BoxFuture<Self::Response, Infallible>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<tonic::body::Body>) -> Self::Future {
        let path = request.uri().path();
        if path.ends_with("Hang") {
            return Box::pin(std::future::pending());
        }
        let response = (self.0)(path);
        Box::pin(async move { Ok(response) })
    }
}

fn status(code: &'static str) -> HeaderMap {
    let mut trailers = HeaderMap::new();
    trailers.insert("grpc-status", code.parse().unwrap());
    trailers
}

fn data(bytes: &'static [u8]) -> Frame<Bytes> {
    Frame::data(Bytes::from_static(bytes))
}

/// A body of these frames.
fn frames(
    frames: Vec<Frame<Bytes>>,
) -> StreamBody<impl futures_util::Stream<Item = Result<Frame<Bytes>, Infallible>>> {
    StreamBody::new(futures_util::stream::iter(frames.into_iter().map(Ok)))
}

async fn fault_of(routes: Routes, kind: &str, path: &str) {
    let series = format!(r#"server_response_faults_total{{kind="{kind}"}}"#);
    let before = counter(&series);
    let edge = Edge::with(ServerConfig::default(), routes, State::default());
    let mut client = edge.raw(&[]).await;
    let block = grpc(path, &[]);
    let whole = END_HEADERS | END_STREAM;
    client
        .send(&frame(kind::HEADERS, whole, 1, &block))
        .await
        .unwrap();
    grown(&series, before).await;
    edge.end().await;
}

fn service(make: impl Fn() -> tonic::body::Body + Send + Sync + 'static) -> Routes {
    let service = RawService::new(move |_path| response(make()));
    Routes::new(
        tonic::service::Routes::new(service),
        vec!["test.Raw"],
        axum::Router::new(),
    )
}

#[watertight::test]
async fn frames_after_the_trailers_are_counted() {
    let body = || {
        let all = vec![data(b"one"), Frame::trailers(status("0")), data(b"more")];
        tonic::body::Body::new(frames(all))
    };
    fault_of(service(body), "frame_after_end", "/test.Raw/After").await;
}

#[watertight::test]
async fn a_second_status_is_counted() {
    let twice = || {
        let all = vec![Frame::trailers(status("0")), Frame::trailers(status("13"))];
        tonic::body::Body::new(frames(all))
    };
    fault_of(service(twice), "second_status", "/test.Raw/Twice").await;
    let both = RawService::new(|_path| {
        let all = vec![data(b"one"), Frame::trailers(status("0"))];
        let mut response = response(tonic::body::Body::new(frames(all)));
        response.headers_mut().extend(status("5"));
        response
    });
    let routes = Routes::new(
        tonic::service::Routes::new(both),
        vec!["test.Raw"],
        axum::Router::new(),
    );
    fault_of(routes, "second_status", "/test.Raw/Both").await;
}

fn sized(length: &'static str, chunks: &'static [&'static str]) -> Response<Body> {
    let chunks = futures_util::stream::iter(chunks.iter().map(Ok::<_, Infallible>));
    let chunks =
        futures_util::StreamExt::map(chunks, |chunk| chunk.map(|chunk| Bytes::from(*chunk)));
    let response = Response::builder().header("content-length", length);
    response.body(Body::from_stream(chunks)).unwrap()
}

fn failing() -> impl futures_util::Stream<Item = std::io::Result<&'static str>> {
    let failed = Err(std::io::Error::other("the disk is gone"));
    futures_util::stream::iter([Ok("first"), failed])
}

fn wrong_lengths() -> Routes {
    Routes::http(
        axum::Router::new()
            .route("/", get(async || "home"))
            .route(
                "/long",
                get(async || sized("5", &["abc", "HTTP/1.1 200 OK"])),
            )
            .route("/short", get(async || sized("500", &["abc"])))
            .route("/right", get(async || sized("6", &["abc", "def"])))
            .route("/fails", get(async || Body::from_stream(failing())))
            .route("/known", get(async || ([("content-length", "500")], "abc")))
            .route(
                "/panic",
                get(async || {
                    let first = futures_util::stream::iter([Ok::<_, Infallible>("first")]);
                    let panics = futures_util::stream::once(async {
                        // The head and the first piece get out.
                        testkit::let_pass(ms(20), "the head and the first piece get out").await;
                        std::panic::resume_unwind(Box::new("asked to"))
                    });
                    Body::from_stream(futures_util::StreamExt::chain(first, panics))
                }),
            ),
    )
}

#[watertight::test]
async fn a_body_of_another_length_ends_the_connection_and_nothing_else() {
    let series = r#"server_response_faults_total{kind="length_mismatch"}"#;
    let before = counter(series);
    let edge = Edge::with(ServerConfig::default(), wrong_lengths(), State::default());
    for path in ["/long", "/short"] {
        // A second request follows: it must not be answered out of the first one's body.
        let requests =
            format!("GET {path} HTTP/1.1\r\nhost: t\r\n\r\nGET / HTTP/1.1\r\nhost: t\r\n\r\n");
        let answer = until_closed(&mut say(edge.addr, &requests).await).await;
        // None if it was wrong before the head had been sent.
        assert!(answer.matches("HTTP/1.1 ").count() <= 1, "{path}: {answer}");
        assert!(!answer.contains("home"), "{path}: {answer}");
    }
    // Known before anything is sent: an error that can be told.
    let answer = fetch(edge.addr, "/known", "").await;
    assert!(answer.starts_with("HTTP/1.1 500"), "{answer}");
    assert!(fetch(edge.addr, "/right", "").await.ends_with("abcdef"));
    assert_eq!(counter(series), before + 3);
    edge.end().await;
}

#[watertight::test]
async fn over_http2_it_resets_the_stream_alone() {
    let edge = Edge::with(ServerConfig::default(), wrong_lengths(), State::default());
    let mut client = edge.raw(&[]).await;
    let whole = END_HEADERS | END_STREAM;
    for (stream, path) in [(1, "/long"), (3, "/short"), (5, "/panic")] {
        let block = request("GET", path, &[]);
        client
            .send(&frame(kind::HEADERS, whole, stream, &block))
            .await
            .unwrap();
        assert!(crate::common::reset(&mut client, stream).await, "{path}");
    }
    let block = request("GET", "/right", &[]);
    client
        .send(&frame(kind::HEADERS, whole, 7, &block))
        .await
        .unwrap();
    let right = crate::common::frame_of(&mut client, kind::DATA, 7).await;
    assert_eq!(right.unwrap().payload, b"abc");
    edge.end().await;
}

#[watertight::test]
async fn a_panic_in_a_body_ends_it_alone() {
    let series = r#"server_response_faults_total{kind="panic"}"#;
    let before = counter(series);
    let edge = Edge::with(
        ServerConfig {
            header_timeout: ms(60_000),
            ..ServerConfig::default()
        },
        wrong_lengths(),
        State::default(),
    );
    let answer = fetch(edge.addr, "/panic", "").await;
    assert!(
        answer.contains("first") && !answer.ends_with("0\r\n\r\n"),
        "{answer}"
    );
    assert!(fetch(edge.addr, "/", "").await.ends_with("home"));
    grown(series, before).await;
    edge.end().await;
}

fn ended(method: &str, route: &str, how: &str) -> String {
    let labels = format!(
        r#"http_request_method="{method}",http_route="{route}",http_response_status_code="",error_type="{how}""#
    );
    format!("http_server_request_duration_seconds_count{{{labels}}}")
}

#[watertight::test]
async fn a_body_that_its_handler_breaks_off_is_a_fault() {
    let series = r#"server_response_faults_total{kind="broken_off"}"#;
    let before = counter(series);
    let edge = Edge::with(ServerConfig::default(), wrong_lengths(), State::default());
    let answer = fetch(edge.addr, "/fails", "").await;
    assert!(!answer.ends_with("0\r\n\r\n"), "{answer}");
    grown(series, before).await;
    grown(&ended("GET", "/fails", "broken_off"), 0).await;
    assert_eq!(counter(&ended("GET", "/fails", "caller_left")), 0);
    edge.end().await;
}

/// The handler only passes it on.
#[watertight::test]
async fn a_body_that_its_caller_breaks_off_is_not() {
    let left = ended("POST", "/early", "caller_left");
    let before = counter(&left);
    let edge = Edge::start(ServerConfig::default());
    let chunked =
        "POST /early HTTP/1.1\r\nhost: t\r\ntransfer-encoding: chunked\r\n\r\nno size\r\n";
    until_closed(&mut say(edge.addr, chunked).await).await;
    grown(&left, before).await;
    assert_eq!(counter(&ended("POST", "/early", "broken_off")), 0);
    edge.end().await;
}

/// Held by a handler that never answers.
struct PanicsOnDrop {
    _alive: Alive,
}

impl Drop for PanicsOnDrop {
    fn drop(&mut self) {
        std::panic::resume_unwind(Box::new("asked to"));
    }
}

fn panicking_as_they_go(state: &State) -> Routes {
    let held = state.clone();
    let hang = async move || {
        let _alive = held.enter();
        let _held = PanicsOnDrop { _alive };
        std::future::pending::<&'static str>().await
    };
    let router = axum::Router::new().route("/hang", get(hang));
    Routes::http(router.route("/", get(async || "home")))
}

/// What it held is gone all the same, and nobody else notices.
#[watertight::test]
async fn a_handler_that_panics_as_it_is_dropped_hurts_nobody_else() {
    let state = State::default();
    let routes = panicking_as_they_go(&state);
    let edge = Edge::with(ServerConfig::default(), routes, state);
    let hangs = async |count| {
        let hangs = async || edge.state.alive() == count;
        testkit::wait_until_async(LIVENESS, hangs).await;
    };
    // Over HTTP/1 with its connection, over HTTP/2 alone.
    let one = say(edge.addr, "GET /hang HTTP/1.1\r\nhost: t\r\n\r\n").await;
    let mut two = edge.raw(&[]).await;
    let whole = END_HEADERS | END_STREAM;
    let ask = |stream, path| frame(kind::HEADERS, whole, stream, &request("GET", path, &[]));
    two.send(&ask(1, "/hang")).await.unwrap();
    hangs(2).await;
    drop(one);
    hangs(1).await;
    let cancel = 8_u32.to_be_bytes();
    two.send(&frame(kind::RST_STREAM, 0, 1, &cancel))
        .await
        .unwrap();
    hangs(0).await;
    two.send(&ask(3, "/")).await.unwrap();
    let home = crate::common::frame_of(&mut two, kind::DATA, 3).await;
    assert_eq!(home.unwrap().payload, b"home");
    drop(two);
    edge.end().await;
}
