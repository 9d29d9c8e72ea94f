//! The store's metrics, with handles kept so that a command costs no lookup.

use std::collections::HashMap;
use std::path::Path;
use std::time::{Duration, Instant};

use watertight_core::catalogue::{Counter, Gauge, Histogram};

use crate::error::StoreError;
use crate::options::Options;
use crate::series::{
    BATCH, BATCH_MAX, COMMANDS, COMMIT, DISK_FREE, FILE, FILE_MAX, QUEUE, QUEUE_MAX, QUEUE_WAIT,
    READER_WAIT, READERS_BUSY, READERS_MAX, SYNC, WAL, WAL_MAX,
};

/// Time between two looks at the disk.
const DISK_PERIOD: Duration = Duration::from_secs(5);

/// Gauges that the handle and the readers share with the writer.
#[derive(Clone)]
pub(crate) struct Gauges {
    pub(crate) queue_commands: Gauge,
    pub(crate) readers_busy: Gauge,
    pub(crate) reader_wait_seconds: Histogram,
}

impl Gauges {
    pub(crate) fn new(store: &'static str) -> Self {
        Self {
            queue_commands: QUEUE.with([store]),
            readers_busy: READERS_BUSY.with([store]),
            reader_wait_seconds: READER_WAIT.with([store]),
        }
    }
}

/// What only the writer records.
pub(crate) struct Meters {
    store: &'static str,
    pub(crate) batch_commands: Histogram,
    pub(crate) commit_seconds: Histogram,
    pub(crate) sync_seconds: Histogram,
    pub(crate) queue_wait_seconds: Histogram,
    disk_free_bytes: Gauge,
    looked_at_disk: Option<Instant>,
    pub(crate) wal_bytes: Gauge,
    pub(crate) file_bytes: Gauge,
    /// Bounded by the number of command types times outcomes.
    commands: HashMap<(&'static str, &'static str), Counter>,
}

impl Meters {
    pub(crate) fn new(store: &'static str) -> Self {
        Self {
            store,
            batch_commands: BATCH.with([store]),
            commit_seconds: COMMIT.with([store]),
            sync_seconds: SYNC.with([store]),
            queue_wait_seconds: QUEUE_WAIT.with([store]),
            disk_free_bytes: DISK_FREE.with([store]),
            looked_at_disk: None,
            wal_bytes: WAL.with([store]),
            file_bytes: FILE.with([store]),
            commands: HashMap::new(),
        }
    }

    /// Looks now and then what the disk has left: others fill it, too.
    pub(crate) fn look_at_disk(&mut self, file: &Path) {
        if self
            .looked_at_disk
            .is_some_and(|at| at.elapsed() < DISK_PERIOD)
        {
            return;
        }
        self.looked_at_disk = Some(Instant::now());
        // One that can't be asked has no such figure.
        if let Ok(disk) = rustix::fs::statvfs(file) {
            self.disk_free_bytes
                .set(bytes_gauge(disk.f_bavail.saturating_mul(disk.f_frsize)));
        }
    }

    pub(crate) fn batch(&self, commands: usize, took: Duration, sync: Duration) {
        self.sync_seconds.record(sync);
        self.batch_commands
            .record(u32::try_from(commands).unwrap_or(u32::MAX));
        self.commit_seconds.record(took);
    }

    pub(crate) fn command(&mut self, name: &'static str, verdict: &Result<(), StoreError>) {
        let (store, outcome) = (self.store, outcome(verdict));
        self.commands
            .entry((name, outcome))
            .or_insert_with(|| COMMANDS.with([store, name, outcome]))
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
    QUEUE_MAX
        .with([store])
        .set(count(options.queue_commands_max));
    BATCH_MAX
        .with([store])
        .set(count(options.batch_commands_max));
    READERS_MAX.with([store]).set(count(options.readers));
    WAL_MAX
        .with([store])
        .set(bytes_gauge(options.wal_bytes_max));
    // A file without a bound of its own has no such series.
    if let Some(bytes) = options.store_bytes_max {
        FILE_MAX.with([store]).set(bytes_gauge(bytes));
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "a gauge is a double; exact up to 2^53 bytes"
)]
pub(crate) fn bytes_gauge(bytes: u64) -> f64 {
    bytes as f64
}
