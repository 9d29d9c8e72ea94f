//! Rule files as Prometheus reads them: the common part of 2.42 and 3.

use std::fmt::Write as _;

use super::{Alert, Group, Recording};

/// First line of what is generated.
pub(super) const HEAD: &str =
    "# Written by `cargo xtask alerts write` from crates/stack. Change it there.\n";

/// Where runbooks are read.
const RUNBOOKS: &str = "https://github.com/watertight-rs/watertight/blob/main/docs/runbooks";

/// The file of a group.
pub(super) fn rules(group: &Group) -> String {
    let mut text = format!("{HEAD}groups:\n  - name: {}\n    rules:\n", group.name);
    for recording in &group.recordings {
        text.push_str(&record(recording));
    }
    for rule in &group.alerts {
        text.push_str(&alert(rule));
    }
    text
}

/// The link to a runbook.
pub(super) fn runbook(alert: &Alert) -> String {
    format!("{RUNBOOKS}/{}.md", alert.runbook)
}

fn record(recording: &Recording) -> String {
    format!(
        "      - record: {}\n{}",
        recording.name,
        expr(&recording.expr)
    )
}

fn alert(alert: &Alert) -> String {
    let mut text = format!("      - alert: {}\n{}", alert.name, expr(&alert.expr));
    if alert.hold != "0m" {
        // Writing to a string can't fail.
        let _ = writeln!(text, "        for: {}", alert.hold);
    }
    let _ = write!(
        text,
        "        labels:\n          severity: {}\n        annotations:\n          \
         summary: {}\n          runbook_url: {}\n",
        alert.severity.name(),
        quoted(alert.summary),
        quoted(&runbook(alert)),
    );
    text
}

fn expr(expr: &str) -> String {
    let mut text = "        expr: |-\n".to_owned();
    for line in expr.trim().lines() {
        // Writing to a string can't fail.
        let _ = writeln!(text, "          {}", line.trim_end());
    }
    text
}

/// A YAML string: what JSON quotes, YAML reads.
pub(super) fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}
