//! The stub on the chassis.

use std::{ffi::OsString, process::ExitCode};

use watertight::{App, BoxError, CrashAt};

use crate::{
    api::{self, Switches},
    config::{Cfg, ENDPOINTS_MAX},
    store::Ledger,
};

/// Names of the extra listeners; the list is what bounds them.
const TAGS: [&str; ENDPOINTS_MAX] = [
    "endpoint-1",
    "endpoint-2",
    "endpoint-3",
    "endpoint-4",
    "endpoint-5",
    "endpoint-6",
    "endpoint-7",
    "endpoint-8",
];

/// Runs the stub until a signal ends it; `args[0]` is the program's name.
#[must_use]
pub fn run(args: Vec<OsString>) -> ExitCode {
    watertight::run_from("provider", args, build)
}

/// Puts the stub on the chassis: the ledger, the routes, a listener per
/// `--endpoint`.
///
/// # Errors
///
/// A bad configuration, or a ledger that can't be opened.
///
/// # Cancel safety
///
/// Safe: dropping it closes the ledger again.
pub async fn build(mut app: App) -> Result<App, BoxError> {
    let cfg: Cfg = app.config()?;
    let faults = CrashAt::faults(cfg.crash_at.as_ref());
    let ledger = Ledger::open(&cfg.data, faults)?;
    let tags = std::iter::once("main")
        .chain(TAGS)
        .take(cfg.endpoint.len() + 1);
    let switches = Switches::new(tags, &cfg.faults);
    let (health, closing) = (ledger.clone(), ledger.clone());
    for (addr, tag) in cfg.endpoint.iter().zip(TAGS) {
        app = app.also_listen(*addr, tag);
    }
    Ok(app
        .http(api::router(ledger, switches))
        .ready_when("ledger", move || health.health())
        .on_shutdown("ledger", move || async move { closing.close().await }))
}
