//! Stages: each is timed, none hides its outcome, the summary comes last.

use std::process::ExitCode;
use std::time::{Duration, Instant};

use crate::error::{Error, chain};

/// How a stage ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// All is well.
    Passed,
    /// It did not run, and this is why.
    Skipped(String),
    /// It found something, or broke.
    Failed(String),
}

/// The stages of one command, in order.
#[derive(Debug, Default)]
pub(crate) struct Report {
    rows: Vec<Row>,
    interrupted: bool,
}

#[derive(Debug)]
struct Row {
    name: &'static str,
    outcome: Outcome,
    took: Duration,
}

impl Report {
    /// Runs a stage, unless an interrupt has ended the whole run.
    ///
    /// A failed stage doesn't stop those after it: one run shows all that is wrong.
    pub(crate) fn stage(
        &mut self,
        name: &'static str,
        stage: impl FnOnce() -> Result<Outcome, Error>,
    ) {
        if self.interrupted {
            return self.add(
                name,
                Outcome::Skipped("interrupted".to_owned()),
                Duration::ZERO,
            );
        }
        println!("\n=== {name}");
        let begin = Instant::now();
        let ended = stage();
        self.interrupted = matches!(ended, Err(Error::Interrupted));
        let outcome = ended.unwrap_or_else(|error| Outcome::Failed(chain(&error)));
        let took = begin.elapsed();
        println!(
            "=== {name}: {} ({:.1} s)",
            word(&outcome),
            took.as_secs_f64()
        );
        self.add(name, outcome, took);
    }

    fn add(&mut self, name: &'static str, outcome: Outcome, took: Duration) {
        self.rows.push(Row {
            name,
            outcome,
            took,
        });
    }

    /// Prints the summary; success only if no stage failed and none was interrupted.
    pub(crate) fn finish(self) -> ExitCode {
        println!("\n{}", self.summary());
        if self.holds() {
            ExitCode::SUCCESS
        } else {
            ExitCode::FAILURE
        }
    }

    fn holds(&self) -> bool {
        !self.interrupted
            && !self
                .rows
                .iter()
                .any(|row| matches!(row.outcome, Outcome::Failed(_)))
    }

    fn summary(&self) -> String {
        let mut text = format!("{:<12} {:>9}  outcome", "stage", "time");
        for Row {
            name,
            outcome,
            took,
        } in &self.rows
        {
            let line = format!(
                "\n{name:<12} {:>7.1} s  {}",
                took.as_secs_f64(),
                word(outcome)
            );
            text.push_str(&line);
        }
        let total: Duration = self.rows.iter().map(|row| row.took).sum();
        text.push_str(&format!("\n{:<12} {:>7.1} s", "total", total.as_secs_f64()));
        text
    }
}

fn word(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Passed => "ok".to_owned(),
        Outcome::Skipped(why) => format!("SKIPPED: {why}"),
        Outcome::Failed(why) => format!("FAILED: {why}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_failed_stage_fails_the_run_and_does_not_stop_it() {
        let mut report = Report::default();
        report.stage("first", || Err(Error::Found("broken".to_owned())));
        report.stage("second", || Ok(Outcome::Passed));
        assert!(!report.holds());
        assert!(report.summary().contains("FAILED: broken"));
        assert!(report.summary().contains("second"));
    }

    #[test]
    fn a_skipped_stage_is_visible_and_does_not_fail_the_run() {
        let mut report = Report::default();
        report.stage("advisories", || {
            Ok(Outcome::Skipped("no network".to_owned()))
        });
        assert!(report.holds());
        assert!(report.summary().contains("SKIPPED: no network"));
    }

    #[test]
    fn an_interrupt_ends_the_run() {
        let mut report = Report::default();
        report.stage("first", || Err(Error::Interrupted));
        report.stage("second", || unreachable!("must not run"));
        assert!(!report.holds());
    }
}
