//! The command line.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};

use crate::error::{Error, chain};
use crate::files::{self, Part};
use crate::{boards, lint, prove};

/// Dashboards and alert rules: written from the code, compared with it, and
/// tried with real programs
#[derive(Debug, Parser)]
#[command(name = "stack")]
struct Cli {
    /// The root of the workspace.
    #[arg(long, default_value = ".", global = true)]
    root: PathBuf,
    #[command(subcommand)]
    part: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// The dashboards under grafana/dashboards.
    #[command(subcommand)]
    Dashboards(Dashboards),
    /// The rules under deploy/prometheus, and deploy/alertmanager.
    #[command(subcommand)]
    Alerts(Alerts),
}

#[derive(Debug, Subcommand)]
enum Dashboards {
    /// Writes them.
    Write,
    /// Fails if a file isn't what the code makes, or breaks a rule of dashboard-linter.
    Check,
    /// A real Prometheus scrapes the demo, and every panel must have data.
    Test(prove::PanelArgs),
}

#[derive(Debug, Subcommand)]
enum Alerts {
    /// Writes rules and their trials.
    Write,
    /// Fails if a file isn't what the code makes.
    Check,
    /// promtool tries each alert with a bad and with healthy series; amtool tries the routes.
    Test(Tools),
}

/// Where the programs are.
#[derive(Debug, Args)]
pub(crate) struct Tools {
    /// A directory with prometheus, promtool and amtool; without it, PATH.
    #[arg(long, value_name = "DIR")]
    pub(crate) tools: Option<PathBuf>,
}

impl Tools {
    /// A program.
    pub(crate) fn program(&self, name: &str) -> PathBuf {
        match &self.tools {
            Some(dir) => dir.join(name),
            None => PathBuf::from(name),
        }
    }
}

/// Runs the command line; the exit code is the verdict.
#[must_use]
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    match run(&cli) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            say(&format!("stack: {}", chain(&error)));
            ExitCode::FAILURE
        }
    }
}

fn run(cli: &Cli) -> Result<bool, Error> {
    // What Prometheus is told must be right wherever it runs.
    let root = cli.root.canonicalize();
    let root = root.map_err(files::at("find", &cli.root))?;
    match &cli.part {
        What::Dashboards(Dashboards::Write) => write(&root, Part::Dashboards),
        What::Dashboards(Dashboards::Check) => check(&root, Part::Dashboards),
        What::Dashboards(Dashboards::Test(args)) => prove::panels(&root, args),
        What::Alerts(Alerts::Write) => write(&root, Part::Alerts),
        What::Alerts(Alerts::Check) => check(&root, Part::Alerts),
        What::Alerts(Alerts::Test(tools)) => prove::alerts(&root, tools),
    }
}

fn write(root: &Path, part: Part) -> Result<bool, Error> {
    let count = files::write(root, part)?;
    say(&format!("wrote {count} files"));
    Ok(true)
}

fn check(root: &Path, part: Part) -> Result<bool, Error> {
    let mut found = files::drift(root, part)?;
    if part == Part::Dashboards {
        for board in boards::all() {
            found.extend(lint::findings(&board.value()));
        }
    }
    for what in &found {
        say(what);
    }
    if !found.is_empty() {
        say(&format!(
            "what is out of date is written by `{}`",
            part.command()
        ));
    }
    Ok(found.is_empty())
}

/// A line for whoever started us.
#[expect(
    clippy::print_stdout,
    reason = "a command line tool talks to a terminal"
)]
pub(crate) fn say(line: &str) {
    println!("{line}");
}
