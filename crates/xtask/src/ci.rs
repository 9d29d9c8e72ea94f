//! `cargo xtask ci`: what has to hold before a change lands.
//!
//! Two build profiles serve all stages, `dev` and `release`. The cheap stages
//! come first; all of them run, so that one run shows all that is wrong.

use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use tokio::process::Command;

use crate::error::Error;
use crate::report::{Outcome, Report};
use crate::workspace::Workspace;
use crate::{openapi, otlp, process, readme, stack, test, tidy, tools};

/// Checking the whole graph from nothing takes about three minutes on two cores.
const CHECK_LIMIT: Duration = Duration::from_secs(20 * 60);

/// Fetching the advisory database, where the network lets us.
const FETCH_LIMIT: Duration = Duration::from_secs(60);

/// Flags of `cargo xtask ci`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// How often the kill test kills; 0 leaves it out.
    #[arg(long, default_value_t = 10)]
    soak_cycles: u32,
    /// Only the stages before the tests.
    #[arg(long)]
    no_tests: bool,
}

/// Runs all stages and says how each one went.
pub(crate) fn run(workspace: &Workspace, args: &Args) -> ExitCode {
    let mut report = Report::default();
    report.stage("fmt", || {
        cargo(workspace, &["fmt", "--all", "--check"], None)
    });
    report.stage("tidy", || tidy::stage(workspace));
    report.stage("protos", || protos(workspace));
    report.stage("deny", || deny(workspace));
    report.stage("advisories", || advisories(workspace));
    report.stage("clippy", || {
        let clippy = "clippy --workspace --all-targets --locked -- -D warnings";
        cargo(workspace, &clippy.split(' ').collect::<Vec<_>>(), None)
    });
    report.stage("docs", || {
        let doc = ["doc", "--workspace", "--no-deps", "--locked"];
        cargo(workspace, &doc, Some(("RUSTDOCFLAGS", "-D warnings")))
    });
    if !args.no_tests {
        test::stages(&mut report, workspace, args.soak_cycles);
        stack::stages(&mut report, workspace);
        report.stage("openapi", || openapi::stage(workspace));
        report.stage("otlp", || otlp::stage(workspace));
        report.stage("readme", || readme::stage(workspace));
    }
    report.finish()
}

fn cargo(
    workspace: &Workspace,
    arguments: &[&str],
    env: Option<(&str, &str)>,
) -> Result<Outcome, Error> {
    let mut cargo = process::cargo();
    cargo.args(arguments).envs(env);
    passed(cargo.current_dir(&workspace.root), CHECK_LIMIT)
}

/// buf's standard lint with comments required, and its format.
fn protos(workspace: &Workspace) -> Result<Outcome, Error> {
    let buf = match tools::buf(workspace)? {
        Ok(buf) => buf,
        Err(why) => return Ok(Outcome::Skipped(why)),
    };
    let dir = workspace.root.join("proto");
    let buf = |arguments: &[&str]| {
        let mut command = process::command(&buf);
        passed(command.args(arguments).current_dir(&dir), CHECK_LIMIT)
    };
    buf(&["lint"])?;
    buf(&["format", "--diff", "--exit-code"])
}

/// Licences, banned crates and sources: needs no network once all is fetched.
fn deny(workspace: &Workspace) -> Result<Outcome, Error> {
    let deny = match tools::cargo_deny(workspace)? {
        Ok(deny) => deny,
        Err(why) => return Ok(Outcome::Skipped(why)),
    };
    let arguments = [
        "--locked",
        "check",
        "--hide-inclusion-graph",
        "bans",
        "licenses",
        "sources",
    ];
    passed(in_root(&deny, workspace).args(arguments), CHECK_LIMIT)
}

/// Known vulnerabilities: skipped when their database can't be fetched.
fn advisories(workspace: &Workspace) -> Result<Outcome, Error> {
    let deny = match tools::cargo_deny(workspace)? {
        Ok(deny) => deny,
        Err(why) => return Ok(Outcome::Skipped(why)),
    };
    match process::run(in_root(&deny, workspace).args(["fetch", "db"]), FETCH_LIMIT) {
        Ok(()) => {}
        Err(Error::Interrupted) => return Err(Error::Interrupted),
        Err(_) => {
            return Ok(Outcome::Skipped(
                "the advisory database can't be fetched".to_owned(),
            ));
        }
    }
    let arguments = ["--locked", "check", "--disable-fetch", "advisories"];
    passed(in_root(&deny, workspace).args(arguments), CHECK_LIMIT)
}

fn in_root(program: &Path, workspace: &Workspace) -> Command {
    let mut command = process::command(program);
    command.current_dir(&workspace.root);
    command
}

fn passed(command: &mut Command, limit: Duration) -> Result<Outcome, Error> {
    process::run(command, limit).map(|()| Outcome::Passed)
}
