//! The store's metrics, with handles kept so that a command costs no lookup.

use std::collections::HashMap;
use std::time::Duration;

use metrics::{Counter, Gauge, Histogram, Unit, counter, describe_counter, describe_gauge};
use metrics::{describe_histogram, gauge, histogram};

use crate::error::StoreError;
use crate::options::Options;

/// Gauges that the handle and the readers share with the writer.
#[derive(Clone)]
pub(crate) struct Gauges {
    pub(crate) queue_commands: Gauge,
    pub(crate) readers_busy: Gauge,
    pub(crate) reader_wait_seconds: Histogram,
}

impl Gauges {
    pub(crate) fn new(store: &'static str) -> Self {
        describe();
        Self {
            queue_commands: gauge!("watertight_store_queue_commands", "store" => store),
            readers_busy: gauge!("watertight_store_readers_busy", "store" => store),
            reader_wait_seconds: histogram!("watertight_store_reader_wait_seconds", "store" => store),
        }
    }
}

/// What only the writer records.
pub(crate) struct Meters {
    store: &'static str,
    pub(crate) batch_commands: Histogram,
    pub(crate) commit_seconds: Histogram,
    pub(crate) wal_bytes: Gauge,
    pub(crate) file_bytes: Gauge,
    /// Bounded by the number of command types times outcomes.
    commands: HashMap<(&'static str, &'static str), Counter>,
}

impl Meters {
    pub(crate) fn new(store: &'static str) -> Self {
        Self {
            store,
            batch_commands: histogram!("watertight_store_batch_commands", "store" => store),
            commit_seconds: histogram!("watertight_store_commit_seconds", "store" => store),
            wal_bytes: gauge!("watertight_store_wal_bytes", "store" => store),
            file_bytes: gauge!("watertight_store_file_bytes", "store" => store),
            commands: HashMap::new(),
        }
    }

    pub(crate) fn batch(&self, commands: usize, took: Duration) {
        self.batch_commands
            .record(u32::try_from(commands).unwrap_or(u32::MAX));
        self.commit_seconds.record(took);
    }

    pub(crate) fn command(&mut self, name: &'static str, verdict: &Result<(), StoreError>) {
        let (store, outcome) = (self.store, outcome(verdict));
        self.commands
            .entry((name, outcome))
            .or_insert_with(|| {
                counter!("watertight_store_commands_total",
                    "store" => store, "command" => name, "outcome" => outcome)
            })
            .increment(1);
    }
}

fn outcome(verdict: &Result<(), StoreError>) -> &'static str {
    match verdict {
        Ok(()) => "ok",
        Err(StoreError::Conflict(_)) => "conflict",
        Err(StoreError::Retry(_)) => "expired",
        Err(StoreError::Unavailable(_)) => "unavailable",
        Err(StoreError::Unknown(_)) => "unknown",
        Err(StoreError::Corrupt(_)) => "corrupt",
    }
}

/// The bounds, beside what fills them: a graph needs both.
pub(crate) fn bounds(store: &'static str, options: &Options) {
    let count = |n: usize| f64::from(u32::try_from(n).unwrap_or(u32::MAX));
    gauge!("watertight_store_queue_commands_max", "store" => store)
        .set(count(options.queue_commands_max));
    gauge!("watertight_store_batch_commands_max", "store" => store)
        .set(count(options.batch_commands_max));
    gauge!("watertight_store_readers_max", "store" => store).set(count(options.readers));
    for (name, bytes) in [
        (
            "watertight_store_wal_bytes_max",
            Some(options.wal_bytes_max),
        ),
        ("watertight_store_file_bytes_max", options.store_bytes_max),
    ] {
        // A file without a bound of its own has no such series.
        if let Some(bytes) = bytes {
            gauge!(name, "store" => store).set(bytes_gauge(bytes));
        }
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "a gauge is a double; exact up to 2^53 bytes"
)]
pub(crate) fn bytes_gauge(bytes: u64) -> f64 {
    bytes as f64
}

fn describe() {
    describe_gauge!(
        "watertight_store_queue_commands",
        Unit::Count,
        "Commands that wait for the writer."
    );
    describe_gauge!(
        "watertight_store_readers_busy",
        Unit::Count,
        "Reader connections at work."
    );
    describe_histogram!(
        "watertight_store_reader_wait_seconds",
        Unit::Seconds,
        "Time a read waited for a reader."
    );
    describe_histogram!(
        "watertight_store_batch_commands",
        Unit::Count,
        "Commands in one commit."
    );
    describe_histogram!(
        "watertight_store_commit_seconds",
        Unit::Seconds,
        "Time from the begin of a batch to its commit on the disk."
    );
    describe_counter!(
        "watertight_store_commands_total",
        Unit::Count,
        "Commands by name and outcome."
    );
    describe_gauge!(
        "watertight_store_wal_bytes",
        Unit::Bytes,
        "Write-ahead log in use."
    );
    describe_gauge!(
        "watertight_store_file_bytes",
        Unit::Bytes,
        "Size of the database file."
    );
}
