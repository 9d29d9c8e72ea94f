//! `cargo xtask readme`: every command line of README.md is executed.
//!
//! A fenced `sh` block says behind `sh` who executes it:
//! - `first`: this command, which leaves it running;
//! - `ready`: this command, again and again until it succeeds;
//! - `shop`: this command, while the first one runs;
//! - `after`: this command, once the first one was stopped with Ctrl-C;
//! - `ci`: `.ci/run`, of which it is a part;
//! - `hand`: a person, before each release; it takes too long for CI.

mod blocks;
mod rules;

use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use tokio::process::Command;

use crate::error::Error;
use crate::report::{Outcome, Report};
use crate::workspace::{self, Workspace};
use crate::{process, shop, tools};

pub(crate) use rules::check;

/// The shop is ready in about two seconds once it is built.
const READY_LIMIT: Duration = Duration::from_secs(60);

/// Between two looks whether it is.
const READY_PAUSE: Duration = Duration::from_millis(250);

/// Draining and verifying take seconds.
const STOP_LIMIT: Duration = Duration::from_secs(3 * 60);

/// Each block takes less than a minute.
const BLOCK_LIMIT: Duration = Duration::from_secs(3 * 60);

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
    let reader = Reader {
        workspace,
        grpcurl: &grpcurl,
        blocks: blocks::sh(&workspace::read(&workspace.root.join("README.md"))?),
    };
    shop::build(workspace)?;
    shop::build_examples(workspace)?;
    let mut shop = process::start(&mut reader.bash(&reader.scripts("first").concat()))?;
    for script in reader.scripts("ready") {
        wait_until_ready(&mut shop, &mut reader.bash(script))?;
    }
    reader.execute("shop")?;
    shop.interrupt(STOP_LIMIT)?;
    reader.execute("after")?;
    Ok(Outcome::Passed)
}

/// Somebody who does what README.md says.
struct Reader<'a> {
    workspace: &'a Workspace,
    grpcurl: &'a Path,
    blocks: Vec<blocks::Block>,
}

impl Reader<'_> {
    fn scripts(&self, who: &str) -> Vec<&str> {
        let chosen = self.blocks.iter().filter(|block| block.who == who);
        chosen.map(|block| block.script.as_str()).collect()
    }

    fn execute(&self, who: &str) -> Result<(), Error> {
        for script in self.scripts(who) {
            println!("--- {script}");
            process::run(&mut self.bash(script), BLOCK_LIMIT)?;
        }
        Ok(())
    }

    /// Runs a script from the root, with grpcurl on its `PATH`.
    fn bash(&self, script: &str) -> Command {
        let mut bash = process::command("bash");
        bash.args(["-euo", "pipefail", "-c", script]);
        let before = std::env::var_os("PATH").unwrap_or_default();
        let tools = self.grpcurl.parent().map(Path::to_path_buf);
        let path = std::env::join_paths(tools.into_iter().chain(std::env::split_paths(&before)));
        bash.env("PATH", path.unwrap_or(before));
        bash.current_dir(&self.workspace.root);
        bash
    }
}

/// Runs the script until it succeeds, as long as the shop lives.
fn wait_until_ready(shop: &mut process::Beside, script: &mut Command) -> Result<(), Error> {
    let begin = Instant::now();
    loop {
        let ended = process::run(script, BLOCK_LIMIT);
        shop.must_be_alive()?;
        match ended {
            Err(Error::Ended { .. }) if begin.elapsed() < READY_LIMIT => {
                std::thread::sleep(READY_PAUSE);
            }
            ended => return ended,
        }
    }
}
