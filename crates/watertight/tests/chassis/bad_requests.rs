//! Bad requests through the extractors, over a real socket: each is refused
//! with a problem document that names the fault.

use crate::common::{app, http1};
use axum::extract::DefaultBodyLimit;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::net::SocketAddr;
use watertight::extract::{Json, Path, Query};
use watertight::{Problem, Running, axum};

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Order {
    customer: String,
    lines: Vec<Line>,
    weight: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    note: Option<Value>,
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Line {
    sku: String,
    quantity: i64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Page {
    limit: Option<u32>,
}

async fn server() -> Running {
    use axum::routing::{get, post};
    let router = axum::Router::new()
        .route(
            "/orders",
            post(async |Json(order): Json<Order>| Json(order)),
        )
        .route(
            "/list",
            get(async |Query(page): Query<Page>| format!("{:?}", page.limit)),
        )
        .route(
            "/stock/{sku}",
            get(async |Path(sku): Path<u32>| sku.to_string()),
        )
        .route(
            "/pair/{a}/{b}",
            get(async |Path((a, b)): Path<(u32, u32)>| format!("{a} {b}")),
        )
        .route(
            "/misfit/{a}",
            get(async |Path((a, b)): Path<(u32, u32)>| format!("{a} {b}")),
        )
        .layer(DefaultBodyLimit::max(1_000));
    app(&[]).http(router).start().await.unwrap()
}

/// Status, headers and body of an answer.
fn split(answer: &str) -> (u16, &str, &str) {
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head[9..12].parse().unwrap(), head, body)
}

async fn refused(addr: SocketAddr, request: &str) -> (u16, Value) {
    let answer = http1(addr, request).await;
    let (status, head, body) = split(&answer);
    assert!(head.contains("application/problem+json"), "{answer}");
    let problem: Value = serde_json::from_str(body).unwrap();
    assert_eq!(problem["status"], status, "{answer}");
    (status, problem)
}

async fn post(addr: SocketAddr, content_type: &str, body: &str) -> (u16, Value) {
    let head = format!("POST /orders HTTP/1.1\r\nhost: t\r\nconnection: close\r\n{content_type}");
    let length = body.len();
    refused(
        addr,
        &format!("{head}content-length: {length}\r\n\r\n{body}"),
    )
    .await
}

const JSON: &str = "content-type: application/json\r\n";

#[watertight::test]
async fn a_good_body_passes() {
    let running = server().await;
    let body = r#"{"customer":"ada","lines":[{"sku":"a","quantity":1}],"weight":null}"#;
    let length = body.len();
    let answer = http1(
        running.addr(),
        &format!("POST /orders HTTP/1.1\r\nhost: t\r\nconnection: close\r\n{JSON}content-length: {length}\r\n\r\n{body}"),
    )
    .await;
    assert_eq!((split(&answer).0, split(&answer).2), (200, body));
    running.shutdown().await;
}

#[watertight::test]
async fn only_json_in_utf8_is_taken() {
    let running = server().await;
    for head in [
        "",
        "content-type: text/plain\r\n",
        "content-type: application/json; charset=latin1\r\n",
        "content-type: application/json\r\ncontent-encoding: gzip\r\n",
    ] {
        let (status, problem) = post(running.addr(), head, "{}").await;
        assert_eq!(status, 415, "{head}");
        assert_eq!(problem["type"], "/problems/unsupported-media-type");
    }
    running.shutdown().await;
}

#[watertight::test]
async fn what_is_not_json_is_placed() {
    let running = server().await;
    let deep = format!("{{\"note\":{}", "[".repeat(500));
    let nan = r#"{"customer":"ada","lines":[{"sku":"a","quantity":NaN}]}"#;
    let infinity = r#"{"customer":"ada","lines":[],"weight":Infinity}"#;
    let huge = r#"{"customer":"ada","lines":[],"weight":1e999}"#;
    let cases = [
        ("", "empty"),
        (" \n", "empty"),
        ("{\"customer\":\n  ada}", "line 2 column 3"),
        ("{\"customer\":\"ada\"", "EOF while parsing"),
        (r#"{"customer":"a","lines":[]} x"#, "trailing characters"),
        (&deep, "recursion limit exceeded"),
        (nan, "line 1 column 50"),
        (infinity, "line 1 column 39"),
        (huge, "number out of range"),
    ];
    for (body, expected) in cases {
        let (status, problem) = post(running.addr(), JSON, body).await;
        assert_eq!(status, 400, "{body}");
        assert_eq!(problem["type"], "/problems/malformed-request", "{body}");
        let detail = problem["detail"].as_str().unwrap();
        assert!(detail.contains(expected), "{body}: {detail}");
    }
    running.shutdown().await;
}

#[watertight::test]
async fn the_field_at_fault_is_named() {
    let running = server().await;
    let line =
        |line: &str| format!(r#"{{"customer":"ada","lines":[{{"sku":"a","quantity":1}},{line}]}}"#);
    let long = line(&format!(
        r#"{{"sku":"a","quantity":"{}"}}"#,
        "9".repeat(600)
    ));
    let cases = [
        (
            line(r#"{"sku":"a","quantity":"1"}"#),
            "lines[1].quantity",
            "invalid type: string",
        ),
        (
            line(r#"{"sku":"a","quantity":9223372036854775808}"#),
            "lines[1].quantity",
            "9223372036854775808",
        ),
        (
            line(r#"{"sku":"a","quantity":18446744073709551616}"#),
            "lines[1].quantity",
            "floating point",
        ),
        (
            line(r#"{"sku":"a","quantity":1.5}"#),
            "lines[1].quantity",
            "1.5",
        ),
        (
            line(r#"{"sku":"a","qty":1}"#),
            "lines[1].qty",
            "unknown field",
        ),
        (line(r#"{"sku":"a"}"#), "lines[1].quantity", "missing field"),
        (
            line(r#"{"sku":"a","sku":"b","quantity":1}"#),
            "lines[1].sku",
            "duplicate field",
        ),
        (r#"{"kunde":1}"#.to_owned(), "kunde", "unknown field"),
        (r#"{"lines":[]}"#.to_owned(), "customer", "missing field"),
        (long, "lines[1].quantity", "…"),
    ];
    for (body, field, expected) in cases {
        let (status, problem) = post(running.addr(), JSON, &body).await;
        assert_eq!(status, 400, "{body}");
        assert_eq!(problem["type"], "/problems/invalid-request", "{body}");
        assert_eq!(problem["errors"][0]["field"], field, "{problem}");
        let detail = problem["errors"][0]["detail"].as_str().unwrap();
        assert!(
            detail.contains(expected) && detail.len() < 300,
            "{body}: {detail}"
        );
    }
    let (_, problem) = post(running.addr(), JSON, "[]").await;
    assert!(
        problem["detail"].as_str().unwrap().contains("invalid"),
        "{problem}"
    );
    running.shutdown().await;
}

#[watertight::test]
async fn invalid_utf8_is_refused() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let running = server().await;
    let mut tcp = tokio::net::TcpStream::connect(running.addr())
        .await
        .unwrap();
    let head = format!(
        "POST /orders HTTP/1.1\r\nhost: t\r\nconnection: close\r\n{JSON}content-length: 16\r\n\r\n"
    );
    tcp.write_all(head.as_bytes()).await.unwrap();
    tcp.write_all(b"{\"customer\":\"\xff\"}").await.unwrap();
    let mut answer = String::new();
    tcp.read_to_string(&mut answer).await.unwrap();
    let (status, _, body) = split(&answer);
    assert_eq!(status, 400);
    assert!(
        body.contains("not UTF-8: invalid byte at offset 13"),
        "{body}"
    );
    running.shutdown().await;
}

#[watertight::test]
async fn too_long_is_refused_declared_or_not() {
    let running = server().await;
    // Nothing of the body is ever sent: only the declared length can be what is refused,
    // and a client that asks is not told to go on.
    let declared = format!(
        "POST /orders HTTP/1.1\r\nhost: t\r\nconnection: close\r\n{JSON}expect: 100-continue\r\ncontent-length: 1001\r\n\r\n"
    );
    let chunk = "a".repeat(600);
    let chunked = format!(
        "POST /orders HTTP/1.1\r\nhost: t\r\nconnection: close\r\n{JSON}transfer-encoding: chunked\r\n\r\n258\r\n{chunk}\r\n258\r\n{chunk}\r\n0\r\n\r\n"
    );
    for request in [declared, chunked] {
        let (status, problem) = refused(running.addr(), &request).await;
        assert_eq!((status, &problem["bytes_max"]), (413, &1_000.into()));
        assert_eq!(problem["type"], "/problems/body-too-large");
    }
    running.shutdown().await;
}

#[watertight::test]
async fn parameters_are_named() {
    let running = server().await;
    let cases = [
        ("/list?limit=x", "limit", "invalid digit"),
        ("/list?limit=-1", "limit", "invalid digit"),
        ("/list?limit=4294967296", "limit", "too large"),
        ("/list?limt=1", "limt", "unknown field"),
        ("/list?limit=1&limit=2", "limit", "duplicate field"),
        ("/stock/x", "sku", "\"x\" is no u32"),
        ("/stock/%ff", "sku", "not UTF-8"),
        ("/pair/1/x", "b", "\"x\" is no u32"),
    ];
    for (path, field, expected) in cases {
        let (status, problem) = get(running.addr(), path).await;
        assert_eq!(status, 400, "{path}: {problem}");
        assert_eq!(problem["type"], "/problems/invalid-request", "{path}");
        assert_eq!(problem["errors"][0]["field"], field, "{path}: {problem}");
        let detail = problem["errors"][0]["detail"].as_str().unwrap();
        assert!(detail.contains(expected), "{path}: {detail}");
    }
    let (status, problem) = get(running.addr(), "/list?limit=%ff").await;
    assert_eq!(
        (status, &problem["type"]),
        (400, &"/problems/malformed-request".into())
    );
    assert_eq!(get(running.addr(), "/misfit/1").await.0, 500);
    running.shutdown().await;
}

async fn get(addr: SocketAddr, path: &str) -> (u16, Value) {
    refused(
        addr,
        &format!("GET {path} HTTP/1.1\r\nhost: t\r\nconnection: close\r\n\r\n"),
    )
    .await
}

#[watertight::test]
async fn handlers_return_problems_of_their_own() {
    use watertight::ProblemKind;
    const OUT_OF_STOCK: ProblemKind = ProblemKind::new("out-of-stock", "Out of stock", 409);
    let handler = async || -> Result<&'static str, Problem> {
        Err(Problem::new(&OUT_OF_STOCK)
            .detail("none left")
            .with("sku", "bolt"))
    };
    let router = axum::Router::new().route("/", axum::routing::get(handler));
    let running = app(&[]).http(router).start().await.unwrap();
    let (status, problem) = get(running.addr(), "/").await;
    assert_eq!(status, 409);
    assert_eq!(problem["type"], "/problems/out-of-stock");
    assert_eq!(problem["sku"], "bolt");
    running.shutdown().await;
}
