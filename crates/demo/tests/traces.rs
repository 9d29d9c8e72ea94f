//! One order as a collector sees it, across all processes of the shop.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "helpers of tests may fail the test"
)]

use std::{
    collections::BTreeSet,
    io::{Read as _, Write as _},
    net::{TcpListener, TcpStream},
    process::{Command, Stdio},
    time::Duration,
};

use testkit::{
    ChildGuard, LIVENESS, TempDir,
    otlp::{OtlpSink, SeenSpan},
    wait_until,
};

/// The span of the customer who asks.
const CALLERS_SPAN: &str = "00f067aa0ba902b7";
/// How long a customer waits for an order that shall be confirmed, and for one
/// that can't be.
const PATIENT: u32 = 30_000;
const IMPATIENT: u32 = 1_500;
const NO_FAULTS: &str = "{}";
const ERRORS: &str = r#"{"error_rate": 1.0}"#;

/// The shop of one test, which keeps 1 % of its own traces; killed when dropped.
struct Shop {
    processes: ChildGuard,
    dir: TempDir,
    endpoints: serde_json::Value,
}

impl Shop {
    fn open(range: u16, sink: &OtlpSink, slow_after: &str) -> Self {
        let dir = testkit::temp_dir();
        let base = base_port(range).to_string();
        let mut demo = Command::new(env!("CARGO_BIN_EXE_demo"));
        demo.args(["--json", "--rps", "1", "--base-port", &base]);
        demo.arg("--data").arg(dir.path().join("shop"));
        demo.env("WATERTIGHT_OTLP", sink.url());
        demo.env("WATERTIGHT_TRACE_RATIO", "1%");
        demo.env("WATERTIGHT_TRACE_SLOW_AFTER", slow_after);
        demo.stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let processes = ChildGuard::spawn(&mut demo);
        // The first order says that the catalogue is in.
        let journal = dir.path().join("shop/checker/journal.jsonl");
        let placed = r#""t":"placed""#;
        wait_until(LIVENESS, || {
            std::fs::read_to_string(&journal).is_ok_and(|text| text.contains(placed))
        });
        let mut shop = Self {
            processes,
            dir,
            endpoints: serde_json::Value::Null,
        };
        shop.look();
        shop
    }

    fn look(&mut self) {
        let file = std::fs::read(self.dir.path().join("shop/endpoints.json")).unwrap();
        self.endpoints = serde_json::from_slice(&file).unwrap();
    }

    fn url(&self, service: &str) -> &str {
        self.endpoints["services"][service]["http"]
            .as_str()
            .unwrap()
    }

    /// Places an order in a trace of the customer's, and gives the status.
    fn order(&self, number: u32, sampled: bool, wait_ms: u32) -> u16 {
        let trace = trace_id(number);
        let flags = u8::from(sampled);
        let headers = format!(
            "traceparent: 00-{trace}-{CALLERS_SPAN}-{flags:02x}\r\n\
             idempotency-key: order-{number}\r\nx-request-timeout: {wait_ms}\r\n"
        );
        let body = r#"{"customer_id":"ada","payment_method":"pm_card_ok","lines":[{"sku":"cup-blue","quantity":1}]}"#;
        http(self.url("gateway"), "POST /v1/orders", &headers, body)
    }

    /// How all endpoints of the provider behave from now on.
    fn faults(&self, plan: &str) {
        let endpoints = &self.endpoints["services"]["provider"]["endpoints"];
        for url in endpoints.as_array().unwrap() {
            let status = http(url.as_str().unwrap(), "PUT /control", "", plan);
            assert!((200..300).contains(&status), "{status}");
        }
    }

    fn kill_orders(&self) {
        let pid = self.endpoints["services"]["orders"]["pid"].to_string();
        let killed = Command::new("kill").args(["-KILL", &pid]).status();
        assert!(killed.unwrap().success());
    }

    /// Ends the shop in order: what it recorded is at the collector then.
    fn close(mut self) {
        let pid = self.processes.pid().to_string();
        let told = Command::new("kill").args(["-TERM", &pid]).status();
        assert!(told.unwrap().success());
        self.processes.wait(Duration::from_secs(120));
    }
}

fn trace_id(number: u32) -> String {
    format!("4bf92f3577b34da6a3ce929d{number:08x}")
}

/// Sends a request with a body of JSON over a connection of its own.
fn http(url: &str, line: &str, headers: &str, body: &str) -> u16 {
    let host = url.strip_prefix("http://").unwrap();
    let mut tcp = TcpStream::connect(host).unwrap();
    tcp.set_read_timeout(Some(LIVENESS)).unwrap();
    let length = body.len();
    write!(
        tcp,
        "{line} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n{headers}\
         content-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}"
    )
    .unwrap();
    let mut answer = String::new();
    tcp.read_to_string(&mut answer).unwrap();
    answer.split(' ').nth(1).unwrap().parse().unwrap()
}

/// Twelve ports in a row that are free now, apart from those of other tests.
fn base_port(range: u16) -> u16 {
    let first = 31_000 + range * 50;
    (0..20)
        .map(|step| first + step)
        .find(|&base| (base..base + 12).all(|port| TcpListener::bind(("127.0.0.1", port)).is_ok()))
        .expect("twelve free ports in a row")
}

/// Waits until a span like that is there, and gives all of its trace.
fn until(sink: &OtlpSink, number: u32, is: impl Fn(&SeenSpan) -> bool) -> Vec<SeenSpan> {
    let id = trace_id(number);
    wait_until(LIVENESS, || sink.trace(&id).iter().any(&is));
    sink.trace(&id)
}

/// The same, once no span waits for its parent any more: processes send theirs
/// when it suits them.
fn whole(sink: &OtlpSink, number: u32, is: &[&dyn Fn(&SeenSpan) -> bool]) -> Vec<SeenSpan> {
    let id = trace_id(number);
    let complete = |spans: &[SeenSpan]| {
        let ids: BTreeSet<_> = spans.iter().map(|span| span.span_id.as_str()).collect();
        let known =
            |span: &SeenSpan| span.parent == CALLERS_SPAN || ids.contains(span.parent.as_str());
        spans.iter().all(known) && is.iter().all(|is| spans.iter().any(is))
    };
    wait_until(LIVENESS, || complete(&sink.trace(&id)));
    sink.trace(&id)
}

/// From a span to the beginning of its trace: service, kind and name of each.
fn line_of<'a>(spans: &'a [SeenSpan], from: &'a SeenSpan) -> Vec<String> {
    let parent = |span: &&'a SeenSpan| spans.iter().find(|one| one.span_id == span.parent);
    let line: Vec<_> = std::iter::successors(Some(from), parent).collect();
    assert_eq!(line.last().unwrap().parent, CALLERS_SPAN, "{line:#?}");
    let told = |span: &&SeenSpan| format!("{} {} {}", span.service(), span.kind, span.name);
    line.iter().rev().map(told).collect()
}

fn is(service: &str, kind: &str, name: &str) -> impl Fn(&SeenSpan) -> bool {
    move |span| span.service() == service && span.kind == kind && span.name == name
}

fn confirmed(span: &SeenSpan) -> bool {
    let mut events = span.events.iter();
    span.name == "saga" && events.any(|(name, _)| name == "order.confirmed")
}

const TO_ORDERS: [&str; 4] = [
    "gateway server POST /v1/orders",
    "gateway client shop.orders.v1.OrdersService/PlaceOrder",
    "orders server shop.orders.v1.OrdersService/PlaceOrder",
    "orders internal saga",
];

/// A sampled order has one trace, whose edges are the calls.
fn one_order_is_one_trace(shop: &Shop, sink: &OtlpSink) {
    assert_eq!(shop.order(1, true, PATIENT), 201);
    let paid = is("provider", "server", "POST /v1/authorizations");
    let sold = is(
        "inventory",
        "server",
        "shop.inventory.v1.InventoryService/Commit",
    );
    let spans = whole(sink, 1, &[&paid, &sold, &confirmed]);
    let find = |is: &dyn Fn(&SeenSpan) -> bool| spans.iter().find(|span| is(span)).unwrap();
    let to_provider = [
        "orders internal authorize",
        "orders client shop.payments.v1.PaymentsService/Authorize",
        "payments server shop.payments.v1.PaymentsService/Authorize",
        "payments client POST provider",
        "provider server POST /v1/authorizations",
    ];
    let expected = [&TO_ORDERS[..], &to_provider].concat();
    assert_eq!(line_of(&spans, find(&paid)), expected);
    let to_inventory = [
        "orders internal commit",
        "orders client shop.inventory.v1.InventoryService/Commit",
        "inventory server shop.inventory.v1.InventoryService/Commit",
    ];
    let expected = [&TO_ORDERS[..], &to_inventory].concat();
    assert_eq!(line_of(&spans, find(&sold)), expected);

    let saga = find(&confirmed);
    let events: Vec<_> = saga.events.iter().map(|(name, _)| name.as_str()).collect();
    let steps = [
        "recorded",
        "reserved",
        "authorized",
        "captured",
        "confirmed",
    ];
    assert_eq!(events, steps.map(|step| format!("order.{step}")));
    let instances: BTreeSet<_> = spans
        .iter()
        .map(|span| (span.service(), &span.resource["service.instance.id"]))
        .collect();
    for span in &spans {
        let version = &span.resource["service.version"];
        assert_eq!(version, env!("CARGO_PKG_VERSION"), "{}", span.service());
    }
    let services: Vec<_> = instances.iter().map(|(service, _)| *service).collect();
    let all = ["gateway", "inventory", "orders", "payments", "provider"];
    assert_eq!(services, all);
}

#[test]
fn an_order_is_one_trace_through_all_services() {
    let sink = OtlpSink::start();
    let mut shop = Shop::open(0, &sink, "1h");
    one_order_is_one_trace(&shop, &sink);
    assert_eq!(shop.order(2, false, PATIENT), 201);

    // What fails arrives though nobody samples it, and only that.
    shop.faults(ERRORS);
    assert_eq!(shop.order(3, false, IMPATIENT), 202);
    until(
        &sink,
        3,
        is("provider", "server", "POST /v1/authorizations"),
    );
    let authorize = "shop.payments.v1.PaymentsService/Authorize";
    for span in until(&sink, 3, is("payments", "server", authorize)) {
        let promoted = span.attributes.get("sampling.promoted");
        let root = span.kind == "server" || span.name == "saga";
        assert_eq!(
            promoted.map(String::as_str),
            root.then_some("error"),
            "{span:#?}"
        );
        assert!(
            matches!(span.service(), "payments" | "provider"),
            "{span:#?}"
        );
    }

    // A saga whose process dies goes on in its trace.
    assert_eq!(shop.order(4, true, IMPATIENT), 202);
    shop.look();
    shop.kill_orders();
    shop.faults(NO_FAULTS);
    let spans = until(&sink, 4, confirmed);
    let resumed = spans.iter().find(|span| confirmed(span)).unwrap();
    assert_eq!(resumed.attributes["saga.resumed"], "true");
    assert_eq!(resumed.service(), "orders");

    shop.close();
    assert_eq!(sink.trace(&trace_id(2)), []);
}

#[test]
fn a_slow_order_arrives_though_nobody_samples_it() {
    let sink = OtlpSink::start();
    let shop = Shop::open(1, &sink, "1ms");
    // Several writes to the disk take longer than that.
    assert_eq!(shop.order(1, false, PATIENT), 201);
    for root in ["POST /v1/orders", "saga"] {
        let spans = until(&sink, 1, |span| span.name == root);
        let span = spans.iter().find(|span| span.name == root).unwrap();
        assert_eq!(span.attributes["sampling.promoted"], "slow");
        assert_eq!((span.error.as_ref(), span.flags & 1), (None, 0));
    }
    shop.close();
}
