//! Logs, metrics and the panic hook: installed once per process.

mod allocator;
mod logs;
mod panics;
mod process;
mod prometheus;
mod redact;
pub(crate) mod traces;

pub(crate) use logs::{AUDIT, NotOurs, Shown, configure, flush, instead, shown, tick};
pub(crate) use process::resident_bytes;
pub(crate) use prometheus::render;

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

impl Drop for Telemetry {
    fn drop(&mut self) {
        flush();
    }
}

/// Reads process figures, those of the allocator and drop counts into gauges, as before each scrape.
pub(crate) fn collect() {
    process::collect();
    allocator::collect();
    logs::collect();
    redact::collect();
}

/// What must happen every few seconds even if nobody scrapes.
pub(crate) fn upkeep() {
    collect();
    prometheus::upkeep();
}
