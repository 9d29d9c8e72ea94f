//! The error budget: 99.9 % of all requests don't fail, over thirty days.
//!
//! Several windows, as Google's *Site Reliability Workbook* (chapter 5) has it: the
//! long one says that it matters, the short one that it still goes on.

use super::series::{Labels, Values, labels};
use super::{Alert, Bad, Case, Group, Input, Severity};
use crate::names::{HTTP_SERVER_DURATION, Named as _};

/// The part of requests that may fail.
const BUDGET: &str = "0.001";

const FAST: &str = "ErrorBudgetBurnsFast";
const SLOW: &str = "ErrorBudgetBurnsSlowly";

/// The group.
pub(super) fn group() -> Group {
    Group {
        name: "budget",
        recordings: Vec::new(),
        alerts: vec![fast(), slow()],
        cases: windows(),
    }
}

fn fast() -> Alert {
    Alert {
        name: FAST,
        severity: Severity::Critical,
        // 14.4 times: 2 % of the month's budget in an hour; 6 times: 5 % in six.
        expr: format!(
            "({})\nor\n({})",
            burns("14.4", "1h", "5m"),
            burns("6", "6h", "30m")
        ),
        hold: "2m",
        summary: "{{ $labels.job }} fails so many requests that its error budget is gone in days",
        runbook: "error-budget-burns-fast",
        bad: Bad {
            inputs: failing(0.05, 60),
            silent_at: 1,
            fires_at: 30,
            labels: job(),
        },
    }
}

fn slow() -> Alert {
    Alert {
        name: SLOW,
        severity: Severity::Medium,
        expr: format!(
            "({})\nor\n({})",
            burns("3", "1d", "2h"),
            burns("1", "3d", "6h")
        ),
        hold: "1h",
        summary: "{{ $labels.job }} fails more requests than its error budget has for the month",
        runbook: "error-budget-burns-slowly",
        bad: Bad {
            inputs: failing(0.002, 180),
            silent_at: 30,
            fires_at: 120,
            labels: job(),
        },
    }
}

fn burns(factor: &str, long: &str, short: &str) -> String {
    let ratio = |range: &str| format!("watertight:request_failures:ratio_rate{range}");
    format!(
        "{} > {factor} * {BUDGET} and {} > {factor} * {BUDGET}",
        ratio(long),
        ratio(short)
    )
}

fn job() -> Labels {
    labels([super::series::JOB])
}

/// Each window alone must be able to keep its alert silent, and each pair to make
/// it fire; but the pair of a day and two hours, which after a quiet past never
/// burns without the pair of three days and six hours.
fn windows() -> Vec<Case> {
    let case = |name, pieces: &[(u32, f64)], checks| Case {
        name,
        interval: 1,
        inputs: failures(pieces, 1),
        checks,
    };
    let day = [(288, 0.0), (30, 0.005)];
    vec![
        case(
            "3 % for half an hour burn by the hour alone",
            &[(600, 0.0), (40, 0.03)],
            vec![(635, FAST, true)],
        ),
        case(
            "0.8 % for hours burn by six hours alone",
            &[(180, 0.008)],
            vec![(120, FAST, true)],
        ),
        case(
            "an outage that is over isn't told for hours",
            &[(60, 0.0), (10, 0.5), (60, 0.0)],
            vec![(120, FAST, false)],
        ),
        case(
            "ten minutes of 4 % are no hour",
            &[(600, 0.0), (10, 0.04), (10, 0.0)],
            vec![(612, FAST, false)],
        ),
        case(
            "a bad hour of this morning is no longer told",
            &[(60, 0.1), (600, 0.0)],
            vec![(600, SLOW, false)],
        ),
        Case {
            name: "a bad afternoon after a good day is within the budget",
            interval: 5,
            inputs: failures(&day, 5),
            checks: vec![(1_585, SLOW, false)],
        },
    ]
}

/// A thousand requests a minute, of which this part fails.
fn failing(part: f64, minutes: u32) -> Vec<Input> {
    failures(&[(minutes, part)], 1)
}

/// Pieces of time in which a part of a thousand requests a minute fails.
fn failures(pieces: &[(u32, f64)], interval: u32) -> Vec<Input> {
    let name = format!("{}_count", HTTP_SERVER_DURATION.named());
    let all = 1_000.0 * f64::from(interval);
    let series = |kind, part: &dyn Fn(f64) -> f64| {
        let steps = pieces.iter();
        let values = steps.fold(Values::from(0.0), |values, (values_in, failed)| {
            values.then(*values_in, (all * part(*failed)).round())
        });
        Input::new(&name, values).with("error_type", kind)
    };
    vec![
        series("", &|failed| 1.0 - failed),
        series("500", &|failed| failed),
    ]
}
