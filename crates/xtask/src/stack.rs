//! `cargo xtask dashboards` and `cargo xtask alerts`: they run the crate `stack`,
//! which knows the catalogues, with the tools that it needs.

use std::ffi::OsString;
use std::process::ExitCode;
use std::time::Duration;

use clap::Subcommand;

use crate::error::Error;
use crate::report::{Outcome, Report};
use crate::workspace::Workspace;
use crate::{process, shop, tools};

/// A cold build of the services' debug profile is the longest part.
const LIMIT: Duration = Duration::from_secs(30 * 60);

/// What can be done with either part of the stack.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Subcommand)]
pub(crate) enum Act {
    /// Writes what is made from the code.
    Write,
    /// Fails if a file isn't what the code makes.
    Check,
    /// Tries it with the real programs, which are fetched into .tools if need be.
    Test,
}

/// A part of the stack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    /// grafana/dashboards.
    Dashboards,
    /// deploy/prometheus and deploy/alertmanager.
    Alerts,
}

impl Part {
    const fn word(self) -> &'static str {
        match self {
            Self::Dashboards => "dashboards",
            Self::Alerts => "alerts",
        }
    }

    const fn stage(self) -> &'static str {
        match self {
            Self::Dashboards => "panels",
            Self::Alerts => "alerts",
        }
    }
}

/// Runs one command.
pub(crate) fn run(workspace: &Workspace, part: Part, act: Act) -> Result<ExitCode, Error> {
    match act {
        Act::Write => stack(workspace, part, "write", Vec::new()),
        Act::Check => stack(workspace, part, "check", Vec::new()),
        Act::Test => {
            let mut report = Report::default();
            stage(&mut report, workspace, part);
            return Ok(report.finish());
        }
    }?;
    Ok(ExitCode::SUCCESS)
}

/// Adds panels and alerts, tried with the real programs, to a report.
pub(crate) fn stages(report: &mut Report, workspace: &Workspace) {
    stage(report, workspace, Part::Dashboards);
    stage(report, workspace, Part::Alerts);
}

fn stage(report: &mut Report, workspace: &Workspace, part: Part) {
    report.stage(part.stage(), || test(workspace, part));
}

fn test(workspace: &Workspace, part: Part) -> Result<Outcome, Error> {
    let tools = match tools::prometheus(workspace)? {
        Ok(tools) => tools,
        Err(why) => return Ok(Outcome::Skipped(why)),
    };
    let mut flags = vec!["--tools".into(), tools.into_os_string()];
    if part == Part::Dashboards {
        let demo = shop::build(workspace)?;
        flags.extend(["--demo".into(), demo.into_os_string()]);
    }
    stack(workspace, part, "test", flags)?;
    Ok(Outcome::Passed)
}

fn stack(workspace: &Workspace, part: Part, act: &str, flags: Vec<OsString>) -> Result<(), Error> {
    let mut cargo = process::cargo();
    cargo.args(["run", "--quiet", "--locked", "--package", "stack", "--"]);
    cargo.arg("--root").arg(&workspace.root);
    cargo.args([part.word(), act]).args(flags);
    process::run(cargo.current_dir(&workspace.root), LIMIT)
}
