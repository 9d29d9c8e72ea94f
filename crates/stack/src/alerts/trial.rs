//! What promtool tries the alerts with: each must fire on its bad case and not
//! before, and all must be silent where nothing is wrong.

use std::fmt::Write as _;

use super::recording::{BROKEN, SLOPE, USED, WINDOWS};
use super::render::{HEAD, quoted, runbook};
use super::series::Input;
use super::{Alert, Group, healthy};

/// Minutes that the silent cases last.
const MINUTES: u32 = 240;

/// The trial of a group: every alert of it with its bad case.
pub(super) fn firing(group: &Group) -> String {
    let mut text = head();
    for alert in &group.alerts {
        text.push_str(&fires(alert));
    }
    for extra in &group.cases {
        text.push_str(&case(extra.name, extra.interval, &extra.inputs));
        text.push_str("    promql_expr_test:\n");
        for (minute, alert, firing) in &extra.checks {
            text.push_str(&is_firing(alert, *minute, *firing));
        }
    }
    text
}

/// Nothing fires where nothing is wrong, at no minute of four hours.
pub(super) fn silence() -> String {
    let cases = [
        ("a healthy service for four hours", healthy::steady(MINUTES)),
        ("a restart after two hours", healthy::restart(MINUTES)),
        ("a young process that warms up", healthy::young(MINUTES)),
        ("a burst that plateaus", healthy::burst(MINUTES)),
    ];
    let mut text = head();
    for (name, inputs) in cases {
        text.push_str(&case(name, 1, &inputs));
        let fired = format!(r#"count_over_time(ALERTS{{alertstate="firing"}}[{MINUTES}m])"#);
        text.push_str("    promql_expr_test:\n");
        text.push_str(&sample(&fired, MINUTES, "[]"));
        // Silence would mean nothing if the rules had nothing to look at.
        let one = r#"[{labels: "{}", value: 1}]"#;
        for name in [USED, SLOPE, BROKEN, WINDOWS[6].1] {
            text.push_str(&sample(&format!("count({name})"), MINUTES, one));
        }
    }
    text
}

fn sample(expr: &str, minute: u32, expected: &str) -> String {
    format!("      - {{eval_time: {minute}m, expr: '{expr}', exp_samples: {expected}}}\n")
}

fn is_firing(alert: &str, minute: u32, firing: bool) -> String {
    let expr = format!(r#"count(ALERTS{{alertname="{alert}", alertstate="firing"}})"#);
    let expected = if firing {
        r#"[{labels: "{}", value: 1}]"#
    } else {
        "[]"
    };
    sample(&expr, minute, expected)
}

fn head() -> String {
    format!("{HEAD}rule_files: [../rules/*.yml]\nevaluation_interval: 1m\ntests:\n")
}

fn case(name: &str, interval: u32, inputs: &[Input]) -> String {
    let mut text = format!(
        "  - name: {}\n    interval: {interval}m\n    input_series:\n",
        quoted(name)
    );
    for input in inputs {
        // Writing to a string can't fail.
        let _ = writeln!(
            text,
            "      - {{series: '{}', values: '{}'}}",
            input.selector(),
            input.values.text()
        );
    }
    text
}

fn expect_none(alert: &str, minute: u32) -> String {
    format!("      - {{eval_time: {minute}m, alertname: {alert}, exp_alerts: []}}\n")
}

/// The series of a healthy service, with those of the bad case instead of their
/// namesakes, so that a rule that joins two of them has both.
fn fires(alert: &Alert) -> String {
    let bad = &alert.bad;
    let mut inputs = bad.inputs.clone();
    let minutes = bad.fires_at + 5;
    let healthy = healthy::steady(minutes).into_iter();
    let replaced = |input: &Input| bad.inputs.iter().any(|bad| bad.is(input));
    inputs.extend(healthy.filter(|input| !replaced(input)));
    let mut text = case(&format!("{} fires", alert.name), 1, &inputs);
    text.push_str("    alert_rule_test:\n");
    text.push_str(&expect_none(alert.name, bad.silent_at));
    // Writing to a string can't fail.
    let _ = write!(
        text,
        "      - eval_time: {}m\n        alertname: {}\n        exp_alerts:\n          \
         - exp_labels: {{severity: {}",
        bad.fires_at,
        alert.name,
        alert.severity.name()
    );
    for (name, value) in &bad.labels {
        let _ = write!(text, ", {name}: {}", quoted(value));
    }
    let _ = write!(
        text,
        "}}\n            exp_annotations:\n              summary: {}\n              \
         runbook_url: {}\n",
        quoted(&summary(alert)),
        quoted(&runbook(alert)),
    );
    // That firing shows in ALERTS is what the silent cases rest on.
    text.push_str("    promql_expr_test:\n");
    text.push_str(&is_firing(alert.name, bad.fires_at, true));
    text
}

/// What Prometheus makes of the summary.
fn summary(alert: &Alert) -> String {
    let mut text = alert.summary.to_owned();
    for (name, value) in &alert.bad.labels {
        text = text.replace(&format!("{{{{ $labels.{name} }}}}"), value);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_summary_is_left_with_a_label_that_isnt_there() {
        for alert in super::super::groups()
            .iter()
            .flat_map(|group| &group.alerts)
        {
            let text = summary(alert);
            assert!(!text.contains("{{"), "{}: {text}", alert.name);
        }
    }
}
