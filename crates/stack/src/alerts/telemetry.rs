//! Telemetry itself: what isn't seen, and what shouldn't be.

use super::series::{INSTANCE, JOB, Values, labels};
use super::{Alert, Bad, Group, Input, Severity};
use crate::names::{LOG_DROPPED, LOG_SECRETS, Named as _, SPANS_DROPPED};
use crate::query::{any, sum_by};

/// The group.
pub(super) fn group() -> Group {
    Group {
        name: "telemetry",
        recordings: Vec::new(),
        alerts: vec![down(), logs_dropped(), spans_dropped(), secret(), secrets()],
        cases: Vec::new(),
    }
}

fn down() -> Alert {
    Alert {
        name: "TargetDown",
        severity: Severity::Critical,
        expr: "up == 0".to_owned(),
        // A restart takes seconds.
        hold: "2m",
        summary: "{{ $labels.job }} on {{ $labels.instance }} doesn't answer",
        runbook: "target-down",
        bad: Bad {
            inputs: vec![Input::new("up", Values::flat(1.0, 5).jump(0.0).stay(20))],
            silent_at: 6,
            fires_at: 12,
            labels: labels([JOB, INSTANCE]),
        },
    }
}

fn logs_dropped() -> Alert {
    let growth = any(&LOG_DROPPED).increase_over("5m");
    Alert {
        name: "LogLinesDropped",
        severity: Severity::Medium,
        expr: format!("{} > 0", sum_by("job, instance", &growth)),
        hold: "5m",
        summary: "{{ $labels.job }} on {{ $labels.instance }} drops log lines",
        runbook: "log-lines-dropped",
        bad: Bad {
            inputs: vec![Input::new(
                LOG_DROPPED.named(),
                Values::rising(0.0, 50.0, 30),
            )],
            silent_at: 4,
            fires_at: 12,
            labels: labels([JOB, INSTANCE]),
        },
    }
}

fn spans_dropped() -> Alert {
    let growth = any(&SPANS_DROPPED).increase_over("15m");
    Alert {
        name: "SpansDropped",
        severity: Severity::Medium,
        expr: format!("{} > 0", sum_by("job, instance", &growth)),
        hold: "15m",
        summary: "{{ $labels.job }} on {{ $labels.instance }} loses traces: the collector is \
        slow or away",
        runbook: "spans-dropped",
        bad: Bad {
            inputs: vec![Input::new(
                SPANS_DROPPED.named(),
                Values::rising(0.0, 50.0, 60),
            )],
            silent_at: 10,
            fires_at: 30,
            labels: labels([JOB, INSTANCE]),
        },
    }
}

/// How many were found in five minutes. A counter that is born with its first hit
/// has no increase, so what wasn't there five minutes ago counts as it stands.
fn found() -> String {
    let secrets = any(&LOG_SECRETS);
    let born = format!("({} unless {} offset 5m)", secrets.now(), secrets.now());
    sum_by(
        "job, instance",
        &format!("{born} or {}", secrets.increase_over("5m")),
    )
}

fn secret() -> Alert {
    Alert {
        name: "SecretInLogs",
        severity: Severity::Medium,
        expr: format!("{} > 0", found()),
        hold: "0m",
        summary: "{{ $labels.job }} on {{ $labels.instance }} tried to log a secret; it was \
        taken out",
        runbook: "secrets-in-logs",
        bad: Bad {
            inputs: hits(Values::from(0.0).stay(10).jump(1.0).stay(20)),
            silent_at: 9,
            fires_at: 12,
            labels: labels([JOB, INSTANCE]),
        },
    }
}

fn secrets() -> Alert {
    Alert {
        name: "SecretsInLogs",
        severity: Severity::High,
        expr: format!("{} >= 3", found()),
        hold: "0m",
        summary: "{{ $labels.job }} on {{ $labels.instance }} tried to log secrets three times \
        in five minutes",
        runbook: "secrets-in-logs",
        bad: Bad {
            inputs: hits(Values::from(0.0).stay(10).then(3, 1.0).stay(20)),
            silent_at: 11,
            fires_at: 14,
            labels: labels([JOB, INSTANCE]),
        },
    }
}

fn hits(values: Values) -> Vec<Input> {
    vec![Input::new(LOG_SECRETS.named(), values)]
}
