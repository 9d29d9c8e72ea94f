//! Traces against a receiver that shares nothing with what sends them.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use crate::error::Error;
use crate::report::{Outcome, Report};
use crate::workspace::Workspace;
use crate::{process, tools};

/// Pinned, as its output is read.
const TOOLS: &str = "rotel==0.0.1a15\n";

/// Most of it is the build of the tests.
const TEST_LIMIT: Duration = Duration::from_secs(20 * 60);

/// Runs the stage alone.
pub(crate) fn run(workspace: &Workspace) -> ExitCode {
    let mut report = Report::default();
    report.stage("otlp", || stage(workspace));
    report.finish()
}

/// Runs the test that is ignored elsewhere because it needs the receiver.
pub(crate) fn stage(workspace: &Workspace) -> Result<Outcome, Error> {
    let python = match tools::python(workspace, "otlp", TOOLS)? {
        Ok(python) => python,
        Err(why) => return Ok(Outcome::Skipped(why)),
    };
    let Some(agent) = agent(&python) else {
        return Ok(Outcome::Skipped("rotel brings no agent".to_owned()));
    };
    let mut cargo = process::cargo();
    cargo.args(["test", "--locked", "-p", "watertight", "--test", "chassis"]);
    cargo.args(["--", "--ignored", "a_receiver_that_is_not_ours"]);
    cargo.env("ROTEL_AGENT", agent);
    process::run(cargo.current_dir(&workspace.root), TEST_LIMIT)?;
    Ok(Outcome::Passed)
}

/// The executable in the package, beside the interpreter's libraries.
fn agent(python: &Path) -> Option<PathBuf> {
    let libraries = python.parent()?.parent()?.join("lib");
    let versions = std::fs::read_dir(libraries).ok()?.flatten();
    let agent = |version: std::fs::DirEntry| version.path().join("site-packages/rotel/rotel-agent");
    versions.map(agent).find(|agent| agent.is_file())
}
