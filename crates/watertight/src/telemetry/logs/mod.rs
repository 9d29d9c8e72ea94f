//! JSON logs on stdout, a line for each event.
//!
//! ```text
//! event ─► filter (--log, or the admin port) ─► rate of its call site (not for warnings and errors)
//!       ─► one line of JSON in the thread's own memory, secrets kept back, ≤ 16 KiB
//!       ─► buffer in bytes: full, the line is dropped and counted ─► a thread of its own ─► stdout
//! ```
//!
//! Whoever logs never waits for stdout: not when nobody reads it, not when it is
//! closed, not when the disk behind it is full.
//!
//! # Metrics
//!
//! `log_lines_total`, `log_lines_sampled_total`, `log_lines_dropped_total`,
//! `log_fields_cut_total`, `log_buffer_bytes`, `log_buffer_bytes_max`,
//! `log_secrets_redacted_total`.

mod buffer;
mod filter;
mod json;
mod layer;
mod line;
mod sites;
mod stdout;
#[cfg(test)]
mod tests;
mod writer;

use crate::config::{ChassisSettings, LogFilter};
use crate::series::{
    LOG_BUFFER, LOG_BUFFER_MAX, LOG_FIELDS_CUT, LOG_LINES, LOG_LINES_DROPPED, LOG_LINES_SAMPLED,
};
use buffer::Weight;
use filter::Filter;
pub(crate) use filter::{AUDIT, NotOurs, Shown};
use layer::{Counts, LEVELS, Lines};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};
use stdout::Stdout;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use writer::{Loss, Writer};

/// Until the settings are read.
const BUFFER_BYTES: usize = 1 << 20;
const RATE: u32 = 100;

/// How long the end of the process waits for whoever reads stdout.
const FLUSH_MAX: Duration = Duration::from_secs(1);

struct Logs {
    writer: Arc<Writer>,
    counts: Arc<Counts>,
    filter: Filter,
    bytes_max: AtomicU64,
    /// Lost lines that the log itself has told of.
    told: AtomicU64,
}

static LOGS: OnceLock<Logs> = OnceLock::new();

/// Sets the process' log subscriber, unless there is one already (tests set theirs).
pub(super) fn install(service: &'static str, filter: Option<&str>) {
    LOGS.get_or_init(|| {
        let writer = Arc::new(Writer::start(Stdout::open(), BUFFER_BYTES));
        let counts = Arc::new(Counts::new(RATE));
        let (layer, filter) = Filter::new(filter);
        let to = Arc::clone(&writer);
        let lines = Lines {
            service,
            counts: Arc::clone(&counts),
            out: move |line: &[u8], weight: Weight| to.push(line, weight),
        };
        let subscriber = tracing_subscriber::registry().with(layer).with(lines);
        // Another one was there first: its lines are not ours to count.
        let _taken = subscriber.try_init();
        Logs {
            writer,
            counts,
            filter,
            bytes_max: AtomicU64::new(BUFFER_BYTES as u64),
            told: AtomicU64::new(0),
        }
    });
}

/// Takes over the settings.
pub(crate) fn configure(chassis: &ChassisSettings) {
    if let Some(logs) = LOGS.get() {
        let bytes_max = chassis.log_buffer_bytes_max.as_usize();
        logs.writer.set_bytes_max(bytes_max);
        logs.bytes_max.store(bytes_max as u64, Ordering::Relaxed);
        let rate = chassis.log_site_lines_per_s_max;
        logs.counts.rate.store(rate, Ordering::Relaxed);
        logs.filter.configure(&chassis.log);
    }
}

/// The filter that holds.
pub(crate) fn shown() -> Option<Shown> {
    LOGS.get().map(|logs| logs.filter.shown(Instant::now()))
}

/// Another filter than the configured one, for a time or until it is taken back by `None`.
/// Gives back how it was.
///
/// # Errors
///
/// The process logs in a way of its own.
pub(crate) fn instead(wish: Option<(&LogFilter, Option<Duration>)>) -> Result<Shown, NotOurs> {
    let logs = LOGS.get().ok_or(NotOurs)?;
    logs.filter.instead(wish, Instant::now())
}

/// Goes back to the configured filter when the time of another one is over.
pub(crate) fn tick() {
    let over = LOGS.get().and_then(|logs| logs.filter.tick(Instant::now()));
    if let Some(filter) = over {
        tracing::info!(target: AUDIT, filter, "the log's filter is the configured one again");
    }
}

pub(super) fn collect() {
    let Some(logs) = LOGS.get() else { return };
    let counts = &logs.counts;
    for (level, lines) in LEVELS.into_iter().zip(counts.made()) {
        LOG_LINES.with([level]).absolute(lines);
    }
    LOG_LINES_SAMPLED.get().absolute(counts.sites.skipped());
    let cut = counts.cut.load(Ordering::Relaxed);
    LOG_FIELDS_CUT.get().absolute(cut);
    for why in Loss::ALL {
        let lost = logs.writer.lost(why);
        LOG_LINES_DROPPED.with([why.name()]).absolute(lost);
    }
    let (bytes, bytes_max) = (logs.writer.bytes(), logs.bytes_max.load(Ordering::Relaxed));
    LOG_BUFFER.get().set(bytes as f64);
    LOG_BUFFER_MAX.get().set(bytes_max as f64);
    logs.tell_of_losses(bytes as u64, bytes_max);
}

impl Logs {
    /// Who reads the log alone must learn that there was more, as soon as it
    /// has room for that.
    fn tell_of_losses(&self, bytes: u64, bytes_max: u64) {
        let lost = Loss::ALL.map(|why| self.writer.lost(why)).iter().sum();
        let told = self.told.load(Ordering::Relaxed);
        if lost > told && bytes < bytes_max / 2 {
            self.told.store(lost, Ordering::Relaxed);
            tracing::warn!(lines = lost - told, "log lines were dropped");
        }
    }
}

/// Writes out what is waiting, for a second at most.
pub(crate) fn flush() {
    if let Some(logs) = LOGS.get() {
        let _in_time = logs.writer.flush(FLUSH_MAX);
    }
}
