//! `cargo xtask readme`: every command line of README.md is executed.
//!
//! A fenced `sh` block says behind `sh` who executes it:
//! - `first`: this command, which runs it literally, and waits until the shop is ready;
//! - `shop`: this command, with bash, while the shop runs;
//! - `after`: this command, with bash, once the shop has been stopped with Ctrl-C;
//! - `ci`: `.ci/run`, of which it is a part;
//! - `hand`: a person, before each release; it takes too long for CI.

mod blocks;
mod rules;

use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use crate::error::Error;
use crate::report::{Outcome, Report};
use crate::workspace::{self, Workspace};
use crate::{process, shop, tools};

pub(crate) use rules::check;

/// The shop is ready in about two seconds once it is built.
const READY_LIMIT: Duration = Duration::from_secs(60);

/// Draining and verifying take seconds.
const STOP_LIMIT: Duration = Duration::from_secs(180);

/// Each block is a handful of requests.
const BLOCK_LIMIT: Duration = Duration::from_secs(60);

/// Runs README.md as the only stage.
pub(crate) fn run(workspace: &Workspace) -> ExitCode {
    let mut report = Report::default();
    report.stage("readme", || stage(workspace));
    report.finish()
}

/// Executes README.md from top to bottom.
pub(crate) fn stage(workspace: &Workspace) -> Result<Outcome, Error> {
    let grpcurl = match tools::grpcurl(workspace)? {
        Ok(grpcurl) => grpcurl,
        Err(why) => return Ok(Outcome::Skipped(why)),
    };
    let blocks = blocks::sh(&workspace::read(&workspace.root.join("README.md"))?);
    shop::build(workspace)?;
    let first = blocks
        .iter()
        .filter(|block| block.who == "first")
        .map(|block| &*block.script);
    let mut shop = process::start(&mut bash(workspace, &grpcurl, &first.collect::<String>()))?;
    wait_until_ready(
        &mut shop,
        &workspace.root.join("demo-data").join("endpoints.json"),
    )?;
    execute(&blocks, "shop", workspace, &grpcurl)?;
    shop.interrupt(STOP_LIMIT)?;
    execute(&blocks, "after", workspace, &grpcurl)?;
    Ok(Outcome::Passed)
}

fn execute(
    blocks: &[blocks::Block],
    who: &str,
    workspace: &Workspace,
    grpcurl: &Path,
) -> Result<(), Error> {
    for block in blocks.iter().filter(|block| block.who == who) {
        println!("--- README.md:{}\n{}", block.line, block.script);
        process::run(&mut bash(workspace, grpcurl, &block.script), BLOCK_LIMIT)?;
    }
    Ok(())
}

/// `exec` is not needed: bash runs the last command of a script in its place.
fn bash(workspace: &Workspace, grpcurl: &Path, script: &str) -> tokio::process::Command {
    let mut bash = process::command("bash");
    bash.args(["-euo", "pipefail", "-c", script])
        .current_dir(&workspace.root);
    let before = std::env::var_os("PATH").unwrap_or_default();
    let tools = grpcurl.parent().map(Path::to_path_buf);
    let path = std::env::join_paths(tools.into_iter().chain(std::env::split_paths(&before)));
    bash.env("PATH", path.unwrap_or(before));
    bash
}

/// The shop writes its endpoints once every service is ready.
fn wait_until_ready(shop: &mut process::Beside, endpoints: &Path) -> Result<(), Error> {
    let begin = Instant::now();
    while !endpoints.is_file() {
        if !shop.is_alive() {
            return Err(Error::Found(
                "the shop ended before it was ready".to_owned(),
            ));
        }
        if begin.elapsed() > READY_LIMIT {
            return Err(Error::Found(format!(
                "not ready after {} s",
                READY_LIMIT.as_secs()
            )));
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    Ok(())
}
