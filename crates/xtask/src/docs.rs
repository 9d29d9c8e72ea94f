//! `cargo xtask docs`: writes the pages that are made from the code.

use std::fs::File;
use std::process::ExitCode;
use std::time::Duration;

use crate::error::Error;
use crate::process;
use crate::workspace::Workspace;

/// The demo is built first, without optimisation.
const LIMIT: Duration = Duration::from_secs(30 * 60);

/// Commands of the demo that print a page of that name.
const PAGES: [&str; 2] = ["configuration", "metrics"];

/// Writes docs/configuration.md and docs/metrics.md; tests of the demo fail until
/// that was done.
pub(crate) fn run(workspace: &Workspace) -> Result<ExitCode, Error> {
    for page in PAGES {
        let file = format!("{page}.md");
        let path = workspace.root.join("docs").join(&file);
        // Written aside: a demo that doesn't build must not leave an empty page.
        let aside = workspace.target.join(&file);
        let failed = |verb, path| move |source| Error::File { verb, path, source };
        let out = File::create(&aside).map_err(failed("create", aside.clone()))?;
        let mut cargo = process::cargo();
        cargo.args(["run", "--quiet", "--locked", "--package", "demo"]);
        cargo.args(["--", page]).stdout(out);
        process::run(cargo.current_dir(&workspace.root), LIMIT)?;
        std::fs::copy(&aside, &path).map_err(failed("write", path.clone()))?;
        println!("wrote {}", path.display());
    }
    Ok(ExitCode::SUCCESS)
}
