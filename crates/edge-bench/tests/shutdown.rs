//! A server ends in time, whoever holds on to it.

use std::process::Command;

use serde_json::Value;

#[test]
fn a_server_ends_in_time_under_clients_that_hold_on() {
    // Room for a machine that is busy with other tests: what hangs takes for ever.
    let output = Command::new(env!("CARGO_BIN_EXE_edge-bench"))
        .args(["shutdown", "--json", "--runs=5", "--crowd=2"])
        .args(["--drain-ms=300", "--abort-ms=10000"])
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    let last = String::from_utf8(output.stdout).unwrap();
    let ended: Value = serde_json::from_str(last.lines().last().unwrap()).unwrap();
    assert_eq!(
        (&ended["runs"], &ended["within"]),
        (&5.into(), &5.into()),
        "{ended}"
    );
    // Ten kinds without TLS, two clients of each.
    assert_eq!(ended["clients"], 20, "{ended}");
    assert!(ended["late"].as_array().unwrap().is_empty(), "{ended}");
}
