//! Logs, metrics and the panic hook: installed once per process.

mod allocator;
mod cgroup;
mod histogram;
mod logs;
mod panics;
mod process;
mod prometheus;
mod redact;
mod registry;
mod text;
pub(crate) mod traces;

use crate::catalogue;
use crate::series::BUILD_INFO;
pub(crate) use logs::{AUDIT, NotOurs, Shown, configure, flush, instead, shown, tick};
pub(crate) use process::resident_bytes;
pub(crate) use prometheus::{render, set_label_sets_max};
pub use registry::MetricsRegistry;
use std::sync::{Mutex, TryLockError};
use std::time::{Duration, Instant};

/// For how long figures that were read count as new.
const FRESH: Duration = Duration::from_millis(100);

/// Keeps telemetry going; dropping it writes out the logs.
#[derive(Debug)]
pub(crate) struct Telemetry {}

impl Telemetry {
    /// Installs what has not been installed yet; calling it again is harmless.
    pub(crate) fn install(name: &'static str, filter: Option<&str>) -> Self {
        logs::install(name, filter);
        prometheus::install();
        panics::install();
        Self {}
    }
}

/// Shows which build of which service runs.
pub(crate) fn tell_build(service: &'static str, version: Option<&'static str>) {
    let profile = if cfg!(debug_assertions) {
        "debug"
    } else {
        "release"
    };
    let version = version.unwrap_or_default();
    BUILD_INFO.with([service, version, profile]).set(1.0);
}

impl Drop for Telemetry {
    fn drop(&mut self) {
        flush();
    }
}

/// Reads what nobody counts as it changes: every few seconds, also if nobody scrapes,
/// and before each scrape.
///
/// Not more often than ten times a second, and not twice at once: who comes in between
/// gets the figures of the one before.
pub(crate) fn collect() {
    static LAST: Mutex<Option<Instant>> = Mutex::new(None);
    let mut last = match LAST.try_lock() {
        Ok(last) => last,
        // A reading panicked once; all others are still wanted.
        Err(TryLockError::Poisoned(last)) => last.into_inner(),
        Err(TryLockError::WouldBlock) => return,
    };
    if last.is_some_and(|last| last.elapsed() < FRESH) {
        return;
    }
    catalogue::read_samples();
    process::collect();
    allocator::collect();
    cgroup::collect();
    logs::collect();
    redact::collect();
    *last = Some(Instant::now());
}
