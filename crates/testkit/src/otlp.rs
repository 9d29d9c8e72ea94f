//! A collector for traces: takes OTLP over gRPC, and shows what came.

use opentelemetry_proto::tonic::collector::trace::v1::trace_service_server::{
    TraceService, TraceServiceServer,
};
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use opentelemetry_proto::tonic::common::v1::{KeyValue, any_value};
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, Span, span, status};
use std::collections::BTreeMap;
use std::fmt::Write;
use std::net::{SocketAddr, TcpListener};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use tokio::sync::oneshot;
use tonic::{Code, Request, Response, Status};

/// The attributes of a span, an event or a resource; every value as text.
pub type Attributes = BTreeMap<String, String>;

/// A span as it came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeenSpan {
    /// Of its resource.
    pub resource: Attributes,
    /// 32 hexadecimal digits.
    pub trace_id: String,
    /// 16 hexadecimal digits.
    pub span_id: String,
    /// The same, or nothing.
    pub parent: String,
    /// What was done.
    pub name: String,
    /// `server`, `client` or `internal`.
    pub kind: &'static str,
    /// What went wrong.
    pub error: Option<String>,
    /// Its own attributes.
    pub attributes: Attributes,
    /// Names and attributes of its events.
    pub events: Vec<(String, Attributes)>,
    /// The header `tracestate`.
    pub state: String,
    /// Bits of W3C and OTLP.
    pub flags: u32,
    /// When it began and ended, in nanoseconds since 1970.
    pub time: (u64, u64),
}

impl SeenSpan {
    /// Which service it comes from.
    #[must_use]
    pub fn service(&self) -> &str {
        self.resource.get("service.name").map_or("", String::as_str)
    }
}

#[derive(Debug, Default)]
struct Seen {
    spans: Vec<SeenSpan>,
    requests: usize,
    /// What is answered instead of a success, and how often.
    refusal: Option<(Code, usize)>,
}

/// A collector on a free port and a thread of its own; it ends when it is dropped.
#[derive(Debug)]
pub struct OtlpSink {
    addr: SocketAddr,
    seen: Arc<Mutex<Seen>>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl OtlpSink {
    /// One that takes everything.
    ///
    /// # Panics
    ///
    /// If there is no port or no thread for it.
    #[must_use]
    #[expect(
        clippy::expect_used,
        clippy::disallowed_methods,
        reason = "a test can't go on without it; Drop joins the thread"
    )]
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let addr = listener.local_addr().expect("its address");
        listener.set_nonblocking(true).expect("a usable socket");
        let seen: Arc<Mutex<Seen>> = Arc::default();
        let (stop, stopped) = oneshot::channel();
        let service = Collector(Arc::clone(&seen));
        let thread = std::thread::Builder::new()
            .name("otlp sink".to_owned())
            .spawn(move || serve(listener, service, stopped))
            .expect("a thread");
        Self {
            addr,
            seen,
            stop: Some(stop),
            thread: Some(thread),
        }
    }

    /// Where it listens, as a URL.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.addr)
    }

    /// Answers so many requests with this error.
    pub fn refuse(&self, code: Code, times: usize) {
        self.lock().refusal = Some((code, times));
    }

    /// How many requests came, refused ones included.
    #[must_use]
    pub fn requests(&self) -> usize {
        self.lock().requests
    }

    /// What came so far.
    #[must_use]
    pub fn spans(&self) -> Vec<SeenSpan> {
        self.lock().spans.clone()
    }

    /// What came of a trace.
    #[must_use]
    pub fn trace(&self, trace_id: &str) -> Vec<SeenSpan> {
        let seen = self.lock();
        let spans = seen.spans.iter().filter(|span| span.trace_id == trace_id);
        spans.cloned().collect()
    }

    fn lock(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for OtlpSink {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // One that panicked has said so.
            drop(thread.join());
        }
    }
}

#[expect(clippy::expect_used, reason = "a test can't go on without it")]
fn serve(listener: TcpListener, service: Collector, stopped: oneshot::Receiver<()>) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    runtime.block_on(async {
        let listener = tokio::net::TcpListener::from_std(listener).expect("a usable socket");
        let incoming = tonic::transport::server::TcpIncoming::from(listener);
        let server = tonic::transport::Server::builder()
            .add_service(TraceServiceServer::new(service))
            .serve_with_incoming(incoming);
        // Connections that are open don't keep it: what is sent to it is there already.
        drop(watertight_core::race(server, stopped).await);
    });
}

struct Collector(Arc<Mutex<Seen>>);

#[tonic::async_trait]
impl TraceService for Collector {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        seen.requests += 1;
        if let Some((code, times @ 1..)) = &mut seen.refusal {
            *times -= 1;
            let code = *code;
            return Err(Status::new(code, "refused by the test"));
        }
        let resources = request.into_inner().resource_spans;
        seen.spans.extend(resources.into_iter().flat_map(read));
        Ok(Response::new(ExportTraceServiceResponse::default()))
    }
}

fn read(of: ResourceSpans) -> Vec<SeenSpan> {
    let resource = of.resource.map(|resource| attributes(resource.attributes));
    let resource = resource.unwrap_or_default();
    let spans = of.scope_spans.into_iter().flat_map(|scope| scope.spans);
    spans.map(|span| seen(&resource, span)).collect()
}

fn seen(resource: &Attributes, span: Span) -> SeenSpan {
    let kind = match span.kind() {
        span::SpanKind::Server => "server",
        span::SpanKind::Client => "client",
        span::SpanKind::Internal => "internal",
        span::SpanKind::Unspecified | span::SpanKind::Producer | span::SpanKind::Consumer => "?",
    };
    let error = span.status.as_ref();
    let error = error.filter(|status| status.code() == status::StatusCode::Error);
    let event = |event: span::Event| (event.name, attributes(event.attributes));
    SeenSpan {
        resource: resource.clone(),
        trace_id: hex(&span.trace_id),
        span_id: hex(&span.span_id),
        parent: hex(&span.parent_span_id),
        kind,
        error: error.map(|status| status.message.clone()),
        time: (span.start_time_unix_nano, span.end_time_unix_nano),
        name: span.name,
        attributes: attributes(span.attributes),
        events: span.events.into_iter().map(event).collect(),
        state: span.trace_state,
        flags: span.flags,
    }
}

fn attributes(all: Vec<KeyValue>) -> Attributes {
    let text = |value: Option<any_value::Value>| match value {
        Some(any_value::Value::StringValue(text)) => text,
        Some(any_value::Value::IntValue(number)) => number.to_string(),
        Some(any_value::Value::BoolValue(flag)) => flag.to_string(),
        other => format!("{other:?}"),
    };
    let pair = |one: KeyValue| (one.key, text(one.value.and_then(|value| value.value)));
    all.into_iter().map(pair).collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        // A `String` takes whatever is written to it.
        let _infallible = write!(text, "{byte:02x}");
        text
    })
}
