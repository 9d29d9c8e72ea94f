//! `cargo xtask test`: the one command that tests everything.

use std::process::ExitCode;
use std::time::Duration;

use crate::error::Error;
use crate::report::{Outcome, Report};
use crate::workspace::Workspace;
use crate::{clients, process, shop, tools};

/// Building everything and running all tests takes about seven minutes on two
/// cores from nothing; three times that is a hang, not a slow machine.
const TEST_LIMIT: Duration = Duration::from_secs(25 * 60);

/// Beside this, each cycle may take [`CYCLE_LIMIT`].
const SOAK_LIMIT: Duration = Duration::from_secs(3 * 60);

/// One cycle: start, load, kill, and at most 60 s until the shop has settled.
const CYCLE_LIMIT: Duration = Duration::from_secs(75);

/// Requests of the short storm, and what it measures latency on.
const STORM: [&str; 6] = ["storm", "--json", "--requests", "3000", "--samples", "200"];

/// It takes half a minute; four shops are opened in turn.
const STORM_LIMIT: Duration = Duration::from_secs(10 * 60);

/// Flags of `cargo xtask test`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// How often the kill test kills; 0 leaves it out.
    #[arg(long, default_value_t = 10)]
    soak_cycles: u32,
}

/// Runs all stages and says how each one went.
pub(crate) fn run(workspace: &Workspace, args: &Args) -> ExitCode {
    let mut report = Report::default();
    stages(&mut report, workspace, args.soak_cycles);
    report.finish()
}

/// Adds the stages of the test command to a report.
pub(crate) fn stages(report: &mut Report, workspace: &Workspace, soak_cycles: u32) {
    report.stage("tools", needs);
    report.stage("test", || cargo_test(workspace));
    report.stage("build", || shop::build(workspace).map(|_| Outcome::Passed));
    report.stage("clients", || clients::stage(workspace));
    report.stage("storm", || storm(workspace));
    report.stage("soak kill", || soak(workspace, soak_cycles));
}

/// Says what the tests need, and whether it is here.
fn needs() -> Result<Outcome, Error> {
    let compiler = std::env::var("CC").unwrap_or_else(|_| "cc".to_owned());
    let mut missing = Vec::new();
    for (tool, why) in [
        (compiler.as_str(), "compiles SQLite and jemalloc"),
        ("make", "builds jemalloc"),
        ("sh", "a child for some tests"),
    ] {
        let here = tools::on_path(tool).is_some();
        println!("{tool}: {} ({why})", if here { "found" } else { "MISSING" });
        if !here {
            missing.push(tool);
        }
    }
    let python = if tools::on_path("python3").is_some() {
        "found (the Python clients; their packages go to .tools)"
    } else {
        "not found (the Python clients are left out)"
    };
    println!("python3: {python}");
    println!("nothing else is needed");
    if missing.is_empty() {
        return Ok(Outcome::Passed);
    }
    Ok(Outcome::Failed(format!(
        "install {} first",
        missing.join(", ")
    )))
}

fn cargo_test(workspace: &Workspace) -> Result<Outcome, Error> {
    let mut cargo = process::cargo();
    cargo.args(["test", "--workspace", "--locked", "--no-fail-fast"]);
    let cargo = cargo.current_dir(&workspace.root);
    let (status, said) = process::output_where(cargo, TEST_LIMIT, is_worth_a_line)?;
    if status.success() {
        return Ok(Outcome::Passed);
    }
    let failed = failed_tests(&said);
    Ok(Outcome::Failed(format!("{status}; {failed}")))
}

/// More than a thousand lines say that a test passed.
fn is_worth_a_line(line: &str) -> bool {
    let passed = line.starts_with("test ") && line.ends_with(" ... ok");
    !passed && !line.is_empty()
}

/// Which tests failed, for the line that is read first.
fn failed_tests(said: &str) -> String {
    const NAMED_MAX: usize = 20;
    let failed: Vec<&str> = said
        .lines()
        .filter_map(|line| line.strip_prefix("test ")?.strip_suffix(" ... FAILED"))
        .collect();
    if failed.is_empty() {
        return "no test says that it failed: one didn't build, or its process died".to_owned();
    }
    let more = failed.len().saturating_sub(NAMED_MAX);
    let named = failed[..failed.len() - more].join(", ");
    if more == 0 {
        format!("failed: {named}")
    } else {
        format!("failed: {named} and {more} more")
    }
}

/// A short one: it says nothing of memory, whose caches are still filling.
fn storm(workspace: &Workspace) -> Result<Outcome, Error> {
    let mut demo = process::command(workspace.target.join("release").join("demo"));
    let last = process::run_for_last_line(demo.args(STORM), STORM_LIMIT)?;
    Ok(storm_verdict(&last))
}

/// Trusts the figures, not only the exit code: clients did leave, and nothing
/// of them is left.
fn storm_verdict(last_line: &str) -> Outcome {
    let figures: serde_json::Value = serde_json::from_str(last_line).unwrap_or_default();
    let number = |name: &str| figures.get(name).and_then(serde_json::Value::as_u64);
    let why = if number("live_tasks_after") != Some(0) {
        "live_tasks_after is not 0"
    } else if number("orphans") != Some(0) {
        "orphans is not 0"
    } else if figures.get("invariants_ok") != Some(&serde_json::Value::Bool(true)) {
        "invariants_ok is not true"
    } else if number("requests").is_none_or(|requests| requests < 3_000) {
        "too few requests"
    } else if number("cancelled").is_none_or(|cancelled| cancelled * 4 < 3_000) {
        "hardly a client left"
    } else {
        return Outcome::Passed;
    };
    Outcome::Failed(format!("{why} in: {last_line}"))
}

fn soak(workspace: &Workspace, cycles: u32) -> Result<Outcome, Error> {
    if cycles == 0 {
        return Ok(Outcome::Skipped("--soak-cycles 0".to_owned()));
    }
    let mut demo = process::command(workspace.target.join("release").join("demo"));
    demo.args(["soak", "kill", "--json", "--cycles"])
        .arg(cycles.to_string());
    let last = process::run_for_last_line(&mut demo, SOAK_LIMIT + CYCLE_LIMIT * cycles)?;
    Ok(soak_verdict(&last))
}

/// Trusts the figures, not only the exit code: nothing lost, and the run had
/// power, for it killed as often as asked, at named points too, and nobody
/// died by himself.
fn soak_verdict(last_line: &str) -> Outcome {
    let figures: serde_json::Value = serde_json::from_str(last_line).unwrap_or_default();
    let number = |name: &str| figures.get(name).and_then(serde_json::Value::as_u64);
    for name in ["orders_lost", "oversold", "double_charged", "deaths"] {
        if number(name) != Some(0) {
            return Outcome::Failed(format!("{name} is not 0 in: {last_line}"));
        }
    }
    let points = figures.get("points").and_then(serde_json::Value::as_object);
    let why = if figures.get("invariants_ok") != Some(&serde_json::Value::Bool(true)) {
        "invariants_ok is not true"
    } else if number("kills").is_none() || number("kills") < number("cycles") {
        "fewer kills than cycles"
    } else if points.is_none_or(serde_json::Map::is_empty) {
        "no kill at a named point"
    } else {
        return Outcome::Passed;
    };
    Outcome::Failed(format!("{why} in: {last_line}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failed_tests_are_named_and_passed_ones_are_not_shown() {
        let said = "running 2 tests\ntest a::b ... ok\ntest a::c ... FAILED\n\nfailures:\n";
        assert_eq!(failed_tests(said), "failed: a::c");
        assert!(failed_tests("error: could not compile").contains("didn't build"));
        let shown: Vec<_> = said.lines().filter(|line| is_worth_a_line(line)).collect();
        assert_eq!(
            shown,
            ["running 2 tests", "test a::c ... FAILED", "failures:"]
        );
    }

    #[test]
    fn a_storm_passes_only_with_nothing_left() {
        let clean = r#"{"requests":3000,"cancelled":1500,"live_tasks_after":0,"orphans":0,
            "invariants_ok":true}"#;
        assert_eq!(storm_verdict(clean), Outcome::Passed);
        for bad in [
            clean.replace("3000", "300"),
            clean.replace("1500", "15"),
            clean.replace("after\":0", "after\":1"),
            clean.replace("orphans\":0", "orphans\":2"),
            clean.replace("true", "false"),
            String::new(),
        ] {
            assert!(matches!(storm_verdict(&bad), Outcome::Failed(_)), "{bad}");
        }
    }

    #[test]
    fn a_soak_run_passes_only_with_clean_figures() {
        let clean = r#"{"orders_lost":0,"oversold":0,"double_charged":0,"deaths":0,"kills":4,
            "cycles":3,"points":{"orders.captured":1},"invariants_ok":true}"#;
        assert_eq!(soak_verdict(clean), Outcome::Passed);
        for bad in [
            clean.replace("lost\":0", "lost\":1"),
            clean.replace("oversold\":0", "oversold\":3"),
            clean.replace("charged\":0", "charged\":2"),
            clean.replace("deaths\":0", "deaths\":1"),
            clean.replace("kills\":4", "kills\":2"),
            clean.replace("\"orders.captured\":1", ""),
            clean.replace("true", "false"),
            String::new(),
            "not json".to_owned(),
        ] {
            assert!(matches!(soak_verdict(&bad), Outcome::Failed(_)), "{bad}");
        }
    }
}
