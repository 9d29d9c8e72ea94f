//! A small storm over the real processes.

use std::process::{Command, Stdio};

use serde_json::Value;

#[test]
fn a_small_storm_leaves_nothing() {
    let parent = testkit::temp_dir();
    let page = parent.path().join("storm.md");
    let output = Command::new(env!("CARGO_BIN_EXE_demo"))
        .args(["storm", "--json", "--requests=600", "--rps=150"])
        .args(["--baselines=1", "--samples=25", "--seed=4", "--write"])
        .arg(&page)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    let last = String::from_utf8(output.stdout).unwrap();
    let report: Value = serde_json::from_str(last.lines().last().unwrap()).unwrap();
    for (field, value) in [("requests", 600), ("live_tasks_after", 0), ("orphans", 0)] {
        assert_eq!(report[field], value, "{field}: {report}");
    }
    assert_eq!(report["invariants_ok"], true, "{report}");
    assert!(report["cancelled"].as_u64().unwrap() > 60, "{report}");
    for wire in ["http1", "http2", "grpc"] {
        assert!(
            report["wires"][wire]["cancelled"].as_u64().unwrap() > 0,
            "{report}"
        );
    }
    for kind in ["stalled_read", "watch_order"] {
        let latency = &report["cancel"][kind];
        assert_eq!(latency["samples"], 25, "{report}");
        assert_eq!(latency["forgotten"], 0, "{report}");
    }
    let page = std::fs::read_to_string(page).unwrap();
    for part in [
        "# Cancellation storm",
        "| grpc |",
        "| watch order | 25 |",
        "## Memory",
    ] {
        assert!(page.contains(part), "{part} is missing in\n{page}");
    }
}
