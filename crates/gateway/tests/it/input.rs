//! What must not come in, and what is said to it.

use std::time::Duration;

use serde_json::{Value, json};
use watertight::{Either, race};

use crate::http::{Answer, Conn, request};
use crate::shop::{Shop, ask, order};

const JSON: (&str, &str) = ("content-type", "application/json");
const KEY: (&str, &str) = ("idempotency-key", "k");

async fn post(shop: &Shop, body: &[u8]) -> Answer {
    ask(
        shop.addr(),
        &request("POST", "/v1/orders", &[JSON, KEY], body),
    )
    .await
}

/// The fields that a problem names.
fn fields(problem: &Value) -> Vec<&str> {
    let errors = problem["errors"].as_array().unwrap();
    errors
        .iter()
        .map(|error| error["field"].as_str().unwrap())
        .collect()
}

#[watertight::test]
async fn bodies_that_are_no_order() {
    let shop = Shop::start().await;
    let text =
        |line: &str| format!(r#"{{"customer_id":"ada","payment_method":"pm","lines":[{line}]}}"#);
    let good = text(r#"{"sku":"tea","quantity":1}"#);
    for broken in [
        &good.as_bytes()[..20],
        b"{",
        b"nonsense",
        b"  ",
        good.replace(":1", ":NaN").as_bytes(),
        good.replace("tea", "t\u{0}a").as_bytes(),
        &[good.as_bytes(), b"{}"].concat(),
        &[&good.as_bytes()[..16], b"\xff\xfe", &good.as_bytes()[17..]].concat(),
        "[".repeat(100_000).as_bytes(),
        format!("{{\"lines\":{}", "[".repeat(100_000)).as_bytes(),
    ] {
        let answer = post(&shop, broken).await;
        let json = answer.json();
        let shown = String::from_utf8_lossy(&broken[..broken.len().min(40)]).into_owned();
        assert_eq!(answer.status(), 400, "{shown}: {json}");
        assert!(json["detail"].as_str().unwrap().len() < 400, "{json}");
        assert_eq!(
            json["trace_id"].as_str(),
            answer.header("x-trace-id"),
            "{json}"
        );
        assert_eq!(json["trace_id"].as_str().map(str::len), Some(32), "{json}");
    }
    for (line, field) in [
        (
            r#"{"sku":"tea","quantity":9223372036854775808}"#,
            "lines[0].quantity",
        ),
        (r#"{"sku":"tea","quantity":1e99}"#, "lines[0].quantity"),
        (r#"{"sku":"tea","quantity":1.5}"#, "lines[0].quantity"),
        (r#"{"sku":"tea","quantity":"1"}"#, "lines[0].quantity"),
        (r#"{"sku":"tea","quantity":1,"price":5}"#, "lines[0].price"),
        (r#"{"sku":"tea"}"#, "lines[0].quantity"),
        (r#"{"sku":"tea","sku":"jam","quantity":1}"#, "lines[0].sku"),
        (r#"["tea",1]"#, "lines[0]"),
        (r#"{"sku":"tea","quantity":0}"#, "lines[0].quantity"),
        (r#"{"sku":"no tea","quantity":1}"#, "lines[0].sku"),
    ] {
        let problem = post(&shop, text(line).as_bytes())
            .await
            .problem(400, "invalid-request");
        assert_eq!(fields(&problem), [field], "{problem}");
    }
    let many = json!({"customer_id": "", "payment_method": "a b", "lines": []}).to_string();
    let problem = post(&shop, many.as_bytes())
        .await
        .problem(400, "invalid-request");
    assert_eq!(fields(&problem), ["customer_id", "lines", "payment_method"]);
    assert_eq!(shop.get("/v1/orders").await.json(), json!({"orders": []}));
}

#[watertight::test]
async fn headers_that_are_missing_or_bad() {
    let shop = Shop::start().await;
    let body = order(&[("tea", 1)]).to_string();
    let long = "k".repeat(256);
    for keys in [
        &[][..],
        &["a b"],
        &[""],
        &["schlüssel"],
        &[&long],
        &["a", "b"],
    ] {
        let mut headers = vec![JSON];
        headers.extend(keys.iter().map(|key| ("idempotency-key", *key)));
        let answer = ask(
            shop.addr(),
            &request("POST", "/v1/orders", &headers, body.as_bytes()),
        )
        .await;
        let problem = answer.problem(400, "invalid-request");
        assert_eq!(fields(&problem), ["Idempotency-Key"], "{keys:?}");
    }
    for kind in [
        "text/plain",
        "application/x-www-form-urlencoded",
        "application/json; charset=latin1",
    ] {
        let headers = [("content-type", kind), KEY];
        let answer = ask(
            shop.addr(),
            &request("POST", "/v1/orders", &headers, body.as_bytes()),
        )
        .await;
        answer.problem(415, "unsupported-media-type");
    }
    let answer = ask(
        shop.addr(),
        &request("POST", "/v1/orders", &[KEY], body.as_bytes()),
    )
    .await;
    answer.problem(415, "unsupported-media-type");
    for timeout in ["soon", "-1", "1.5"] {
        let headers = [("x-request-timeout", timeout)];
        let answer = shop.get_with("/v1/orders", &headers).await;
        assert_eq!(answer.status(), 400, "{timeout}");
    }
    let huge = "x".repeat(20 * 1024);
    let answer = shop.get_with("/v1/orders", &[("x-huge", &huge)]).await;
    assert_eq!(answer.status(), 431);
}

#[watertight::test]
async fn bodies_over_a_mebibyte_are_refused() {
    let shop = Shop::start().await;
    let mut conn = Conn::open(shop.addr()).await;
    // Declared too long: refused before a byte of it was sent.
    let head = "POST /v1/orders HTTP/1.1\r\nhost: shop\r\ncontent-type: application/json\r\n\
                idempotency-key: k\r\ncontent-length: 1048577\r\n\r\n";
    conn.send(head).await;
    let problem = conn.answer().await.problem(413, "body-too-large");
    assert_eq!(problem["bytes_max"], 1_048_576);
    // In chunks nobody knows before it is too long.
    let mut conn = Conn::open(shop.addr()).await;
    let head = "POST /v1/orders HTTP/1.1\r\nhost: shop\r\ncontent-type: application/json\r\n\
                idempotency-key: k\r\ntransfer-encoding: chunked\r\n\r\n";
    conn.send(head).await;
    let piece = format!("10000\r\n{}\r\n", " ".repeat(0x1_0000));
    for _ in 0..17 {
        if !conn.send_if_taken(&piece).await {
            break;
        }
    }
    conn.answer().await.problem(413, "body-too-large");
    // One that just fits is read, and is then no JSON.
    let fits = " ".repeat(1_048_576);
    post(&shop, fits.as_bytes())
        .await
        .problem(400, "malformed-request");
}

#[watertight::test]
async fn unknown_paths_and_wrong_methods() {
    let shop = Shop::start().await;
    for path in [
        "/v1/nothing",
        "/v1/orders/",
        "/V1/orders",
        "/v1/orders/a/b",
        "//",
    ] {
        shop.get(path).await.problem(404, "not-found");
    }
    for (method, path, allowed) in [
        ("PUT", "/v1/orders", &["GET", "HEAD", "POST"][..]),
        ("POST", "/v1/orders/x", &["DELETE", "GET", "HEAD"]),
        ("GET", "/v1/catalog:import", &["POST"]),
        ("DELETE", "/v1/stock/tea", &["GET", "HEAD"]),
        ("PATCH", "/v1/orders/x/events", &["GET", "HEAD"]),
    ] {
        let answer = ask(shop.addr(), &request(method, path, &[], b"")).await;
        answer.problem(405, "method-not-allowed");
        let allow = answer.header("allow").unwrap();
        let mut names: Vec<_> = allow.split(',').map(str::trim).collect();
        names.sort_unstable();
        assert_eq!(names, allowed, "{method} {path}");
    }
    for (path, status, slug, field) in [
        ("/v1/orders/not-a-uuid", 400, "invalid-request", "id"),
        ("/v1/orders?limit=0", 400, "invalid-request", "limit"),
        ("/v1/orders?limit=1001", 400, "invalid-request", "limit"),
        ("/v1/orders?limit=x", 400, "invalid-request", "limit"),
        (
            "/v1/orders?cursor=made-up",
            400,
            "invalid-request",
            "cursor",
        ),
        ("/v1/orders?cursor=", 400, "invalid-request", "cursor"),
        ("/v1/orders?colour=red", 400, "invalid-request", "colour"),
        ("/v1/stock/no%20tea", 400, "invalid-request", "sku"),
    ] {
        let problem = shop.get(path).await.problem(status, slug);
        assert_eq!(fields(&problem), [field], "{path}");
    }
    let nobody = "/v1/orders/019a9f5e-7c00-7000-8000-000000000001";
    shop.get(nobody).await.problem(404, "order-not-found");
    shop.delete(nobody, &[])
        .await
        .problem(404, "order-not-found");
    shop.get(&format!("{nobody}/events"))
        .await
        .problem(404, "order-not-found");
    shop.get("/v1/stock/moon")
        .await
        .problem(404, "sku-not-found");
}

#[watertight::test]
async fn a_body_that_trickles_meets_the_deadline() {
    let shop = Shop::start().await;
    let mut conn = Conn::open(shop.addr()).await;
    let head = "POST /v1/orders HTTP/1.1\r\nhost: shop\r\ncontent-type: application/json\r\n\
                idempotency-key: k\r\nx-request-timeout: 300\r\ntransfer-encoding: chunked\r\n\r\n";
    conn.send(head).await;
    let (mut write, mut read) = (conn.write, conn.read);
    let trickle = async {
        use tokio::io::AsyncWriteExt as _;
        while write.write_all(b"1\r\n \r\n").await.is_ok() {
            testkit::let_pass(Duration::from_millis(20), "a caller that trickles").await;
        }
        std::future::pending::<()>().await;
    };
    let Either::Left(answer) = race(read.answer(), trickle).await else {
        unreachable!("the trickle never ends");
    };
    assert_eq!(answer.status(), 504);
}

#[watertight::test]
async fn expectations_and_pipelines_are_answered_in_order() {
    let shop = Shop::stocked().await;
    let body = order(&[("tea", 1)]).to_string();
    let mut conn = Conn::open(shop.addr()).await;
    let length = body.len().to_string();
    let headers = [
        JSON,
        KEY,
        ("expect", "100-continue"),
        ("content-length", &length),
    ];
    conn.send(request("POST", "/v1/orders", &headers, b""))
        .await;
    assert_eq!(conn.read.one_head().await.status, 100);
    conn.send(&body).await;
    assert_eq!(conn.answer().await.status(), 201);
    let both = [
        request("GET", "/v1/stock/tea", &[], b""),
        request("GET", "/v1/nothing", &[], b""),
        request("GET", "/v1/stock/jam", &[], b""),
    ];
    conn.send(both.concat()).await;
    assert_eq!(conn.answer().await.json()["sku"], "tea");
    conn.answer().await.problem(404, "not-found");
    assert_eq!(conn.answer().await.json()["sku"], "jam");
}

#[watertight::test]
async fn browsers_of_other_origins_are_let_in_only_if_named() {
    let shop = Shop::start().await;
    let origin = [("origin", "https://shop.example")];
    let answer = shop.get_with("/v1/orders", &origin).await;
    assert_eq!(answer.header("access-control-allow-origin"), None);
    let open = crate::shop::start_gateway(
        &shop.orders.url(),
        &shop.inventory.url(),
        &["--cors-origin", "https://shop.example"],
    )
    .await;
    let asks = |origin| {
        let asked = ("access-control-request-method", "POST");
        let with = (
            "access-control-request-headers",
            "idempotency-key,content-type",
        );
        request(
            "OPTIONS",
            "/v1/orders",
            &[("origin", origin), asked, with],
            b"",
        )
    };
    let allowed = ask(open.addr(), &asks("https://shop.example")).await;
    assert_eq!(
        allowed.header("access-control-allow-origin"),
        Some("https://shop.example")
    );
    let headers = allowed.header("access-control-allow-headers").unwrap();
    assert!(headers.contains("idempotency-key"), "{headers}");
    let other = ask(open.addr(), &asks("https://evil.example")).await;
    assert_eq!(other.header("access-control-allow-origin"), None);
    let read = ask(open.addr(), &request("GET", "/v1/orders", &origin, b"")).await;
    assert!(
        read.header("access-control-expose-headers")
            .unwrap()
            .contains("etag")
    );
}
