//! Builds the demo and hands over to it.

use std::ffi::OsString;
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::time::Duration;

use crate::error::Error;
use crate::process;
use crate::workspace::Workspace;

/// A cold release build takes two and a half minutes on two cores.
const BUILD_LIMIT: Duration = Duration::from_secs(30 * 60);

/// Builds the release profile of the demo and returns its executable.
pub(crate) fn build(workspace: &Workspace) -> Result<PathBuf, Error> {
    let mut cargo = process::cargo();
    cargo.args(["build", "--release", "--locked", "--package", "demo"]);
    process::run(cargo.current_dir(&workspace.root), BUILD_LIMIT)?;
    Ok(workspace.target.join("release").join("demo"))
}

/// Becomes `demo WORDS FLAGS`. Returns only if it can't.
///
/// Becoming it, and not running it, leaves the terminal's signals and the exit
/// code to the demo, and its last line of output stays the last line.
pub(crate) fn exec(workspace: &Workspace, words: &[&str], flags: Vec<OsString>) -> Error {
    let demo = match build(workspace) {
        Ok(demo) => demo,
        Err(error) => return error,
    };
    let mut command = std::process::Command::new(demo);
    let source = command.args(words).args(flags).exec();
    Error::Start {
        program: "demo".to_owned(),
        source,
    }
}
