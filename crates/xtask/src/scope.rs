//! `cargo xtask bench scope`: what scopes cost, written under `docs/results`.

use std::fmt::Write as _;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use serde::Deserialize;

use crate::error::Error;
use crate::process;
use crate::workspace::Workspace;

/// A build of the core alone, and half a minute of measuring.
const LIMIT: Duration = Duration::from_secs(30 * 60);

/// The last line of the benchmark.
#[derive(Debug, Deserialize)]
struct Figures {
    rows: Vec<Row>,
    /// How often everything was measured, in turn with what it is compared to.
    pairs: u64,
}

#[derive(Debug, Deserialize)]
struct Row {
    name: String,
    unit: String,
    median: f64,
    min: f64,
    max: f64,
    /// In words or as a number, where there is one.
    #[serde(default)]
    aim: serde_json::Value,
}

/// Measures, and writes the page and the figures beside it.
pub(crate) fn bench(workspace: &Workspace, out: &Path) -> Result<ExitCode, Error> {
    let mut cargo = process::cargo();
    cargo.args(["bench", "--locked", "--package", "watertight-core"]);
    cargo.args(["--bench", "scope"]);
    let last = process::run_for_last_line(cargo.current_dir(&workspace.root), LIMIT)?;
    let figures = read(&last)?;
    let page = page(&figures);
    let out = workspace.root.join(out);
    for (path, text) in [
        (out.clone(), page.clone()),
        (out.with_extension("json"), last + "\n"),
    ] {
        let failed = |source| Error::File {
            verb: "write",
            path: path.clone(),
            source,
        };
        std::fs::write(&path, text).map_err(failed)?;
    }
    println!("{page}");
    Ok(ExitCode::SUCCESS)
}

fn read(line: &str) -> Result<Figures, Error> {
    serde_json::from_str(line)
        .map_err(|error| Error::Found(format!("the benchmark ended with {line:?}: {error}")))
}

fn page(figures: &Figures) -> String {
    let cores = std::thread::available_parallelism().map_or(0, std::num::NonZero::get);
    let mut page = format!(
        "# Scopes, measured\n\n\
         `cargo xtask bench scope`: {} pairs, each of ours and of what it is compared with in turn.\n\
         {cores} cores, release build, jemalloc on both sides. Shown: median (lowest to highest).\n\
         Nanoseconds are the processor's time of the one thread that does the work, so that what\n\
         else the machine does is left out; microseconds are time that passes.\n\n\
         | what | measured | unit | aim |\n|---|---|---|---|\n",
        figures.pairs,
    );
    for row in &figures.rows {
        let Row {
            name,
            unit,
            median,
            min,
            max,
            aim,
        } = row;
        let aim = match (aim.as_str(), aim.as_f64()) {
            (Some(words), _) => words.to_owned(),
            (None, Some(number)) => format!("≤ {number}"),
            (None, None) => String::new(),
        };
        // Writing to a String doesn't fail.
        let _written = writeln!(
            page,
            "| {name} | {median} ({min} to {max}) | {unit} | {aim} |"
        );
    }
    page
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_line_becomes_a_table() {
        let line = r#"{"rows":[{"name":"spawn, more than tokio's","unit":"ns","median":120.5,"min":110,"max":140,"aim":"≤ 150"},
            {"name":"open and close","unit":"ns","median":80,"min":70,"max":90,"aim":40}],"pairs":15}"#;
        let page = page(&read(line).unwrap());
        assert!(page.contains("15 pairs"), "{page}");
        assert!(
            page.contains("| spawn, more than tokio's | 120.5 (110 to 140) | ns | ≤ 150 |"),
            "{page}"
        );
        assert!(
            page.contains("| open and close | 80 (70 to 90) | ns | ≤ 40 |"),
            "{page}"
        );
        assert!(read("test result: ok").is_err());
    }
}
