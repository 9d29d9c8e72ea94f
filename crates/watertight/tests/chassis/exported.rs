//! What gets to a collector, and what a collector that doesn't work costs.

use crate::common::{Echo, LIVENESS, app, call, call_with, get};
use axum::routing::get as route;
use std::net::TcpListener;
use std::time::Duration;
use testkit::otlp::{OtlpSink, SeenSpan};
use testkit::{let_pass, wait_until_async, within};
use tonic::{Code, Request};
use watertight::{App, GrpcChannel, HttpClient, Running, axum, current};

const ID: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const CALLERS_SPAN: &str = "00f067aa0ba902b7";

fn caller(sampled: &str) -> String {
    format!("00-{ID}-{CALLERS_SPAN}-{sampled}")
}

fn request(sampled: &str) -> Request<String> {
    let mut request = Request::new(String::new());
    let value = caller(sampled).parse().unwrap();
    request.metadata_mut().insert("traceparent", value);
    let state = "vendor=1".parse().unwrap();
    request.metadata_mut().insert("tracestate", state);
    request
}

/// A service that sends its traces to `sink`.
fn service(url: &str, extra: &[&str]) -> App {
    app(&[&["--otlp", url], extra].concat())
}

async fn start(app: App) -> Running {
    let mut running = app.start().await.unwrap();
    running.export_traces();
    running
}

async fn echo(sink: &OtlpSink, next: Option<GrpcChannel>, extra: &[&str]) -> Running {
    let echo = Echo {
        next,
        ..Echo::default()
    };
    start(service(&sink.url(), extra).grpc(echo)).await
}

fn channel(running: &Running) -> GrpcChannel {
    GrpcChannel::connect_lazy("echo", &running.url()).unwrap()
}

async fn arrived(sink: &OtlpSink, count: usize) -> Vec<SeenSpan> {
    wait_until_async(LIVENESS, async || sink.trace(ID).len() >= count).await;
    sink.trace(ID)
}

fn find<'a>(spans: &'a [SeenSpan], kind: &str, name: &str) -> &'a SeenSpan {
    let found = spans
        .iter()
        .find(|span| span.kind == kind && span.name == name);
    found.unwrap_or_else(|| panic!("no {kind} {name} among {spans:#?}"))
}

#[watertight::test]
async fn a_sampled_trace_arrives_with_its_edges_across_http_and_grpc() {
    let sink = OtlpSink::start();
    let third = echo(&sink, None, &[]).await;
    let second = echo(&sink, Some(channel(&third)), &[]).await;
    let to_second = channel(&second);
    let handler = async move || {
        let mut span = current().unwrap().span("ask");
        span.set("why", "test");
        span.scope().event("asking", Vec::new);
        span.ambient(call(to_second, "NextTrace", String::new()))
            .await
            .unwrap()
    };
    let router = axum::Router::new().route("/items/{id}", route(handler));
    let first = start(service(&sink.url(), &[]).http(router)).await;
    let headers = format!("traceparent: {}\r\ntracestate: vendor=1\r\n", caller("01"));
    let answer = get(first.addr(), "/items/secret-7?token=secret-8", &headers).await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");

    let spans = arrived(&sink, 6).await;
    let at_first = find(&spans, "server", "GET /items/{id}");
    let asked = find(&spans, "internal", "ask");
    let to_second = find(&spans, "client", "test.Echo/NextTrace");
    let at_second = find(&spans, "server", "test.Echo/NextTrace");
    let to_third = find(&spans, "client", "test.Echo/Trace");
    let at_third = find(&spans, "server", "test.Echo/Trace");
    let chain = [at_first, asked, to_second, at_second, to_third, at_third];
    let mut parent = CALLERS_SPAN;
    for span in chain {
        assert_eq!(span.parent, parent, "{}", span.name);
        parent = &span.span_id;
        assert_eq!(
            (span.state.as_str(), span.error.as_deref()),
            ("vendor=1", None)
        );
        assert!(span.time.0 > 1_600_000_000_000_000_000 && span.time.0 <= span.time.1);
        assert_eq!(span.flags & 1, 1);
        assert!(!format!("{span:?}").contains("secret"), "{span:?}");
    }
    assert_eq!(at_first.flags & 0x300, 0x300, "its parent is elsewhere");
    assert_eq!(to_second.attributes["rpc.method"], "NextTrace");
    assert_eq!(at_third.attributes["rpc.grpc.status_code"], "0");
    assert_eq!(at_first.attributes["http.response.status_code"], "200");
    assert_eq!(at_first.attributes["http.route"], "/items/{id}");
    assert_eq!(asked.attributes["why"], "test");
    assert_eq!(asked.events[0].0, "asking");
    for name in [
        "service.name",
        "service.instance.id",
        "telemetry.sdk.version",
    ] {
        assert!(!at_first.resource[name].is_empty(), "{name}");
    }
    assert_eq!(at_first.service(), "test");
    for running in [first, second, third] {
        running.shutdown().await;
    }
}

#[watertight::test]
async fn the_http_client_has_a_span_of_its_own() {
    let sink = OtlpSink::start();
    let router = axum::Router::new().route("/", route(async || "hi"));
    let second = start(service(&sink.url(), &[]).http(router)).await;
    let (client, url) = (HttpClient::new("next"), format!("{}/", second.url()));
    let nobody = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let handler = async move || {
        for url in [url.clone(), format!("http://{nobody}/")] {
            let request = http::Request::get(url).body(bytes::Bytes::new()).unwrap();
            drop(client.send(request).await);
        }
    };
    let router = axum::Router::new().route("/", route(handler));
    let first = start(service(&sink.url(), &[]).http(router)).await;
    let headers = format!("traceparent: {}\r\n", caller("01"));
    get(first.addr(), "/", &headers).await;
    let spans = arrived(&sink, 4).await;
    let calls: Vec<_> = spans.iter().filter(|span| span.kind == "client").collect();
    let good = calls.iter().find(|span| span.error.is_none()).unwrap();
    assert_eq!(good.name, "GET next");
    assert_eq!(good.attributes["http.response.status_code"], "200");
    assert_eq!(good.attributes["peer.service"], "next");
    assert!(spans.iter().any(|span| span.parent == good.span_id));
    let bad = calls.iter().find(|span| span.error.is_some()).unwrap();
    assert_eq!(bad.attributes["error.type"], "connect");
    first.shutdown().await;
    second.shutdown().await;
}

#[watertight::test]
async fn of_unsampled_traces_those_that_failed_arrive() {
    let sink = OtlpSink::start();
    // So slow is nothing here, and so slow is everything.
    for (slow, method, code, promoted) in [
        ("1h", "Say", Code::Ok, None),
        ("1h", "Missing", Code::Unimplemented, None),
        ("1h", "Panic", Code::Internal, Some("error")),
        ("1ms", "StreamSlow", Code::Ok, None),
        ("1ms", "Hang", Code::DeadlineExceeded, Some("error")),
    ] {
        let extra = [
            "--trace-slow-after",
            slow,
            "--request-timeout",
            "300ms",
            "--trace-ratio",
            "100%",
        ];
        let running = echo(&sink, None, &extra).await;
        let before = sink.trace(ID).len();
        let answer = call_with(channel(&running), method, request("00")).await;
        assert_eq!(
            answer.map_or_else(|status| status.code(), |_| Code::Ok),
            code
        );
        // The end sends what there is, so that nothing can come later.
        running.shutdown().await;
        let spans = sink.trace(ID).split_off(before);
        let why = spans
            .first()
            .map(|span| &*span.attributes["sampling.promoted"]);
        assert_eq!(
            (why, spans.len()),
            (promoted, promoted.iter().len()),
            "{method}"
        );
        assert!(
            spans
                .iter()
                .all(|span| span.error.is_some() && span.flags & 1 == 0)
        );
    }
}

#[watertight::test]
async fn a_slow_request_arrives_though_nothing_is_sampled() {
    let sink = OtlpSink::start();
    let slow = async || let_pass(Duration::from_millis(30), "a handler that is slow").await;
    let router = axum::Router::new()
        .route("/slow", route(slow))
        .route("/quick", route(async || "quick"));
    let extra = ["--trace-slow-after", "20ms", "--trace-ratio", "0%"];
    let running = start(service(&sink.url(), &extra).http(router)).await;
    get(running.addr(), "/slow", "").await;
    running.shutdown().await;
    let spans = sink.spans();
    let slow = find(&spans, "server", "GET /slow");
    assert_eq!(slow.attributes["sampling.promoted"], "slow");
    assert_eq!((slow.error.as_ref(), slow.parent.as_str()), (None, ""));
}

#[watertight::test]
async fn the_ratio_decides_what_begins_here() {
    for (ratio, expected) in [("100%", 10), ("0%", 0)] {
        let sink = OtlpSink::start();
        let running = echo(&sink, None, &["--trace-ratio", ratio]).await;
        for _ in 0..10 {
            call(channel(&running), "Say", String::new()).await.unwrap();
        }
        running.shutdown().await;
        let spans = sink.spans();
        assert_eq!(spans.len(), expected);
        assert!(spans.iter().all(|span| span.parent.is_empty()));
    }
}

#[watertight::test]
async fn broken_contexts_and_baggage_cost_no_request() {
    let sink = OtlpSink::start();
    let headers = async |headers: http::HeaderMap| {
        let names: Vec<_> = headers.keys().map(ToString::to_string).collect();
        names.join(" ")
    };
    let router = axum::Router::new().route("/", route(headers));
    let second = start(service(&sink.url(), &[]).http(router)).await;
    let (client, url) = (HttpClient::new("next"), format!("{}/", second.url()));
    let handler = async move || {
        let request = http::Request::get(url).body(bytes::Bytes::new()).unwrap();
        client.send(request).await.unwrap().into_body()
    };
    let router = axum::Router::new().route("/", route(handler));
    let first = start(service(&sink.url(), &["--trace-ratio", "100%"]).http(router)).await;
    let baggage = format!("baggage: a={}\r\n", "x".repeat(10_000));
    let broken = "traceparent: 00-nonsense\r\ntracestate: ,,,=\r\n".to_owned();
    let twice = format!("traceparent: {0}\r\ntraceparent: {0}\r\n", caller("01"));
    for headers in [baggage, broken, twice] {
        let answer = get(first.addr(), "/", &headers).await;
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        let passed_on = answer.rsplit('\n').next().unwrap();
        assert!(passed_on.contains("traceparent"), "{answer}");
        for not in ["baggage", "tracestate"] {
            assert!(!passed_on.contains(not), "{answer}");
        }
    }
    first.shutdown().await;
    second.shutdown().await;
    assert_eq!(sink.trace(ID), []);
    assert_eq!(sink.spans().len(), 9);
}

/// `cargo xtask otlp` installs the receiver (PyPI's `rotel`) and runs this.
#[watertight::test]
#[ignore = "needs a receiver: cargo xtask otlp"]
async fn a_receiver_that_is_not_ours_gets_every_span() {
    let agent = std::env::var_os("ROTEL_AGENT").unwrap();
    let dir = testkit::temp_dir();
    let free = || {
        TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap()
    };
    let (grpc, http) = (free(), free());
    let log = dir.path().join("log");
    let mut command = std::process::Command::new(agent);
    command
        .args(["start", "--exporter", "blackhole", "--debug-log", "traces"])
        .args(["--debug-log-verbosity", "detailed"])
        .arg("--otlp-grpc-endpoint")
        .arg(grpc.to_string())
        .arg("--otlp-http-endpoint")
        .arg(http.to_string())
        .arg("--pid-file")
        .arg(dir.path().join("pid"))
        .stdin(std::process::Stdio::null())
        .stdout(std::fs::File::create(&log).unwrap())
        .stderr(std::process::Stdio::null());
    let _receiver = testkit::ChildGuard::spawn(&mut command);
    let connects = async || tokio::net::TcpStream::connect(grpc).await.is_ok();
    wait_until_async(LIVENESS, connects).await;

    let url = format!("http://{grpc}");
    let echo = Echo::default();
    let third = start(service(&url, &[]).grpc(echo)).await;
    let echo = Echo {
        next: Some(channel(&third)),
        ..Echo::default()
    };
    let second = start(service(&url, &[]).grpc(echo)).await;
    call_with(channel(&second), "NextTrace", request("01"))
        .await
        .unwrap();
    second.shutdown().await;
    third.shutdown().await;
    let all = [
        ID,
        "test.Echo/NextTrace",
        "test.Echo/Trace",
        "service.name",
        "rpc.grpc.status_code",
    ];
    wait_until_async(LIVENESS, async || {
        let text = std::fs::read_to_string(&log).unwrap();
        all.iter().all(|word| text.contains(word))
    })
    .await;
}

#[watertight::test]
async fn a_collector_that_hangs_holds_up_neither_requests_nor_the_end() {
    // Takes connections in its backlog, and never says a word.
    let hangs = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", hangs.local_addr().unwrap());
    let running = start(
        service(
            &url,
            &["--trace-ratio", "100%", "--traces-per-s-max", "100000"],
        )
        .grpc(Echo::default()),
    )
    .await;
    let client = channel(&running);
    for _ in 0..3_000 {
        within(LIVENESS, call(client.clone(), "Say", String::new()))
            .await
            .unwrap();
    }
    within(LIVENESS, running.shutdown()).await;
}

#[watertight::test]
async fn a_collector_that_refuses_is_asked_again_when_it_works() {
    let sink = OtlpSink::start();
    let running = echo(&sink, None, &["--trace-ratio", "100%"]).await;
    sink.refuse(Code::InvalidArgument, 1);
    call(channel(&running), "Say", String::new()).await.unwrap();
    wait_until_async(LIVENESS, async || sink.requests() == 1).await;
    assert_eq!(sink.spans(), []);
    call(channel(&running), "Say", String::new()).await.unwrap();
    wait_until_async(LIVENESS, async || sink.spans().len() == 1).await;
    assert_eq!(sink.requests(), 2);
    // What may work the second time is tried a second time.
    sink.refuse(Code::Unavailable, 1);
    call(channel(&running), "Say", String::new()).await.unwrap();
    wait_until_async(LIVENESS, async || sink.spans().len() == 2).await;
    assert_eq!(sink.requests(), 4);
    running.shutdown().await;
}
