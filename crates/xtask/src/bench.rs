//! `cargo xtask bench`: figures that go under `docs/results`.

use std::ffi::OsString;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use crate::error::Error;
use crate::process;
use crate::workspace::Workspace;

/// Where the shop's figures go unless the caller says otherwise.
const SHOP_RESULTS: &str = "docs/results/shop.md";

/// And the edge's.
const EDGE_RESULTS: &str = "docs/results/edge.md";

/// And those of telemetry.
const TELEMETRY_RESULTS: &str = "docs/results/telemetry.md";

/// A cold release build of the chassis and all below it.
const BUILD_LIMIT: Duration = Duration::from_secs(30 * 60);

/// A cold build that takes longer is not worth measuring.
const COLD_LIMIT: Duration = Duration::from_secs(60 * 60);

/// Fetching all sources takes seconds on any network that works.
const FETCH_LIMIT: Duration = Duration::from_secs(10 * 60);

/// The caller's flags, with the usual place for the results.
pub(crate) fn shop_flags(flags: Vec<OsString>) -> Vec<OsString> {
    with_out(flags, SHOP_RESULTS)
}

/// Builds the edge's bench and becomes `edge-bench WORD FLAGS`. Returns only if it can't.
pub(crate) fn edge(workspace: &Workspace, word: &str, flags: Vec<OsString>) -> Error {
    let mut cargo = process::cargo();
    cargo.args(["build", "--release", "--locked", "--package", "edge-bench"]);
    if let Err(error) = process::run(cargo.current_dir(&workspace.root), BUILD_LIMIT) {
        return error;
    }
    let mut command =
        std::process::Command::new(workspace.target.join("release").join("edge-bench"));
    let source = command
        .arg(word)
        .args(flags)
        .current_dir(&workspace.root)
        .exec();
    Error::Start {
        program: "edge-bench".to_owned(),
        source,
    }
}

/// The caller's flags, with the usual place for the results of all parts.
pub(crate) fn edge_flags(flags: Vec<OsString>) -> Vec<OsString> {
    of_all(flags, EDGE_RESULTS)
}

/// The same.
pub(crate) fn telemetry_flags(flags: Vec<OsString>) -> Vec<OsString> {
    of_all(flags, TELEMETRY_RESULTS)
}

/// Figures of some parts only don't replace the page of all.
fn of_all(flags: Vec<OsString>, out: &str) -> Vec<OsString> {
    let is_part = |flag: &OsString| flag.to_string_lossy().starts_with("--only");
    if flags.iter().any(is_part) {
        return flags;
    }
    with_out(flags, out)
}

fn with_out(mut flags: Vec<OsString>, out: &str) -> Vec<OsString> {
    let says_where = |flag: &OsString| flag.to_string_lossy().starts_with("--out");
    if !flags.iter().any(says_where) {
        flags.extend(["--out".into(), out.into()]);
    }
    flags
}

/// Builds the demo into an empty directory and writes down how long that took.
pub(crate) fn build(workspace: &Workspace, out: &Path) -> Result<ExitCode, Error> {
    // The network is not what is measured.
    let mut fetch = process::cargo();
    process::run(
        fetch
            .args(["fetch", "--locked"])
            .current_dir(&workspace.root),
        FETCH_LIMIT,
    )?;

    let failed = |source| Error::File {
        verb: "create",
        path: "a directory".into(),
        source,
    };
    let target = tempfile::tempdir().map_err(failed)?;
    let mut cargo = process::cargo();
    cargo.args([
        "build",
        "--release",
        "--locked",
        "--package",
        "demo",
        "--target-dir",
    ]);
    let begin = Instant::now();
    process::run(
        cargo.arg(target.path()).current_dir(&workspace.root),
        COLD_LIMIT,
    )?;
    let page = page(begin.elapsed(), &target.path().join("release").join("demo"));

    let out = workspace.root.join(out);
    let failed = |source| Error::File {
        verb: "write",
        path: out.clone(),
        source,
    };
    std::fs::write(&out, &page).map_err(failed)?;
    println!("{page}");
    Ok(ExitCode::SUCCESS)
}

fn page(took: Duration, executable: &Path) -> String {
    let cores = std::thread::available_parallelism().map_or(0, std::num::NonZero::get);
    let size_mib = std::fs::metadata(executable).map_or(0, |meta| meta.len()) >> 20;
    format!(
        "# Cold build\n\n\
         `cargo build --release -p demo` into an empty directory, sources already fetched;\n\
         written by `cargo xtask bench build`.\n\n\
         | cores | build | executable |\n|---|---|---|\n\
         | {cores} | {:.0} s | {size_mib} MiB |\n",
        took.as_secs_f64(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_go_to_the_usual_place_unless_told_otherwise() {
        assert_eq!(shop_flags(vec![]), ["--out", SHOP_RESULTS]);
        assert_eq!(shop_flags(vec!["--out".into(), "x".into()]), ["--out", "x"]);
        assert_eq!(shop_flags(vec!["--out=x".into()]), ["--out=x"]);
        assert_eq!(edge_flags(vec![]), ["--out", EDGE_RESULTS]);
        assert_eq!(edge_flags(vec!["--only=http".into()]), ["--only=http"]);
        assert_eq!(telemetry_flags(vec![]), ["--out", TELEMETRY_RESULTS]);
    }
}
