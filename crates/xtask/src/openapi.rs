//! The gateway's OpenAPI document, and whether the gateway keeps to it, both
//! judged by tools that share nothing with what the document is made with.

use std::path::Path;
use std::time::Duration;

use crate::error::Error;
use crate::report::Outcome;
use crate::shop::Place;
use crate::workspace::Workspace;
use crate::{process, shop, tools};

/// Pinned, as what they find changes with them.
const TOOLS: &str = "openapi-spec-validator==0.9.0\nschemathesis==4.32.5\n";

/// Fetching and checking a document takes seconds.
const DOCUMENT_LIMIT: Duration = Duration::from_secs(60);

/// Four hundred requests take five seconds.
const REQUESTS_LIMIT: Duration = Duration::from_secs(3 * 60);

/// An impossible deadline is answered with 504, and that is right.
const CONFIG: &str = "[checks]\n\
    not_a_server_error.expected-statuses = [\"2xx\", \"4xx\", \"503\", \"504\"]\n";

/// What is left out, and why: a valid order can still be refused (no such SKU),
/// and a cancelled order is still there, on purpose.
const LEFT_OUT: &str = "positive_data_acceptance,use_after_free";

/// Validates `/openapi.json` of a running gateway, then sends what it allows
/// and what it forbids, the same requests each time.
pub(crate) fn stage(workspace: &Workspace) -> Result<Outcome, Error> {
    let python = match tools::python(workspace, "openapi", TOOLS)? {
        Ok(python) => python,
        Err(why) => return Ok(Outcome::Skipped(why)),
    };
    let shop = shop::open(workspace)?;
    let url = format!("http://{}/openapi.json", shop.address(Place::Gateway));
    validate(&python, &url, &workspace.target.join("openapi.json"))?;
    keep_to_it(&python, &url)?;
    // The tools place and cancel orders of the demo's own customers, which its
    // checker rightly finds: its verdict says nothing here.
    drop(shop);
    Ok(Outcome::Passed)
}

fn validate(python: &Path, url: &str, file: &Path) -> Result<(), Error> {
    let fetch = "import sys, urllib.request; urllib.request.urlretrieve(*sys.argv[1:])";
    let mut fetcher = process::command(python);
    process::run(fetcher.args(["-c", fetch, url]).arg(file), DOCUMENT_LIMIT)?;
    let mut validator = process::command(python);
    validator.args(["-m", "openapi_spec_validator"]);
    validator.args(["--validation-errors", "all"]).arg(file);
    process::run(&mut validator, DOCUMENT_LIMIT)
}

fn keep_to_it(python: &Path, url: &str) -> Result<(), Error> {
    let failed = |source| Error::File {
        verb: "write",
        path: "a directory for schemathesis".into(),
        source,
    };
    // It writes a cache and reports to where it runs.
    let dir = tempfile::tempdir().map_err(failed)?;
    let config = dir.path().join("schemathesis.toml");
    std::fs::write(&config, CONFIG).map_err(failed)?;
    let mut tester = process::command(python.with_file_name("schemathesis"));
    tester.arg("--config-file").arg(&config).args(["run", url]);
    tester.args(["--phases", "coverage", "--seed", "1", "--no-color"]);
    // Streams: a stream of events ends with its order, an import is no JSON.
    tester.args(["--exclude-path-regex", "events|import"]);
    tester.args(["--checks", "all", "--exclude-checks", LEFT_OUT]);
    tester.current_dir(dir.path());
    process::run(&mut tester, REQUESTS_LIMIT)
}
