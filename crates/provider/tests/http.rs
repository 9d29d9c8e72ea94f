//! The stub over real sockets.

#![expect(clippy::unwrap_used, reason = "tests")]

use std::{ffi::OsString, path::Path, time::Duration};

use axum::{
    body::Bytes,
    http::{Method, Request, StatusCode},
};
use serde_json::{Value, json};
use testkit::{LIVENESS, TempDir, wait_until_async};
use watertight::{App, Deadline, Either, HttpClient, HttpError, Running, Scope, race};

struct Stub {
    running: Running,
    http: HttpClient,
    dir: TempDir,
}

async fn serve(data: &Path, flags: &[&str]) -> Running {
    let fixed = [
        "provider",
        "--listen",
        "127.0.0.1:0",
        "--unready",
        "0s",
        "--data",
    ];
    let mut args: Vec<OsString> = fixed.iter().map(Into::into).collect();
    args.push(data.into());
    args.extend(flags.iter().map(Into::into));
    let app = provider::build(App::new("provider", args)).await.unwrap();
    app.start().await.unwrap()
}

impl Stub {
    async fn start() -> Self {
        let dir = testkit::temp_dir();
        let endpoints = ["--endpoint", "127.0.0.1:0", "--endpoint", "127.0.0.1:0"];
        Self {
            running: serve(dir.path(), &endpoints).await,
            http: HttpClient::new("test"),
            dir,
        }
    }

    async fn try_send(
        &self,
        method: Method,
        url: &str,
        body: impl Into<Bytes>,
    ) -> Result<(StatusCode, Value), HttpError> {
        let request = Request::builder().method(method).uri(url);
        let answer = self.http.send(request.body(body.into()).unwrap()).await?;
        let body = serde_json::from_slice(answer.body()).unwrap_or(Value::Null);
        Ok((answer.status(), body))
    }

    async fn send(&self, method: Method, path: &str, body: &Value) -> (u16, Value) {
        let url = format!("{}{path}", self.running.url());
        let (code, body) = self.try_send(method, &url, body.to_string()).await.unwrap();
        (code.as_u16(), body)
    }

    async fn post(&self, path: &str, body: Value) -> (u16, Value) {
        self.send(Method::POST, path, &body).await
    }

    async fn get(&self, path: &str) -> (u16, Value) {
        self.send(Method::GET, path, &Value::Null).await
    }

    async fn faults(&self, plan: Value) {
        let (code, now) = self.send(Method::PUT, "/control", &plan).await;
        assert_eq!(code, 200, "{now}");
    }

    fn authorizations(&self) -> String {
        format!("{}/v1/authorizations", self.running.url())
    }

    fn endpoint(&self, n: usize) -> String {
        format!("http://{}", self.running.also().nth(n).unwrap().1)
    }
}

fn ask(reference: &str, amount: i64) -> Value {
    json!({"reference": reference, "amount": amount, "currency": "EUR", "payment_method": "pm_card_ok"})
}

fn error(word: &str) -> Value {
    json!({ "error": word })
}

#[watertight::test]
async fn money_is_held_taken_and_returned_once() {
    let stub = Stub::start().await;
    let held = json!({
        "reference": "a", "status": "authorized", "amount": 5, "currency": "EUR",
        "captured": 0, "refunded": 0, "captures": 0, "refunds": 0,
    });
    for _ in 0..2 {
        assert_eq!(
            stub.post("/v1/authorizations", ask("a", 5)).await,
            (200, held.clone())
        );
    }
    for _ in 0..2 {
        let (code, taken) = stub.post("/v1/authorizations/a/capture", json!({})).await;
        assert_eq!(
            (code, &taken["captured"], &taken["captures"]),
            (200, &json!(5), &json!(1))
        );
    }
    for _ in 0..2 {
        let (code, back) = stub.post("/v1/authorizations/a/refund", json!({})).await;
        assert_eq!(
            (code, &back["refunded"], &back["refunds"]),
            (200, &json!(5), &json!(1))
        );
    }
    let (code, seen) = stub.get("/v1/authorizations/a").await;
    assert_eq!((code, &seen["status"]), (200, &json!("refunded")));
    let late = stub.post("/v1/authorizations/a/void", json!({})).await;
    assert_eq!(late, (409, error("captured")));
}

#[watertight::test]
async fn refusals_have_their_codes() {
    let stub = Stub::start().await;
    let mut declined = ask("d", 5);
    declined["payment_method"] = json!("pm_card_declined");
    for _ in 0..2 {
        let answer = stub.post("/v1/authorizations", declined.clone()).await;
        assert_eq!(answer, (402, error("declined")));
    }
    let again = stub.post("/v1/authorizations", ask("d", 5)).await;
    assert_eq!(again, (402, error("declined")), "it is remembered");
    for act in ["capture", "refund"] {
        let unknown = stub
            .post(&format!("/v1/authorizations/u/{act}"), json!({}))
            .await;
        assert_eq!(unknown, (404, error("not_found")));
    }
    assert_eq!(stub.get("/v1/authorizations/u").await.0, 404);
    let (code, tombstone) = stub.post("/v1/authorizations/v/void", json!({})).await;
    assert_eq!((code, &tombstone["status"]), (200, &json!("voided")));
    let late = stub.post("/v1/authorizations", ask("v", 5)).await;
    assert_eq!(late, (409, error("closed")));
    stub.post("/v1/authorizations", ask("m", 5)).await;
    let other = stub.post("/v1/authorizations", ask("m", 6)).await;
    assert_eq!(other, (409, error("mismatch")));
    let early = stub.post("/v1/authorizations/m/refund", json!({})).await;
    assert_eq!(early, (409, error("not_captured")));
    let more = stub
        .post("/v1/authorizations/m/capture", json!({"amount": 6}))
        .await;
    assert_eq!(more, (409, error("mismatch")));
}

#[watertight::test]
async fn nonsense_is_refused_and_leaves_nothing() {
    let stub = Stub::start().await;
    let with = |field: &str, value: Value| {
        let mut body = ask("n", 5);
        body[field] = value;
        body
    };
    for bad in [
        with("reference", json!("")),
        with("reference", json!("x".repeat(65))),
        with("reference", json!("a b")),
        with("amount", json!(-1)),
        with("amount", json!(1.5)),
        with("amount", json!(provider::AMOUNT_MAX + 1)),
        with("currency", json!("eur")),
        with("payment_method", json!("")),
        with("color", json!("red")),
        json!([]),
    ] {
        let (code, answer) = stub.post("/v1/authorizations", bad.clone()).await;
        assert_eq!(
            (code, &answer["error"]),
            (400, &json!("bad_request")),
            "{bad}"
        );
    }
    let huge = with("reference", json!("x".repeat(20_000)));
    assert_eq!(stub.post("/v1/authorizations", huge).await.0, 413);
    let (_, ledger) = stub.get("/v1/ledger").await;
    assert_eq!(ledger, json!({"authorizations": [], "next": null}));
}

#[watertight::test]
async fn the_ledger_has_pages_and_survives_a_restart() {
    let stub = Stub::start().await;
    for n in 0..5 {
        stub.post("/v1/authorizations", ask(&format!("r{n}"), n))
            .await;
    }
    let Stub { running, http, dir } = stub;
    assert!(running.shutdown().await.is_empty());
    let running = serve(dir.path(), &[]).await;
    let stub = Stub { running, http, dir };
    let (mut seen, mut after) = (Vec::new(), String::new());
    loop {
        let (code, page) = stub.get(&format!("/v1/ledger?after={after}&limit=2")).await;
        assert_eq!(code, 200);
        seen.extend(
            page["authorizations"]
                .as_array()
                .unwrap()
                .iter()
                .map(|a| a["amount"].clone()),
        );
        match page["next"].as_str() {
            Some(next) => after = next.to_owned(),
            None => break,
        }
    }
    assert_eq!(seen, [0, 1, 2, 3, 4]);
}

#[watertight::test]
async fn each_listener_has_faults_of_its_own_over_one_ledger() {
    let stub = Stub::start().await;
    let (bad, good) = (stub.endpoint(0), stub.endpoint(1));
    let control = format!("{bad}/control");
    let plan = json!({"error_rate": 1.0}).to_string();
    stub.try_send(Method::PUT, &control, plan).await.unwrap();
    let (_, shown) = stub.try_send(Method::GET, &control, "").await.unwrap();
    assert_eq!(shown["error_rate"], 1.0);
    let ask_at = async |endpoint: &str| {
        let url = format!("{endpoint}/v1/authorizations");
        let asked = stub
            .try_send(Method::POST, &url, ask("f", 5).to_string())
            .await;
        asked.unwrap().0.as_u16()
    };
    assert_eq!(ask_at(&bad).await, 500);
    assert_eq!(
        stub.get("/v1/authorizations/f").await.0,
        404,
        "an error does nothing"
    );
    assert_eq!(ask_at(&good).await, 200);
    assert_eq!(stub.get("/v1/authorizations/f").await.0, 200, "one ledger");
    let (_, ledger) = stub
        .try_send(Method::GET, &format!("{bad}/v1/ledger"), "")
        .await
        .unwrap();
    assert_eq!(
        ledger["authorizations"][0]["reference"], "f",
        "the referee is never faulty"
    );
    let off = stub.try_send(Method::PUT, &control, "{}").await.unwrap();
    assert_eq!(off.0, 200);
    assert_eq!(ask_at(&bad).await, 200);
    let nonsense = stub
        .try_send(Method::PUT, &control, r#"{"error_rate": 2}"#)
        .await
        .unwrap();
    assert_eq!(nonsense.0, 400);
}

#[watertight::test]
async fn a_lost_reply_breaks_off_after_the_work() {
    let stub = Stub::start().await;
    stub.faults(json!({"lost_reply_rate": 1.0})).await;
    let url = format!("{}/v1/authorizations", stub.running.url());
    let lost = stub
        .try_send(Method::POST, &url, ask("l", 5).to_string())
        .await;
    assert!(matches!(lost, Err(HttpError::Broken { .. })), "{lost:?}");
    stub.faults(json!({})).await;
    assert_eq!(stub.get("/v1/authorizations/l").await.0, 200);
}

#[watertight::test]
async fn a_late_reply_comes_after_the_work() {
    let stub = Stub::start().await;
    stub.faults(json!({"late_rate": 1.0, "late_ms": 60_000}))
        .await;
    let (url, body) = (stub.authorizations(), ask("late", 5).to_string());
    // The ledger is never faulty: it shows when the work is done.
    let stub = &stub;
    let booked = wait_until_async(LIVENESS, || async {
        stub.get("/v1/ledger").await.1["authorizations"][0]["reference"] == "late"
    });
    let answer = patiently(stub.try_send(Method::POST, &url, body));
    if let Either::Left(answer) = race(answer, Box::pin(booked)).await {
        panic!("{answer:?}");
    }
}

#[watertight::test]
async fn a_hanging_listener_does_nothing_and_says_nothing() {
    let stub = Stub::start().await;
    stub.faults(json!({"hang": true})).await;
    let (url, body) = (stub.authorizations(), ask("hung", 5).to_string());
    let hung = patiently(stub.try_send(Method::POST, &url, body));
    // It may also have been given up before it arrived, on a slow machine: then
    // nothing was done and nothing said either.
    let gave_up = Deadline::after(Duration::from_secs(1)).run(hung).await;
    assert!(gave_up.is_err(), "{gave_up:?}");
    let (_, ledger) = stub.get("/v1/ledger").await;
    assert_eq!(ledger["authorizations"], json!([]));
}

/// Runs a call with a deadline beyond that of any reply in these tests.
async fn patiently<T>(call: impl Future<Output = T>) -> Result<T, watertight::Closed> {
    let scope = Scope::root("patient");
    let scope = scope.with_deadline(Deadline::after(2 * LIVENESS));
    scope.run(call).await
}

#[watertight::test]
async fn lies_are_told_on_request_only() {
    let stub = Stub::start().await;
    for reference in ["one", "two"] {
        stub.post("/v1/authorizations", ask(reference, 5)).await;
    }
    stub.faults(json!({"double_capture_rate": 1.0})).await;
    let (_, taken) = stub.post("/v1/authorizations/one/capture", json!({})).await;
    assert_eq!(
        (&taken["captured"], &taken["captures"]),
        (&json!(10), &json!(2))
    );
    let (_, again) = stub.post("/v1/authorizations/one/capture", json!({})).await;
    assert_eq!(again, taken, "a lie is told once");
    for _ in 0..2 {
        let surplus = json!({"amount": 5});
        let (_, back) = stub.post("/v1/authorizations/one/refund", surplus).await;
        assert_eq!(
            (&back["refunded"], &back["status"]),
            (&json!(5), &json!("captured"))
        );
    }
    stub.faults(json!({"misreport_rate": 1.0})).await;
    let (_, taken) = stub.post("/v1/authorizations/two/capture", json!({})).await;
    assert_eq!(taken["captured"], 6);
    let (_, ledger) = stub.get("/v1/ledger").await;
    assert_eq!(
        ledger["authorizations"][1]["captured"], 5,
        "the ledger is right"
    );
}

#[watertight::test(flavor = "multi_thread", worker_threads = 2)]
async fn fifty_captures_at_once_take_the_money_once() {
    let stub = Stub::start().await;
    stub.post("/v1/authorizations", ask("c", 5)).await;
    let twins = (0..50).map(|_| stub.post("/v1/authorizations/c/capture", json!({})));
    for (code, taken) in testkit::at_once(twins).await {
        assert_eq!((code, &taken["captures"]), (200, &json!(1)));
    }
}
