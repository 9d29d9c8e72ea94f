//! `cargo xtask tidy`: the rules that neither rustc nor clippy can see.
//!
//! Every rule is a pure function from plain data to violations, and its tests
//! show it a made-up violation: a rule that can't fire is a defect.

mod bans;
mod cancel;
mod code;
mod layers;
mod manifests;
mod sources;

use std::process::ExitCode;

use crate::error::Error;
use crate::readme;
use crate::report::Outcome;
use crate::workspace::{self, Workspace};

/// One place where a rule is broken.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Violation {
    /// Which rule.
    pub(crate) rule: &'static str,
    /// Where: a crate, a file, or a file and a line.
    pub(crate) place: String,
    /// What is wrong, and what to do instead.
    pub(crate) what: String,
}

/// Checks all rules and prints what is broken.
pub(crate) fn run(workspace: &Workspace) -> Result<ExitCode, Error> {
    let outcome = stage(workspace)?;
    Ok(if outcome == Outcome::Passed {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// The same as a stage of CI.
pub(crate) fn stage(workspace: &Workspace) -> Result<Outcome, Error> {
    let mut found = check(workspace)?;
    found.sort();
    for Violation { rule, place, what } in &found {
        println!("{place}: {what} [{rule}]");
    }
    if found.is_empty() {
        println!("tidy: {} crates, all rules hold", workspace.crates.len());
        return Ok(Outcome::Passed);
    }
    Ok(Outcome::Failed(format!("{} violations", found.len())))
}

fn check(workspace: &Workspace) -> Result<Vec<Violation>, Error> {
    let sources = workspace.sources()?;
    let manifests = workspace.manifests()?;
    let clippy = workspace::read_toml(&workspace.root.join("clippy.toml"))?;
    let readme = workspace::read(&workspace.root.join("README.md"))?;
    Ok([
        layers::every_crate_has_a_place(&workspace.crates),
        layers::crates_know_only_what_is_below(&workspace.crates),
        layers::core_has_no_io_dependency(&workspace.crates),
        manifests::versions_stand_in_the_workspace(&manifests),
        manifests::lints_are_inherited(&manifests),
        bans::every_ban_has_a_reason(&clippy),
        sources::check(&sources),
        cancel::futures_state_their_cancel_safety(&sources),
        readme::check(&readme, &workspace.crates),
    ]
    .concat())
}
