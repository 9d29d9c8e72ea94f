//! The demo as a person runs it: real processes, real sockets, real files.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "helpers of tests may fail the test"
)]

use std::{
    collections::{BTreeMap, BTreeSet},
    net::TcpListener,
    path::Path,
    process::{Command, Output, Stdio},
    time::Duration,
};

use testkit::{ChildGuard, LIVENESS, wait_until};

/// Start, load, verification and stop together, with much to spare.
const RUN_MAX: Duration = Duration::from_secs(180);

fn demo(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_demo"));
    command.args(args).stdin(Stdio::null());
    command
}

/// Runs to the end; a demo that hangs fails the test.
fn run(args: &[&str]) -> Output {
    let mut command = demo(args);
    let out = tempfile();
    let err = tempfile();
    command
        .stdout(out.reopen().unwrap())
        .stderr(err.reopen().unwrap());
    let status = ChildGuard::spawn(&mut command).wait(RUN_MAX);
    let read = |file: &tempfile::NamedTempFile| std::fs::read(file.path()).unwrap();
    Output {
        status,
        stdout: read(&out),
        stderr: read(&err),
    }
}

fn tempfile() -> tempfile::NamedTempFile {
    tempfile::NamedTempFile::new().unwrap()
}

/// The last line of stdout, as an object.
fn object(output: &Output) -> serde_json::Value {
    let text = String::from_utf8_lossy(&output.stdout);
    let last = text.lines().last().unwrap_or_default();
    serde_json::from_str(last)
        .unwrap_or_else(|error| panic!("{error}: {last:?}; {}", stderr(output)))
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Twelve ports in a row that are free now. Each test looks at a range of its own,
/// so that two never want the same.
fn base_port(range: u16) -> u16 {
    let first = 31_500 + range * 50;
    (0..20)
        .map(|step| first + step)
        .find(|&base| (base..base + 12).all(|port| TcpListener::bind(("127.0.0.1", port)).is_ok()))
        .expect("twelve free ports in a row")
}

#[derive(serde::Deserialize)]
struct Endpoints {
    services: BTreeMap<String, Endpoint>,
}

#[derive(serde::Deserialize)]
struct Endpoint {
    grpc: Option<String>,
    http: String,
    admin: String,
    pid: Option<u32>,
}

fn endpoints(dir: &Path) -> Option<Endpoints> {
    let text = std::fs::read(dir.join("endpoints.json")).ok()?;
    let endpoints: Endpoints = serde_json::from_slice(&text).expect("never half a file");
    let up = |service: &Endpoint| service.pid.is_some();
    (endpoints.services.len() == 5 && endpoints.services.values().all(up)).then_some(endpoints)
}

fn is_alive(pid: u32) -> bool {
    Command::new("kill")
        .args(["-0", &pid.to_string()])
        .stderr(Stdio::null())
        .status()
        .unwrap()
        .success()
}

/// Orders of a journal's first run that were acknowledged through the gateway.
fn placed_by_http(shop: &Path) -> usize {
    let journal = std::fs::read_to_string(shop.join("checker").join("journal.jsonl")).unwrap();
    let entries: Vec<serde_json::Value> = journal
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let by_http: BTreeSet<_> = entries
        .iter()
        .filter(|entry| entry["door"] == "http")
        .filter_map(|entry| entry["seq"].as_u64())
        .collect();
    let placed = entries.iter().filter(|entry| entry["t"] == "placed");
    let seq = placed.filter_map(|entry| entry["of"][1].as_u64());
    seq.filter(|seq| by_http.contains(seq)).count()
}

#[test]
fn it_sells_says_so_and_comes_back_to_its_data() {
    let parent = testkit::temp_dir();
    let dir = parent.path().join("shop");
    let (base, data) = (base_port(1).to_string(), dir.to_str().unwrap());
    let args = [
        "--for",
        "5s",
        "--json",
        "--data",
        data,
        "--base-port",
        &base,
    ];
    let first = run(&args);
    assert!(first.status.success(), "{}", stderr(&first));
    let report = object(&first);
    let number = |field: &str| {
        report[field]
            .as_u64()
            .unwrap_or_else(|| panic!("{field}: {report}"))
    };
    // 250 are due; a slow machine may have some of them in flight at the end.
    assert!(number("orders_placed") > 100, "{report}");
    assert_eq!(
        number("orders_placed"),
        number("orders_confirmed") + number("orders_rejected") + number("orders_cancelled")
    );
    for zero in ["orders_lost", "oversold", "double_charged", "restarts"] {
        assert_eq!(number(zero), 0, "{zero}: {report}");
    }
    assert!(
        number("orders_rejected") > 0,
        "some cards are declined: {report}"
    );
    for object in ["errors", "rss_mib"] {
        assert!(report[object].is_object(), "{object}: {report}");
    }
    for float in ["p50_ms", "p99_ms", "orders_per_s"] {
        assert!(report[float].as_f64().unwrap() > 0.0, "{float}: {report}");
    }
    assert!(number("ready_ms") > 0);
    assert_eq!(report["invariants_ok"], true);
    if cfg!(target_os = "linux") {
        assert!(
            report["rss_mib"]["orders"].as_f64().unwrap() > 1.0,
            "{report}"
        );
    }
    assert!(
        stderr(&first).contains("grpcurl -plaintext"),
        "how to try it by hand"
    );
    for service in ["provider", "payments", "inventory", "orders", "gateway"] {
        assert!(dir.join("logs").join(format!("{service}.log")).is_file());
    }

    // Some of them came through the gateway, and were acknowledged there.
    assert!(placed_by_http(&dir) > 20, "{}", placed_by_http(&dir));

    // The same directory again: what was sold stays sold, and all of it is
    // verified together with what comes now.
    let second = run(&args);
    assert!(second.status.success(), "{}", stderr(&second));
    assert!(object(&second)["orders_placed"].as_u64().unwrap() > 100);

    // Stopped, it can be verified.
    let verified = run(&["verify", "--json", "--data", data]);
    assert!(verified.status.success(), "{}", stderr(&verified));
    let all = object(&verified);
    assert!(all["orders"].as_u64().unwrap() > 200, "{all}");
    assert_eq!(all["invariants_ok"], true);
}

#[test]
fn a_taken_port_is_named() {
    let base = base_port(2);
    let taken = TcpListener::bind(("127.0.0.1", base + 2)).unwrap();
    let output = run(&["--for", "1s", "--base-port", &base.to_string()]);
    assert!(!output.status.success());
    let error = stderr(&output);
    let port = taken.local_addr().unwrap().port().to_string();
    for part in [port.as_str(), "is taken", "inventory", "--base-port"] {
        assert!(error.contains(part), "{part} not in {error}");
    }
}

#[test]
fn a_process_that_dies_comes_back_and_a_signal_ends_in_a_verification() {
    let parent = testkit::temp_dir();
    let dir = parent.path().join("shop");
    let data = dir.to_str().unwrap();
    let out = tempfile();
    let mut command = demo(&[
        "--json",
        "--data",
        data,
        "--base-port",
        &base_port(3).to_string(),
    ]);
    command.stdout(out.reopen().unwrap()).stderr(Stdio::null());
    let mut shop = ChildGuard::spawn(&mut command);
    wait_until(LIVENESS, || endpoints(&dir).is_some());
    let before = endpoints(&dir).unwrap();
    let orders = &before.services["orders"];
    assert_eq!(orders.grpc.as_ref(), Some(&orders.http));
    assert!(orders.admin.starts_with("http://127.0.0.1:"));
    let logged = || std::fs::read_to_string(dir.join("checker").join("journal.jsonl")).unwrap();
    wait_until(LIVENESS, || logged().contains(r#""t":"placed""#));

    // A second demo on the same directory is told why it can't.
    let second = run(&[
        "--for",
        "1s",
        "--data",
        data,
        "--base-port",
        &base_port(4).to_string(),
    ]);
    assert!(!second.status.success());
    assert!(
        stderr(&second).contains("in use by another demo"),
        "{}",
        stderr(&second)
    );

    let victim = before.services["inventory"].pid.unwrap();
    let killed = Command::new("kill")
        .args(["-KILL", &victim.to_string()])
        .status()
        .unwrap();
    assert!(killed.success());
    wait_until(LIVENESS, || {
        endpoints(&dir).is_some_and(|now| now.services["inventory"].pid != Some(victim))
    });
    let at_kill = logged()
        .lines()
        .filter(|line| line.contains("confirmed"))
        .count();
    wait_until(LIVENESS, || {
        logged()
            .lines()
            .filter(|line| line.contains("confirmed"))
            .count()
            > at_kill + 20
    });
    shop.signal("INT");
    let status = shop.wait(RUN_MAX);
    let stdout = std::fs::read(out.path()).unwrap();
    let report = object(&Output {
        status,
        stdout,
        stderr: vec![],
    });
    assert!(status.success(), "{report}");
    assert_eq!(report["restarts"], 1, "{report}");
    assert_eq!(report["invariants_ok"], true);
}

#[test]
fn nothing_outlives_a_demo_that_is_killed_and_its_data_can_be_verified() {
    let parent = testkit::temp_dir();
    let dir = parent.path().join("shop");
    let data = dir.to_str().unwrap();
    let mut command = demo(&[
        "--json",
        "--data",
        data,
        "--base-port",
        &base_port(5).to_string(),
    ]);
    command.stdout(Stdio::null()).stderr(Stdio::null());
    let mut shop = ChildGuard::spawn(&mut command);
    let journal = dir.join("checker").join("journal.jsonl");
    let placed = || std::fs::read_to_string(&journal).is_ok_and(|text| text.contains("confirmed"));
    wait_until(LIVENESS, placed);
    let services = endpoints(&dir).unwrap().services;
    shop.kill().unwrap();
    for (name, service) in services {
        let pid = service.pid.unwrap();
        wait_until(LIVENESS, || !is_alive(pid));
        assert!(!is_alive(pid), "{name}");
    }
    let verified = run(&["verify", "--json", "--data", data]);
    assert!(verified.status.success(), "{}", stderr(&verified));
    assert_eq!(object(&verified)["invariants_ok"], true);
}

#[test]
fn verify_finds_an_order_that_was_acknowledged_and_is_gone() {
    let parent = testkit::temp_dir();
    let dir = parent.path().join("shop");
    let data = dir.to_str().unwrap();
    let base = base_port(6).to_string();
    let sold = run(&[
        "--for",
        "1s",
        "--json",
        "--data",
        data,
        "--base-port",
        &base,
    ]);
    assert!(sold.status.success(), "{}", stderr(&sold));
    // The checker remembers an order, and goods sent in, that the shop never saw.
    let journal = dir.join("checker").join("journal.jsonl");
    let mut text = std::fs::read_to_string(&journal).unwrap();
    text += concat!(
        r#"{"t":"run","run":"feed","seed":1,"at_ms":0}"#,
        "\n",
        r#"{"t":"place","seq":0,"lines":[["timer",1]],"method":"pm_card_ok"}"#,
        "\n",
        r#"{"t":"placed","of":[1,0],"id":"0193b3f4-0000-7000-8000-000000000000","status":"confirmed"}"#,
        "\n",
        r#"{"t":"receive","id":"x","sku":"timer","pieces":5}"#,
        "\n",
        r#"{"t":"received","id":"x"}"#,
        "\n",
    );
    std::fs::write(&journal, text).unwrap();
    let verified = run(&["verify", "--json", "--data", data]);
    assert!(!verified.status.success(), "{}", stderr(&verified));
    let report = object(&verified);
    assert_eq!(report["orders_lost"], 1, "{report}");
    assert_eq!(report["violations"]["received_differs"], 1, "{report}");
    assert_eq!(report["invariants_ok"], false);
}

#[test]
fn an_empty_directory_has_no_shop_to_verify() {
    let dir = testkit::temp_dir();
    let output = run(&["verify", "--data", dir.path().to_str().unwrap()]);
    assert!(!output.status.success());
    assert!(
        stderr(&output).contains("there is no shop in"),
        "{}",
        stderr(&output)
    );
}

#[test]
fn kills_at_random_and_between_steps_lose_nothing() {
    let output = run(&["soak", "kill", "--cycles", "2", "--seed", "1", "--json"]);
    assert!(output.status.success(), "{}", stderr(&output));
    let report = object(&output);
    // One from outside; one to arm the point, and the crash at it.
    assert_eq!(report["kills"], 3, "{report}");
    assert_eq!(report["cycles"], 2);
    assert_eq!(report["missed"], serde_json::json!({}));
    assert!(report["orders"].as_u64().unwrap() > 0, "{report}");
    for zero in ["orders_lost", "oversold", "double_charged", "deaths"] {
        assert_eq!(report[zero], 0, "{zero}: {report}");
    }
    assert!(report["settle_s"].as_f64().unwrap() < 60.0);
    assert!(report["unknown_resolved"].is_u64());
    assert_eq!(report["invariants_ok"], true);
}
