//! What a quiet demo has none of: callers that leave, that ask for too much, that
//! speak no HTTP. Each is an ordinary thing to happen, none is a fault of the
//! shop, and their panels have data afterwards.

use std::io::{Read as _, Result, Write as _};

use super::http::{connect, send};

/// An order as README.md places it.
const ORDER: &str = r#"{"customer_id":"me","payment_method":"pm_card_ok","lines":[{"sku":"tea-assam","quantity":2}]}"#;

/// Rows of an import: two good ones, one bad.
const ROWS: &str = r#"{"sku":"tea-mint","name":"Mint, 50 g","price":{"amount":390,"currency":"EUR"},"quantity":100}
{"sku":"tea-chai","name":"Chai, 100 g","price":{"amount":620,"currency":"EUR"},"quantity":100}
{"sku":"tea-bad","name":"","price":{"amount":1,"currency":"EUR"},"quantity":1}
"#;

/// Does each of them; `round` tells repetitions apart.
pub(super) fn provoke(gateway: u16, admin: u16, round: u32) -> Result<()> {
    let order = post(
        "/v1/orders",
        "application/json",
        ORDER,
        &format!("Idempotency-Key: stack-{round}"),
    );
    let placed = send(gateway, &order)?;
    // Far longer than anybody may wait: it is cut down.
    send(
        gateway,
        &get("/v1/stock/tea-assam", "X-Request-Timeout: 36000000"),
    )?;
    let rows = post(
        "/v1/catalog:import",
        "application/x-ndjson",
        ROWS,
        &format!("Import-Id: stack-{round}"),
    );
    send(gateway, &rows)?;
    // The admin port answers to this machine's names alone.
    send(
        admin,
        "GET /config HTTP/1.0\r\nHost: stranger.example\r\n\r\n",
    )?;
    // No HTTP at all.
    drop(send(gateway, "\u{1}\u{2}\u{3}\r\n\r\n"));
    for again in 0..3 {
        order_and_leave(gateway, &format!("Idempotency-Key: stack-{round}-{again}"))?;
    }
    if let Some(id) = placed
        .split(r#""id":""#)
        .nth(1)
        .and_then(|rest| rest.split('"').next())
    {
        watch_and_leave(gateway, id)?;
    }
    Ok(())
}

/// Places an order and doesn't wait for the answer.
fn order_and_leave(gateway: u16, key: &str) -> Result<()> {
    let order = post("/v1/orders", "application/json", ORDER, key);
    connect(gateway)?.write_all(order.as_bytes())
}

/// Watches an order until something comes, and leaves without a word.
fn watch_and_leave(gateway: u16, id: &str) -> Result<()> {
    let mut stream = connect(gateway)?;
    let request = format!("GET /v1/orders/{id}/events HTTP/1.1\r\nHost: shop\r\n\r\n");
    stream.write_all(request.as_bytes())?;
    let _some = stream.read(&mut [0; 512])?;
    Ok(())
}

fn get(path: &str, header: &str) -> String {
    format!("GET {path} HTTP/1.0\r\nHost: shop\r\n{header}\r\n\r\n")
}

fn post(path: &str, kind: &str, body: &str, header: &str) -> String {
    let length = body.len();
    format!(
        "POST {path} HTTP/1.0\r\nHost: shop\r\nContent-Type: {kind}\r\n\
         Content-Length: {length}\r\n{header}\r\n\r\n{body}"
    )
}
