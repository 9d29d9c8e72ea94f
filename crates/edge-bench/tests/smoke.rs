//! Every part of the benches, for a moment: the figures mean nothing, but all are there.

#![expect(clippy::unwrap_used, reason = "helpers of tests may fail the test")]

use std::process::Command;

use serde_json::Value;

/// Runs some parts and gives the figures and the page.
fn run(flags: &[&str]) -> (Value, String) {
    let dir = testkit::temp_dir();
    let out = dir.path().join("edge.md");
    let output = Command::new(env!("CARGO_BIN_EXE_edge-bench"))
        .args(["run", "--json", "--runs=1", "--seconds=0.2", "--settle=0.1"])
        .args([
            "--idle=20",
            "--rest=0.1",
            "--attack-seconds=0.4",
            "--attackers-max=20",
        ])
        .args(flags)
        .arg("--out")
        .arg(&out)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    let page = std::fs::read_to_string(&out).unwrap();
    let figures = serde_json::from_slice(&output.stdout).unwrap();
    (figures, page)
}

/// The part's entries: so many, each with its place on the page.
fn part<'a>(figures: &'a Value, name: &str, count: usize) -> &'a Vec<Value> {
    let entries = figures[name].as_array().unwrap();
    assert_eq!(entries.len(), count, "{name}");
    entries
}

fn answered(sample: &Value) {
    assert!(sample["requests"].as_u64().unwrap() > 0, "{sample}");
    assert_eq!(sample["errors"], 0, "{sample}");
    for figure in ["rps", "p50_us", "p99_us", "server_us", "client_us"] {
        assert!(sample[figure].as_f64().unwrap() > 0.0, "{figure}: {sample}");
    }
}

#[test]
fn comparisons_and_idle_connections_are_complete() {
    let (figures, page) = run(&["--only=http,grpc,yield,idle"]);
    for (name, count, names) in [
        ("http", 3, ["edge", "axum"]),
        ("grpc", 3, ["edge", "tonic"]),
        ("server_yield", 3, ["yield", "no yield"]),
        ("client_yield", 6, ["yield", "no yield"]),
    ] {
        for comparison in part(&figures, name, count) {
            assert_eq!(comparison["names"], serde_json::json!(names));
            let pairs = comparison["pairs"].as_array().unwrap();
            assert_eq!(pairs.len(), 1);
            pairs[0].as_array().unwrap().iter().for_each(answered);
        }
    }
    for idle in part(&figures, "idle", 6) {
        assert_eq!(idle["open"], 20, "{idle}");
        assert!(idle["before_bytes"].as_u64().unwrap() > 0, "{idle}");
    }
    for title in [
        "# The edge",
        "## HTTP/1.1",
        "## gRPC",
        "on the server",
        "on the client",
        "## Idle",
    ] {
        assert!(page.contains(title), "{title} is missing in\n{page}");
    }
}

fn attacked(names: &str, count: usize) {
    let (figures, page) = run(&["--only=attacks", &format!("--attacks={names}")]);
    for attack in part(&figures, "attacks", 2 * count) {
        assert_eq!(attack["died"], false, "{attack}");
        assert!(attack["opened"].as_u64().unwrap() > 0, "{attack}");
        assert!(attack["before_bytes"].as_u64().unwrap() > 0, "{attack}");
        answered(&attack["healthy"]["busy"]);
        let name = attack["name"].as_str().unwrap();
        assert!(page.contains(name), "{name} is missing in\n{page}");
    }
}

#[test]
fn attacks_over_http1_are_complete() {
    attacked(
        "silent,silent-crowd,slowloris,trickle,unread,unread-events",
        6,
    );
}

#[test]
fn attacks_over_http2_are_complete() {
    attacked(
        "rapid-reset,malformed-reset,header-bomb,continuation,ping,settings,priority,window-update,shut-window",
        9,
    );
}

#[test]
fn telemetry_is_on_and_off_and_complete() {
    let dir = testkit::temp_dir();
    let out = dir.path().join("telemetry.md");
    let output = Command::new(env!("CARGO_BIN_EXE_edge-bench"))
        .args(["telemetry", "--json", "--runs=1", "--seconds=0.3"])
        .args(["--pipe-runs=1", "--pipe-seconds=1", "--out"])
        .arg(&out)
        .output()
        .unwrap();
    // It fails by itself if what is on shows nothing, or what is off anything.
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    let page = std::fs::read_to_string(&out).unwrap();
    let figures: Value = serde_json::from_slice(&output.stdout).unwrap();
    let names = [
        "nothing",
        "metrics",
        "traces",
        "logs",
        "logs, every line",
        "all",
    ];
    for (switched, name) in part(&figures, "parts", 6).iter().zip(names) {
        assert_eq!(switched["what"], name);
        for under in part(switched, "under", 2) {
            for pair in part(&under["comparison"], "pairs", 1) {
                pair.as_array().unwrap().iter().for_each(answered);
            }
        }
    }
    let pair = &part(&figures, "pipe", 1)[0];
    for (which, blocked) in [(0, true), (1, false)] {
        let one = &pair[which];
        answered(&one["sample"]);
        assert_eq!(one["blocked"], blocked);
        assert!(one["lines_made"].as_f64().unwrap() > 0.0, "{one}");
        assert!(one["peak_bytes"].as_u64() >= one["before_bytes"].as_u64());
    }
    // A MiB of buffer and the pipe hold no more, at a hundred bytes a line.
    let number = |name: &str| pair[0][name].as_f64().unwrap();
    let kept = number("lines_made") - number("lines_dropped");
    assert!(kept < 12_000.0, "the pipe was read: {pair}");
    for title in ["# Telemetry", "## Each part", "## What was", "## A log"] {
        assert!(page.contains(title), "{title} is missing in\n{page}");
    }
}
