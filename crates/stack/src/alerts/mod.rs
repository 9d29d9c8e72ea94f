//! Alert rules as values, what each is tried with, and the files that
//! Prometheus, promtool and people read.

mod budget;
mod healthy;
mod memory;
mod recording;
mod render;
mod series;
mod shop;
mod tasks;
mod telemetry;
mod trial;

pub(crate) use series::{Input, Labels};

/// How soon somebody has to look.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Severity {
    /// During the next working day.
    Medium,
    /// Today.
    High,
    /// At once, also at night.
    Critical,
}

impl Severity {
    /// As the label has it, by which Alertmanager routes.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Medium => "medium",
            Self::High => "high",
            Self::Critical => "critical",
        }
    }
}

/// A rule that gives a value a name: what panels and alerts share.
#[derive(Debug)]
pub(crate) struct Recording {
    pub(crate) name: &'static str,
    pub(crate) expr: String,
}

/// An alert, with the case that it must find.
#[derive(Debug)]
pub(crate) struct Alert {
    pub(crate) name: &'static str,
    pub(crate) severity: Severity,
    pub(crate) expr: String,
    /// How long the expression must hold.
    pub(crate) hold: &'static str,
    /// One line for a phone; may name labels as `{{ $labels.job }}`.
    pub(crate) summary: &'static str,
    /// The file under docs/runbooks, without `.md`.
    pub(crate) runbook: &'static str,
    pub(crate) bad: Bad,
}

/// A made-up case in which an alert must fire.
#[derive(Debug)]
pub(crate) struct Bad {
    /// In place of, or beside, the series of a healthy service.
    pub(crate) inputs: Vec<Input>,
    /// Minutes at which it must be silent yet.
    pub(crate) silent_at: u32,
    /// Minutes at which it must fire.
    pub(crate) fires_at: u32,
    /// Its labels then, without name and severity.
    pub(crate) labels: Labels,
}

/// A made-up case beside those of single alerts.
#[derive(Debug)]
pub(crate) struct Case {
    pub(crate) name: &'static str,
    /// Minutes from one value to the next.
    pub(crate) interval: u32,
    pub(crate) inputs: Vec<Input>,
    /// At which minute which alert fires, or doesn't.
    pub(crate) checks: Vec<(u32, &'static str, bool)>,
}

/// Rules that are evaluated together.
#[derive(Debug)]
pub(crate) struct Group {
    /// The name of its file.
    pub(crate) name: &'static str,
    pub(crate) recordings: Vec<Recording>,
    pub(crate) alerts: Vec<Alert>,
    pub(crate) cases: Vec<Case>,
}

/// All rules.
pub(crate) fn groups() -> Vec<Group> {
    vec![
        recording::group(),
        memory::group(),
        tasks::group(),
        budget::group(),
        shop::group(),
        telemetry::group(),
    ]
}

/// The file of rules of a group, and the file of their trials.
pub(crate) fn files(groups: &[Group]) -> Vec<(String, String)> {
    let rules = groups.iter().map(|group| {
        let path = format!("deploy/prometheus/rules/{}.yml", group.name);
        (path, render::rules(group))
    });
    let trials = groups.iter().filter(|group| !group.alerts.is_empty());
    let trials = trials.map(|group| {
        let path = format!("deploy/prometheus/tests/{}_test.yml", group.name);
        (path, trial::firing(group))
    });
    let silent = "deploy/prometheus/tests/silent_test.yml".to_owned();
    rules
        .chain(trials)
        .chain([(silent, trial::silence())])
        .collect()
}

/// The runbooks that alerts lead to.
#[cfg(test)]
pub(crate) fn runbooks() -> std::collections::BTreeSet<&'static str> {
    let alerts = groups().into_iter().flat_map(|group| group.alerts);
    alerts.map(|alert| alert.runbook).collect()
}
