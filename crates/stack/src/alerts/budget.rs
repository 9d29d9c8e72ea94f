//! The error budget: 99.9 % of all requests don't fail, over thirty days.
//!
//! Several windows, as Google's *Site Reliability Workbook* (chapter 5) has it: the
//! long one says that it matters, the short one that it still goes on.

use super::series::{Labels, Values, labels};
use super::{Alert, Bad, Group, Input, Severity};
use crate::names::{HTTP_SERVER_DURATION, Named as _};

/// The part of requests that may fail.
const BUDGET: &str = "0.001";

/// The group.
pub(super) fn group() -> Group {
    Group {
        name: "budget",
        recordings: Vec::new(),
        alerts: vec![
            Alert {
                name: "ErrorBudgetBurnsFast",
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
            },
            Alert {
                name: "ErrorBudgetBurnsSlowly",
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
                    inputs: failing(0.004, 180),
                    silent_at: 30,
                    fires_at: 120,
                    labels: job(),
                },
            },
        ],
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

/// A thousand requests a minute, of which this part fails.
fn failing(part: f64, minutes: u32) -> Vec<Input> {
    let name = format!("{}_count", HTTP_SERVER_DURATION.named());
    let failed = (1_000.0 * part).round();
    vec![
        Input::new(&name, Values::rising(0.0, 1_000.0 - failed, minutes)).with("error_type", ""),
        Input::new(&name, Values::rising(0.0, failed, minutes)).with("error_type", "500"),
    ]
}
