//! `cargo xtask bench`: figures that go under `docs/results`.

use std::ffi::OsString;
use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use crate::error::Error;
use crate::process;
use crate::workspace::Workspace;

/// Where the shop's figures go unless the caller says otherwise.
const SHOP_RESULTS: &str = "docs/results/shop.md";

/// A cold build that takes longer is not worth measuring.
const COLD_LIMIT: Duration = Duration::from_secs(60 * 60);

/// Fetching all sources takes seconds on any network that works.
const FETCH_LIMIT: Duration = Duration::from_secs(10 * 60);

/// The caller's flags, with the usual place for the results.
pub(crate) fn shop_flags(mut flags: Vec<OsString>) -> Vec<OsString> {
    let says_where = |flag: &OsString| flag.to_string_lossy().starts_with("--out");
    if !flags.iter().any(says_where) {
        flags.extend(["--out".into(), SHOP_RESULTS.into()]);
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
    }
}
