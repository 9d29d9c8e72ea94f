//! Builds the demo, and hands over to it or runs something beside it.

use std::ffi::OsString;
use std::net::TcpListener;
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::time::{Duration, Instant};

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

/// Builds the demo's examples, so that nothing is built while the shop runs.
pub(crate) fn build_examples(workspace: &Workspace) -> Result<(), Error> {
    let mut cargo = process::cargo();
    cargo.args(["build", "--release", "--locked", "--examples"]);
    process::run(cargo.current_dir(&workspace.root), BUILD_LIMIT)
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

/// Once built, it sells its first order after about a second.
const OPEN_LIMIT: Duration = Duration::from_secs(60);

/// Between two looks whether it did.
const OPEN_PAUSE: Duration = Duration::from_millis(50);

/// Draining and verifying take seconds.
const CLOSE_LIMIT: Duration = Duration::from_secs(3 * 60);

/// How many ports in a row the demo takes.
const PORTS: u16 = 12;

/// Where to look for them: below what the system gives to connections.
const FIRST_PORTS: std::ops::Range<u16> = 28_000..32_000;

/// A shop with little load on ports of its own, to run something against.
#[derive(Debug)]
pub(crate) struct Open {
    demo: process::Beside,
    base: u16,
    /// Deleted with it.
    data: tempfile::TempDir,
}

/// Builds the demo, opens the shop, and waits for its first order.
pub(crate) fn open(workspace: &Workspace) -> Result<Open, Error> {
    let demo = build(workspace)?;
    let failed = |source| Error::File {
        verb: "create",
        path: "a directory".into(),
        source,
    };
    let data = tempfile::tempdir().map_err(failed)?;
    let base = free_ports()?;
    let mut demo = process::command(demo);
    demo.args(["--rps", "5", "--json", "--base-port", &base.to_string()]);
    demo.arg("--data").arg(data.path());
    let mut shop = Open {
        demo: process::start(&mut demo)?,
        base,
        data,
    };
    let journal = shop.data.path().join("checker/journal.jsonl");
    let begin = Instant::now();
    // The catalogue is in before anything can be sold.
    while !std::fs::read_to_string(&journal).is_ok_and(|text| text.contains(r#""t":"placed""#)) {
        shop.demo.must_be_alive()?;
        if begin.elapsed() > OPEN_LIMIT {
            return Err(Error::Found("the shop sells nothing".to_owned()));
        }
        std::thread::sleep(OPEN_PAUSE);
    }
    Ok(shop)
}

/// Who listens where in the demo's row of ports.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Place {
    /// Orders, over gRPC.
    Orders = 0,
    /// Inventory, over gRPC.
    Inventory = 2,
    /// The gateway, over HTTP.
    Gateway = 10,
}

impl Open {
    /// Where one of them listens.
    pub(crate) fn address(&self, place: Place) -> String {
        format!("127.0.0.1:{}", self.base + place as u16)
    }

    /// Stops it; fails unless all its invariants hold.
    pub(crate) fn close(self) -> Result<(), Error> {
        self.demo.interrupt(CLOSE_LIMIT)
    }
}

fn free_ports() -> Result<u16, Error> {
    let is_free = |port| TcpListener::bind(("127.0.0.1", port)).is_ok();
    FIRST_PORTS
        .step_by(usize::from(PORTS))
        .find(|&base| (base..base + PORTS).all(is_free))
        .ok_or_else(|| Error::Found(format!("no {PORTS} free ports in a row")))
}
