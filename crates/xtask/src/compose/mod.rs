//! `cargo xtask compose test`: docker-compose.yml is really started.
//!
//! Images that can't be had are replaced by stand-ins made on the spot: by the
//! real program where this machine has it (Prometheus and Alertmanager, as Debian
//! packages them). A stand-in that isn't the program only shows that the
//! container starts as the file says; it is reported as NOT PROVEN and nothing
//! it could answer is asked. Without a Docker engine nothing is proven, and the
//! report says *skipped*.

mod engine;
mod figures;
mod http;
mod images;
mod inspect;
mod proof;
mod stack;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use crate::error::Error;
use crate::report::{Outcome, Report};
use crate::workspace::Workspace;
use crate::{clients, process, tools};

use engine::Engine;
use figures::Figures;
use images::Images;
use stack::Stack;

/// What the test may be told.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Args {
    /// Never asks a registry: what the engine doesn't have gets a stand-in.
    #[arg(long)]
    no_pull: bool,
    /// Puts this program into our image instead of building one.
    #[arg(long, value_name = "FILE")]
    program: Option<PathBuf>,
    /// Leaves everything running at the end.
    #[arg(long)]
    keep: bool,
    /// Installs with apt-get what is missing: the engine, docker-compose, and
    /// the programs for stand-ins.
    #[arg(long)]
    install: bool,
}

/// Runs the test as the only stage.
pub(crate) fn run(workspace: &Workspace, args: &Args) -> ExitCode {
    let mut report = Report::default();
    report.stage("compose", || stage(workspace, args));
    report.finish()
}

/// Builds, starts, proves, removes.
pub(crate) fn stage(workspace: &Workspace, args: &Args) -> Result<Outcome, Error> {
    if args.install {
        install()?;
    }
    let engine = match Engine::find(args.keep)? {
        Ok(engine) => engine,
        Err(why) => return Ok(Outcome::Skipped(format!("{why}; --install gets Debian's"))),
    };
    println!("engine: {}", engine.version()?);
    prepare(workspace)?;
    let images = Images::provide(workspace, &engine, args)?;
    let proven = on(workspace, &engine, &images, args.keep);
    // First of all nothing of ours may go on running, whatever was found.
    let stopped = engine.stop();
    let (figures, left) = proven?;
    stopped?;
    images.say_what_is_not_proven();
    println!("{figures}");
    if left.is_empty() {
        return Ok(Outcome::Passed);
    }
    let left = left.join(", ");
    Ok(Outcome::Failed(format!("`down -v` left {left}")))
}

/// Builds and fetches beforehand what is wanted while the stack runs.
fn prepare(workspace: &Workspace) -> Result<(), Error> {
    // What can't be had is told where it is missed.
    let _python = clients::build(workspace)?;
    let _grpcurl = tools::grpcurl(workspace)?;
    Ok(())
}

/// The test on an engine; gives the figures, and what `down -v` left.
fn on(
    workspace: &Workspace,
    engine: &Engine,
    images: &Images,
    keep: bool,
) -> Result<(Figures, Vec<String>), Error> {
    let mut stack = Stack::new(workspace, engine, images)?;
    let mut proven = proof::all(workspace, &mut stack, images);
    if keep {
        println!("left running: {}", stack.how_to_stop());
        stack.keep();
        return Ok((proven?, Vec::new()));
    }
    if proven.is_ok()
        && let Err(error) = proof::crash_loop(&mut stack)
    {
        proven = Err(error);
    }
    let left = stack.remove();
    if left.as_ref().is_ok_and(Vec::is_empty) {
        println!("down -v     nothing is left: no container, volume or network");
    }
    Ok((proven?, left?))
}

/// What the test can use of Debian's packages.
const PACKAGES: [&str; 7] = [
    "docker.io",
    "docker-compose",
    "iptables",
    "busybox-static",
    "binutils",
    "prometheus",
    "prometheus-alertmanager",
];

/// Downloading and unpacking them takes a minute.
const INSTALL_LIMIT: Duration = Duration::from_secs(10 * 60);

fn install() -> Result<(), Error> {
    let mut apt = process::command("apt-get");
    apt.args(["install", "--yes", "--no-install-recommends"]);
    apt.args(PACKAGES).env("DEBIAN_FRONTEND", "noninteractive");
    process::run(&mut apt, INSTALL_LIMIT)
}
