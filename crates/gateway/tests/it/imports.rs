//! Imports over the wire.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::AsyncWriteExt as _;
use watertight::{App, race};

use crate::fake_inventory;
use crate::http::{Conn, request};
use crate::shop::{Shop, args, ask, import, row, start_gateway};

fn lines(body: &[u8]) -> Vec<Value> {
    let text = std::str::from_utf8(body).unwrap();
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

/// The head of an import in chunks.
fn head(id: &str) -> Vec<u8> {
    let headers = [
        ("content-type", "application/x-ndjson"),
        ("import-id", id),
        ("transfer-encoding", "chunked"),
    ];
    request("POST", "/v1/catalog:import", &headers, b"")
}

async fn acknowledged(conn: &mut Conn) -> Value {
    let chunk = conn.read.chunk().await.unwrap();
    let mut said = lines(&chunk);
    assert_eq!(said.len(), 1, "{said:?}");
    said.remove(0)
}

#[watertight::test]
async fn rows_are_taken_once_per_import() {
    let shop = Shop::start().await;
    let rows: String = (0..2_500)
        .map(|n| row(&format!("sku-{}", n % 10), 2))
        .collect();
    let first = import(shop.addr(), "i", rows.as_bytes()).await;
    assert_eq!(
        (first.status(), first.header("content-type")),
        (200, Some("application/x-ndjson"))
    );
    let said = lines(&first.body);
    let counts: Vec<_> = said
        .iter()
        .map(|line| line["rows"].as_u64().unwrap())
        .collect();
    assert_eq!(counts, [1_000, 1_000, 500, 2_500]);
    assert_eq!(said[1]["last_row"], 2_000);
    let summary = json!({"done": true, "rows": 2_500, "imported": 2_500, "already_imported": 0, "rejected": 0});
    assert_eq!(said[3], summary);
    let again = import(shop.addr(), "i", rows.as_bytes()).await;
    let summary = json!({"done": true, "rows": 2_500, "imported": 0, "already_imported": 2_500, "rejected": 0});
    assert_eq!(lines(&again.body).pop().unwrap(), summary);
    assert_eq!(shop.received("sku-3").await, 500);
    let empty = import(shop.addr(), "empty", b"").await;
    assert_eq!(lines(&empty.body)[0]["done"], true);
}

#[watertight::test]
async fn bad_rows_are_named_and_the_others_go_on() {
    let shop = Shop::start().await;
    let long = format!("{{\"sku\":\"{}\"}}\n", "x".repeat(17 * 1024));
    let body = [
        row("tea", 1),
        "nonsense\n".to_owned(),
        "\n  \r\n".to_owned(),
        row("no tea", 1),
        long,
        row("tea", 1).replace("EUR", "XXX"),
        row("tea", 1).replace("quantity", "amount"),
        row("tea", 1).replace("\"quantity\":1", "\"quantity\":9223372036854775808"),
        "[".repeat(9_000) + "\n",
        format!("{}\n", json!([1, "tea", {}, "tea"])),
        row("jam", 5).trim_end().to_owned(),
    ];
    let answer = import(shop.addr(), "i", body.concat().as_bytes()).await;
    let said = lines(&answer.body);
    let rejected = said[0]["rejected_rows"].as_array().unwrap();
    let named: Vec<_> = rejected
        .iter()
        .map(|row| {
            (
                row["row"].as_u64().unwrap(),
                row["field"].as_str().unwrap_or(""),
            )
        })
        .collect();
    let expected = [
        (2, ""),
        (5, "sku"),
        (6, ""),
        (7, "price.currency"),
        (8, "amount"),
        (9, "quantity"),
        (10, ""),
        (11, ""),
    ];
    assert_eq!(named, expected, "{rejected:?}");
    assert!(
        rejected[2]["reason"].as_str().unwrap().contains("16384"),
        "{rejected:?}"
    );
    assert_eq!(
        (&said[1]["imported"], &said[1]["rejected"]),
        (&json!(2), &json!(8))
    );
    assert_eq!(
        (shop.received("tea").await, shop.received("jam").await),
        (1, 5)
    );
}

#[watertight::test]
async fn only_the_first_thousand_bad_rows_are_named() {
    let shop = Shop::start().await;
    let body = "bad\n".repeat(2_100) + &row("tea", 1);
    let answer = import(shop.addr(), "i", body.as_bytes()).await;
    let said = lines(&answer.body);
    let named: usize = said
        .iter()
        .filter_map(|line| Some(line["rejected_rows"].as_array()?.len()))
        .sum();
    assert_eq!(named, 1_000);
    let last = said.last().unwrap();
    assert_eq!(
        (&last["rejected"], &last["imported"]),
        (&json!(2_100), &json!(1))
    );
}

#[watertight::test]
async fn steps_are_acknowledged_while_the_body_is_sent() {
    let shop = Shop::start().await;
    let mut conn = Conn::open(shop.addr()).await;
    conn.send(head("i")).await;
    for step in 1..=3 {
        conn.chunk(row("tea", 1).repeat(1_000)).await;
        if step == 1 {
            assert_eq!(conn.read.head().await.status, 200);
        }
        let said = acknowledged(&mut conn).await;
        assert_eq!(
            (&said["imported"], &said["last_row"]),
            (&json!(1_000), &json!(step * 1_000))
        );
        // It is durable by the time that it is acknowledged.
        assert_eq!(shop.received("tea").await, step * 1_000);
    }
    conn.chunk("").await;
    assert_eq!(acknowledged(&mut conn).await["done"], true);
}

#[watertight::test]
async fn an_import_that_is_cut_has_taken_what_was_acknowledged() {
    let shop = Shop::start().await;
    for (n, rest) in [
        // In the middle of a line; after a line, in the middle of a step; and
        // with the promise of more than comes.
        row("tea", 1)[..20].to_owned(),
        row("tea", 1).repeat(3),
        row("tea", 1).repeat(999) + &row("tea", 1)[..5],
    ]
    .iter()
    .enumerate()
    {
        let before = shop.received("tea").await;
        let mut conn = Conn::open(shop.addr()).await;
        let id = format!("cut-{n}");
        conn.send(head(&id)).await;
        conn.chunk(row("tea", 1).repeat(2_000)).await;
        assert_eq!(conn.read.head().await.status, 200);
        let said = [acknowledged(&mut conn).await, acknowledged(&mut conn).await];
        assert_eq!(
            said.map(|line| line["imported"].as_i64().unwrap()),
            [1_000, 1_000]
        );
        conn.chunk(rest).await;
        drop(conn);
        testkit::wait_until_async(testkit::LIVENESS, || async {
            shop.gateway.server().in_flight() == 0
        })
        .await;
        assert_eq!(shop.received("tea").await, before + 2_000);
        // The whole of it under the same id takes the rest and nothing twice.
        let whole = row("tea", 1).repeat(3_000);
        let answer = import(shop.addr(), &id, whole.as_bytes()).await;
        let summary = lines(&answer.body).pop().unwrap();
        assert_eq!(
            (&summary["imported"], &summary["already_imported"]),
            (&json!(1_000), &json!(2_000))
        );
        assert_eq!(shop.received("tea").await, before + 3_000);
    }
}

#[watertight::test]
async fn a_body_that_breaks_the_protocol_breaks_the_import() {
    let shop = Shop::start().await;
    let mut conn = Conn::open(shop.addr()).await;
    conn.send(head("i")).await;
    conn.chunk(row("tea", 1).repeat(1_500)).await;
    assert_eq!(conn.read.head().await.status, 200);
    acknowledged(&mut conn).await;
    conn.send("this is no chunk\r\n").await;
    let mut said = Vec::new();
    let end = loop {
        match conn.read.try_chunk().await {
            Ok(Some(chunk)) => said.extend(lines(&chunk)),
            end => break end,
        }
    };
    assert_eq!(end, Err(()), "the stream must be broken off");
    assert_eq!(
        said[0]["error"]["type"], "/problems/malformed-request",
        "{said:?}"
    );
    assert_eq!(shop.received("tea").await, 1_000);
}

#[watertight::test]
async fn an_inventory_that_goes_away_ends_the_import() {
    let shop = Shop::start().await;
    let addr = shop.addr();
    let mut conn = Conn::open(addr).await;
    conn.send(head("i")).await;
    conn.chunk(row("tea", 1).repeat(1_000)).await;
    assert_eq!(conn.read.head().await.status, 200);
    acknowledged(&mut conn).await;
    let gone = shop.inventory.shutdown();
    drop(gone.await);
    conn.chunk(row("tea", 1).repeat(1_000)).await;
    let said = acknowledged(&mut conn).await;
    assert_eq!(said["error"]["status"], 503, "{said}");
    assert_eq!(said["error"]["type"], "/problems/outcome-unknown");
    assert_eq!(conn.read.try_chunk().await, Err(()));
}

#[watertight::test]
async fn imports_are_named_typed_and_bounded() {
    let shop = Shop::with(&["--imports-max", "1"], &[]).await;
    let (ndjson, id) = (("content-type", "application/x-ndjson"), ("import-id", "i"));
    let long = "i".repeat(201);
    for (headers, status, slug) in [
        (vec![ndjson], 400, "invalid-request"),
        (vec![ndjson, ("import-id", &long)], 400, "invalid-request"),
        (vec![id], 415, "unsupported-media-type"),
        (
            vec![id, ("content-type", "application/json")],
            415,
            "unsupported-media-type",
        ),
        (
            vec![id, ("content-type", "application/x-ndjson; charset=latin1")],
            415,
            "unsupported-media-type",
        ),
        (vec![id, ndjson, ndjson], 415, "unsupported-media-type"),
        (
            vec![id, ndjson, ("content-encoding", "gzip")],
            415,
            "unsupported-media-type",
        ),
    ] {
        let body = row("tea", 1);
        let answer = ask(
            shop.addr(),
            &request("POST", "/v1/catalog:import", &headers, body.as_bytes()),
        )
        .await;
        answer.problem(status, slug);
        if status == 415 {
            assert_eq!(answer.header("accept-post"), Some("application/x-ndjson"));
        }
    }
    let mut first = Conn::open(shop.addr()).await;
    first.send(head("first")).await;
    first.chunk(row("tea", 1).repeat(1_000)).await;
    assert_eq!(first.read.head().await.status, 200);
    let second = import(shop.addr(), "second", row("tea", 1).as_bytes()).await;
    second.problem(429, "too-many-imports");
    assert!(second.header("retry-after").is_some());
    first.chunk("").await;
    while first.read.chunk().await.is_some() {}
    let second = import(shop.addr(), "second", row("tea", 1).as_bytes()).await;
    assert_eq!(second.status(), 200);
    let late = start_gateway(
        &shop.orders.url(),
        &shop.inventory.url(),
        &["--import-timeout", "200ms"],
    )
    .await;
    let mut slow = Conn::open(late.addr()).await;
    slow.send(head("slow")).await;
    assert_eq!(slow.answer().await.status(), 504);
}

#[watertight::test]
async fn acknowledgments_are_not_held_back_by_compression() {
    let shop = Shop::start().await;
    let headers = [
        ("content-type", "application/x-ndjson"),
        ("import-id", "i"),
        ("accept-encoding", "gzip"),
    ];
    let body = "bad\n".repeat(1_500);
    let answer = ask(
        shop.addr(),
        &request("POST", "/v1/catalog:import", &headers, body.as_bytes()),
    )
    .await;
    assert_eq!(answer.header("content-encoding"), None);
    assert_eq!(lines(&answer.body).len(), 3);
}

#[watertight::test]
async fn a_body_that_goes_silent_ends_the_import() {
    let flags = ["--body-idle-timeout", "100ms"];
    let shop = Shop::with(&flags, &[]).await;
    let mut conn = Conn::open(shop.addr()).await;
    conn.send(head("i")).await;
    conn.chunk(row("tea", 1).repeat(1_500)).await;
    assert_eq!(conn.read.head().await.status, 200);
    assert_eq!(acknowledged(&mut conn).await["imported"], 1_000);
    // The chassis ends it; whether a last word gets through is up to it.
    while let Ok(chunk) = conn.read.try_chunk().await {
        let said = lines(&chunk.unwrap());
        assert_eq!(said[0]["error"]["type"], "/problems/request-timeout");
    }
    assert_eq!(shop.received("tea").await, 1_000);
}

#[watertight::test]
async fn a_step_is_tried_again_under_the_same_id() {
    for (refused, status) in [(2, 200), (9, 503)] {
        let (fake, seen) = fake_inventory::start(refused).await;
        let gateway = start_gateway("http://127.0.0.1:1", &fake.url(), &[]).await;
        let body = row("tea", 1).repeat(1_500);
        let answer = import(gateway.addr(), "i", body.as_bytes()).await;
        assert_eq!(answer.status(), status);
        let step = |number, rows| (format!("i/{number}"), rows);
        if status == 200 {
            let expected = [vec![step(1, 1_000); 3], vec![step(2, 500); 3]].concat();
            assert_eq!(seen.calls(), expected);
        } else {
            answer.problem(503, "unavailable");
            assert_eq!(seen.calls(), vec![step(1, 1_000); 5]);
        }
    }
}

/// The names of steps are kept by inventory: if they meant other rows in another
/// gateway, a repeated import would be counted twice.
#[watertight::test]
async fn a_body_is_cut_into_the_same_steps_by_every_gateway() {
    let flags = args("gateway", None, &["--import-chunk-rows", "10"]);
    let refused = gateway::build(App::new("gateway", flags))
        .await
        .unwrap_err();
    let why = refused.to_string();
    assert!(why.contains("--import-chunk-rows"), "{why}");

    let (fake, seen) = fake_inventory::start(0).await;
    let gateway = start_gateway("http://127.0.0.1:1", &fake.url(), &[]).await;
    // By lines, bad and blank ones among them, then by bytes.
    let small = ["bad\n".to_owned(), row("tea", 1), "\n".to_owned()].concat();
    let wide = row(&"t".repeat(8_000), 1);
    let body = small.repeat(500) + &wide.repeat(100);
    let answer = import(gateway.addr(), "i", body.as_bytes()).await;
    assert_eq!(answer.status(), 200);
    let bytes_max = 1024 * 1024;
    let by_bytes = bytes_max / (wide.len() - 1) + 1;
    let step = |number, rows| (format!("i/{number}"), rows);
    let expected = [step(1, 500), step(2, by_bytes), step(3, 100 - by_bytes)];
    assert_eq!(seen.calls(), expected);
}

/// Its whole time bounds an import, not the time until its first acknowledgment.
#[watertight::test]
async fn an_import_that_goes_on_for_too_long_is_broken_off() {
    let shop = Shop::with(&["--import-timeout", "2s"], &[]).await;
    let (mut conn, taken) = loop {
        let mut conn = Conn::open(shop.addr()).await;
        conn.send(head("i")).await;
        conn.chunk(row("tea", 1).repeat(1_000)).await;
        // A slow machine may not come to the first acknowledgment in time.
        match conn.read.head().await.status {
            504 => {}
            status => {
                assert_eq!(status, 200);
                let said = acknowledged(&mut conn).await;
                break (conn, said["last_row"].clone());
            }
        }
    };
    assert_eq!(taken, 1_000);
    // Bytes come all the time, so it isn't silence that ends it.
    let (read, write) = (&mut conn.read, &mut conn.write);
    let sends = async {
        let line = row("tea", 1);
        let chunk = format!("{:x}\r\n{line}\r\n", line.len());
        while write.write_all(chunk.as_bytes()).await.is_ok() {
            testkit::let_pass(Duration::from_millis(50), "a caller that trickles").await;
        }
        std::future::pending::<()>().await;
    };
    let reads = async {
        while let Ok(chunk) = read.try_chunk().await {
            let said = lines(&chunk.unwrap());
            assert!(said[0]["error"].is_object(), "{said:?}");
        }
    };
    race(reads, sends).await;
    assert_eq!(shop.received("tea").await, 1_000);
}

#[watertight::test]
async fn an_import_id_stands_for_its_body() {
    let shop = Shop::start().await;
    let (tea, jam) = (row("tea", 1), row("jam", 5));
    let first = import(shop.addr(), "i", format!("bad\n{jam}").as_bytes()).await;
    assert_eq!(lines(&first.body)[0]["imported"], 1);
    // The bad row mended, another quantity, another SKU, less: none of it is
    // what was counted, so none of it may pass for taken.
    for other in [
        format!("{tea}{jam}"),
        row("jam", 6),
        tea.clone(),
        format!("{tea}bad\n{jam}"),
    ] {
        let refused = import(shop.addr(), "i", other.as_bytes()).await;
        let problem = refused.problem(422, "import-id-reused");
        assert!(problem["detail"].as_str().unwrap().contains("new id"));
        assert_eq!(refused.header("retry-after"), None);
    }
    assert_eq!(
        (shop.received("tea").await, shop.received("jam").await),
        (0, 5)
    );
    // The way out: what was mended, under an id of its own.
    let mended = import(shop.addr(), "i-mended", tea.as_bytes()).await;
    assert_eq!(lines(&mended.body)[1]["imported"], 1);
    let again = import(shop.addr(), "i", format!("bad\n{jam}").as_bytes()).await;
    assert_eq!(lines(&again.body)[1]["already_imported"], 1);
    assert_eq!(
        (shop.received("tea").await, shop.received("jam").await),
        (1, 5)
    );
}

/// After an acknowledgment, a refusal is the last line, and the stream breaks.
#[watertight::test]
async fn a_body_that_differs_later_ends_with_the_refusal() {
    let shop = Shop::start().await;
    let same = row("tea", 1).repeat(1_000);
    let first = import(shop.addr(), "i", format!("{same}{same}").as_bytes()).await;
    assert_eq!(lines(&first.body).pop().unwrap()["imported"], 2_000);
    let mut conn = Conn::open(shop.addr()).await;
    conn.send(head("i")).await;
    conn.chunk(same).await;
    assert_eq!(conn.read.head().await.status, 200);
    assert_eq!(acknowledged(&mut conn).await["already_imported"], 1_000);
    conn.chunk(row("tea", 2).repeat(1_000)).await;
    let said = acknowledged(&mut conn).await;
    assert_eq!(said["error"]["type"], "/problems/import-id-reused");
    assert_eq!(conn.read.try_chunk().await, Err(()));
    assert_eq!(shop.received("tea").await, 2_000);
}
