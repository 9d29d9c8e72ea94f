//! Whatever orders says, over the wire, and what callers get for it.

use std::net::SocketAddr;
use std::time::Duration;

use watertight::Running;

use crate::fake::{self, ORDER, SECRET};
use crate::http::{Answer, Conn, request};
use crate::shop::{ask, order, start_gateway};

const NOWHERE: &str = "http://127.0.0.1:1";

async fn place(addr: SocketAddr, key: &str, more: &[(&str, &str)]) -> Answer {
    let mut headers = vec![
        ("content-type", "application/json"),
        ("idempotency-key", key),
    ];
    headers.extend(more);
    let body = order(&[("tea", 1)]).to_string();
    ask(
        addr,
        &request("POST", "/v1/orders", &headers, body.as_bytes()),
    )
    .await
}

async fn faked() -> (Running, Running) {
    let fake = fake::start().await;
    let gateway = start_gateway(&fake.url(), NOWHERE, &[]).await;
    (fake, gateway)
}

#[watertight::test]
async fn each_end_of_an_order_has_its_answer() {
    let (_fake, gateway) = faked().await;
    for (key, status, slug, reason) in [
        (
            "order:REJECTED:PAYMENT_DECLINED",
            402,
            "payment-declined",
            "PAYMENT_DECLINED",
        ),
        (
            "order:REJECTED:OUT_OF_STOCK",
            409,
            "out-of-stock",
            "OUT_OF_STOCK",
        ),
        (
            "order:REJECTED:RESERVATION_LOST",
            409,
            "reservation-lost",
            "RESERVATION_LOST",
        ),
        (
            "order:REJECTED:TIMED_OUT",
            409,
            "order-timed-out",
            "TIMED_OUT",
        ),
        ("order:CANCELLED", 409, "order-cancelled", "CANCELLED"),
    ] {
        let answer = place(gateway.addr(), key, &[]).await;
        let problem = answer.problem(status, slug);
        assert_eq!(problem["reason"], reason);
        assert_eq!(problem["order"]["id"], ORDER);
        assert_eq!(
            answer.header("location"),
            Some(&*format!("/v1/orders/{ORDER}"))
        );
        assert!(problem["detail"].is_string());
    }
    for (key, status) in [("order:CONFIRMED", 201), ("order:PENDING", 202)] {
        assert_eq!(place(gateway.addr(), key, &[]).await.status(), status);
    }
}

#[watertight::test]
async fn each_refusal_has_its_answer_and_hides_what_is_behind() {
    let (_fake, gateway) = faked().await;
    for (key, status, slug, after) in [
        (
            "error:8:TOO_MANY_ORDERS_IN_FLIGHT:2500",
            429,
            "too-many-orders",
            Some("3"),
        ),
        ("error:8", 429, "too-many-requests", Some("1")),
        ("error:14:STORE_BUSY:50", 503, "unavailable", Some("1")),
        (
            "error:14:STORE_UNAVAILABLE:7000",
            503,
            "unavailable",
            Some("7"),
        ),
        (
            "error:14:OUTCOME_UNKNOWN",
            503,
            "outcome-unknown",
            Some("1"),
        ),
        ("error:14:SHUTTING_DOWN", 503, "outcome-unknown", Some("1")),
        ("error:14", 503, "outcome-unknown", Some("1")),
        ("error:10:CONFLICT", 409, "conflict", Some("1")),
        (
            "error:6:IDEMPOTENCY_KEY_REUSED",
            422,
            "idempotency-key-reused",
            None,
        ),
        (
            "error:4:DEADLINE_PASSED:500",
            504,
            "deadline-exceeded",
            None,
        ),
        ("error:15:STORE_CORRUPT", 502, "upstream-failed", None),
        ("error:13", 502, "upstream-failed", None),
        ("error:2:NEVER_HEARD_OF", 502, "upstream-failed", None),
    ] {
        let answer = place(gateway.addr(), key, &[]).await;
        let problem = answer.problem(status, slug);
        assert_eq!(answer.header("retry-after"), after, "{key}");
        let told = String::from_utf8(answer.body).unwrap();
        assert!(!told.contains(SECRET), "{told}");
        if slug == "outcome-unknown" || slug == "deadline-exceeded" {
            let detail = problem["detail"].as_str().unwrap();
            assert!(
                detail.contains("unknown") && detail.contains("same key"),
                "{detail}"
            );
        }
    }
}

#[watertight::test]
async fn silence_is_a_504_that_says_the_outcome_is_unknown() {
    let (_fake, gateway) = faked().await;
    let short = [("x-request-timeout", "300")];
    let answer = place(gateway.addr(), "silent", &short).await;
    answer.problem(504, "deadline-exceeded");
    let path = format!("/v1/orders/{ORDER}");
    let cancelled = ask(gateway.addr(), &request("DELETE", &path, &short, b"")).await;
    cancelled.problem(504, "deadline-exceeded");
    // A read has nothing that could be in doubt.
    let read = ask(gateway.addr(), &request("GET", &path, &[], b"")).await;
    read.problem(503, "unavailable");
    assert_eq!(read.header("retry-after"), Some("3"));
}

#[watertight::test]
async fn services_that_are_not_there_are_unavailable() {
    let gateway = start_gateway(NOWHERE, NOWHERE, &[]).await;
    let get = |path: &'static str| ask_get(gateway.addr(), path);
    get("/v1/orders").await.problem(503, "unavailable");
    get("/v1/stock/tea").await.problem(503, "unavailable");
    get("/v1/orders/019a9f5e-7c00-7000-8000-000000000001/events")
        .await
        .problem(503, "unavailable");
    place(gateway.addr(), "k", &[])
        .await
        .problem(503, "outcome-unknown");
    let import =
        crate::shop::import(gateway.addr(), "i", crate::shop::row("tea", 1).as_bytes()).await;
    import.problem(503, "outcome-unknown");
}

async fn ask_get(addr: SocketAddr, path: &str) -> Answer {
    ask(addr, &request("GET", path, &[], b"")).await
}

#[watertight::test]
async fn large_answers_are_compressed_for_those_who_ask() {
    let (_fake, gateway) = faked().await;
    let gzip = [("accept-encoding", "gzip")];
    let large = ask(gateway.addr(), &request("GET", "/v1/orders", &gzip, b"")).await;
    assert_eq!(large.header("content-encoding"), Some("gzip"));
    assert!(large.header("vary").unwrap().contains("accept-encoding"));
    assert!(large.body.starts_with(&[0x1f, 0x8b]) && large.body.len() < 4_000);
    let small = ask(gateway.addr(), &request("GET", "/", &gzip, b"")).await;
    assert_eq!(small.header("content-encoding"), None);
    let plain = ask_get(gateway.addr(), "/v1/orders").await;
    assert_eq!(plain.header("content-encoding"), None);
}

#[watertight::test]
async fn who_accepts_nothing_there_is_still_learns_what_became_of_it() {
    let (_fake, gateway) = faked().await;
    for accepted in [
        "identity;q=0",
        "*;q=0",
        "gzip;q=0, identity;q=0",
        "br, *;q=0",
    ] {
        let headers = [("accept-encoding", accepted)];
        let placed = place(gateway.addr(), "order:CONFIRMED", &headers).await;
        assert_eq!(placed.status(), 201, "{accepted}");
        assert_eq!(placed.json()["status"], "CONFIRMED");
        let refused = place(gateway.addr(), "error:10:CONFLICT", &headers).await;
        refused.problem(409, "conflict");
    }
}

#[watertight::test]
async fn a_reader_that_stops_reading_gets_no_more_than_fits() {
    let (fake, made) = fake::start_counted().await;
    let patience = ["--write-stall-timeout", "3s"];
    let gateway = start_gateway(&fake.url(), NOWHERE, &patience).await;
    let mut conn = Conn::open(gateway.addr()).await;
    let path = format!("/v1/orders/{ORDER}/events");
    conn.send(request("GET", &path, &[("accept-encoding", "gzip")], b""))
        .await;
    let head = conn.read.head().await;
    assert_eq!((head.status, head.header("content-encoding")), (200, None));
    // Upstream has changes without end, of more than a kilobyte each. What isn't
    // read isn't made, but for what the sockets and windows on the way hold.
    let mut before = 0;
    while made.count() != before {
        before = made.count();
        testkit::let_pass(
            Duration::from_millis(500),
            "that nothing more is made has no signal",
        )
        .await;
    }
    assert!((1..30_000).contains(&before), "{before} changes");
    // Nobody waits for ever for a reader that is still there.
    testkit::wait_until_async(testkit::LIVENESS, || async {
        gateway.server().in_flight() == 0
    })
    .await;
    drop(conn);
}
