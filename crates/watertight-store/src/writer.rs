//! The writer thread: takes what has queued up, commits it once, answers.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rusqlite::Connection;
use rusqlite::wal::CheckpointMode;
use watertight_core::{Clock, Faults};

use crate::batch::{self, Batch};
use crate::command::Job;
use crate::connection;
use crate::error::StoreError;
use crate::health::Health;
use crate::inbox::{Inbox, Next};
use crate::mark;
use crate::meters::{Gauges, Meters, bytes_gauge};
use crate::store::Counts;
use crate::wal::{Checkpoint, Policy};

/// Quiet time after which the log is moved into the database, and time between
/// two probes of a store that can't work.
const IDLE: Duration = Duration::from_secs(1);
/// Time between two looks at the disk when there is nothing else to do.
const QUIET: Duration = Duration::from_secs(10);
/// What a probe writes: enough to need new pages in a full file.
const PROBE_BYTES: u32 = 64 << 10;
/// Header of a log and of each of its frames.
const LOG_HEADER_BYTES: u64 = 32;
const FRAME_HEADER_BYTES: u64 = 24;

/// Everything the writer thread owns.
pub(crate) struct Writer {
    pub(crate) store: &'static str,
    pub(crate) connection: Connection,
    pub(crate) file: PathBuf,
    pub(crate) page_bytes: u64,
    pub(crate) batch_commands_max: usize,
    pub(crate) policy: Policy,
    pub(crate) clock: Clock,
    pub(crate) faults: Faults,
    pub(crate) health: Arc<Health>,
    pub(crate) counts: Arc<Counts>,
    pub(crate) gauges: Gauges,
    pub(crate) meters: Meters,
}

impl Writer {
    /// Works until the queue is closed and drained, then leaves a database
    /// without a log behind.
    pub(crate) fn run(mut self, mut inbox: Inbox) {
        self.measure();
        self.meters.look_at_disk(&self.file);
        let mut log_bytes = self.look();
        // Opening has left something in the page cache.
        let mut warm = true;
        loop {
            let tidy = log_bytes == 0 && self.health.is_well();
            let idle = match (warm, tidy) {
                (true, _) => connection::WARM,
                (false, false) => IDLE.saturating_sub(connection::WARM),
                (false, true) => QUIET,
            };
            match inbox.next(idle) {
                Next::Run(first) => {
                    let jobs = inbox.drain(first, self.batch_commands_max);
                    self.gauges.queue_commands.decrement(count(jobs.len()));
                    log_bytes = self.batch(jobs, log_bytes);
                    warm = true;
                }
                Next::Idle if warm => {
                    connection::release(&self.connection);
                    warm = false;
                }
                // Asking the database would fill its page cache again.
                Next::Idle if tidy => self.meters.look_at_disk(&self.file),
                Next::Idle => {
                    log_bytes = self.idle(log_bytes);
                    warm = true;
                }
                Next::End => break,
            }
        }
        self.checkpoint(CheckpointMode::TRUNCATE);
        self.look();
    }

    fn batch(&mut self, jobs: Vec<Box<dyn Job>>, log_bytes: u64) -> u64 {
        if self.policy.must_refuse(log_bytes) {
            self.checkpoint(CheckpointMode::TRUNCATE);
            let log_bytes = self.look();
            if self.policy.must_refuse(log_bytes) {
                self.refuse(jobs, "write-ahead log is full: a reader holds it");
                return log_bytes;
            }
        }
        let started = Instant::now();
        if let Some(oldest) = jobs.first() {
            self.meters.queue_wait_seconds.record(oldest.waited());
        }
        self.counts.batch_begins(started);
        let batch = batch::run(&self.connection, jobs, self.clock.now_ms(), &self.faults);
        self.counts.batch_is_over();
        self.note(&batch, started.elapsed());
        for (job, verdict) in batch.ran {
            self.meters.command(job.name(), &verdict);
            job.answer(verdict);
        }
        self.after_commit()
    }

    fn note(&mut self, batch: &Batch, took: Duration) {
        if batch.committed {
            let late = |verdict: &_| matches!(verdict, Err(StoreError::Retry(_)));
            let commands = batch
                .ran
                .iter()
                .filter(|(_, verdict)| !late(verdict))
                .count();
            self.counts.committed(commands);
            self.meters.batch(commands, took, batch.sync);
        }
        match &batch.sick {
            Some(reason) => self.health.failed(self.store, reason.clone()),
            None if batch.committed => self.health.worked(self.store),
            None => {}
        }
    }

    fn refuse(&mut self, jobs: Vec<Box<dyn Job>>, why: &str) {
        self.health.failed(self.store, why.to_owned());
        for job in jobs {
            let verdict = Err(StoreError::Unavailable(why.to_owned()));
            self.meters.command(job.name(), &verdict);
            job.answer(verdict);
        }
    }

    fn after_commit(&mut self) -> u64 {
        self.meters.look_at_disk(&self.file);
        let log_bytes = self.look();
        match self.policy.after_commit(log_bytes, Instant::now()) {
            Checkpoint::No => return log_bytes,
            Checkpoint::Passive => self.checkpoint(CheckpointMode::PASSIVE),
            Checkpoint::Truncate => self.checkpoint(CheckpointMode::TRUNCATE),
        }
        self.look()
    }

    fn idle(&mut self, log_bytes: u64) -> u64 {
        self.meters.look_at_disk(&self.file);
        if self.policy.when_idle(log_bytes) == Checkpoint::Truncate {
            self.checkpoint(CheckpointMode::TRUNCATE);
        }
        // A probe writes, so a log that a reader holds must not grow by it.
        if !self.health.is_well() && !self.policy.must_refuse(self.look()) {
            self.probe();
        }
        self.look()
    }

    /// Tries whether a store that failed can write again, so that it recovers
    /// without traffic (an unready service gets none). It commits new pages,
    /// since a full file takes updates in place and refuses the next order.
    fn probe(&self) {
        let write = || {
            self.connection.execute_batch("BEGIN IMMEDIATE")?;
            self.connection.execute(
                "INSERT OR REPLACE INTO watertight_probe VALUES (1, zeroblob(?1))",
                [PROBE_BYTES],
            )?;
            mark::raise(&self.connection, self.clock.now_ms())?;
            self.connection
                .execute_batch("COMMIT; DELETE FROM watertight_probe")
        };
        let done = write();
        if !self.connection.is_autocommit() {
            drop(self.connection.execute_batch("ROLLBACK"));
        }
        match done {
            Ok(()) => self.health.worked(self.store),
            Err(error) => tracing::debug!(store = self.store, %error, "probe failed"),
        }
    }

    /// A failed checkpoint loses nothing: the log stays, and the next one
    /// tries again.
    fn checkpoint(&self, mode: CheckpointMode) {
        if let Err(error) = self.connection.wal_checkpoint_v2(None::<&str>, mode) {
            tracing::debug!(store = self.store, %error, "checkpoint put off");
        }
        self.measure();
    }

    /// Looks how large the log is; cheap enough for each commit.
    fn look(&self) -> u64 {
        let noop = self
            .connection
            .wal_checkpoint_v2(None::<&str>, CheckpointMode::NOOP);
        // Before the first commit there is no log: minus one frame.
        let frames = noop.map_or(0, |(frames, _moved)| u64::try_from(frames).unwrap_or(0));
        let header = if frames > 0 { LOG_HEADER_BYTES } else { 0 };
        let bytes = header + frames * (self.page_bytes + FRAME_HEADER_BYTES);
        self.counts.wal_bytes(bytes);
        self.meters.wal_bytes.set(bytes_gauge(bytes));
        bytes
    }

    /// Looks how large the database is; after each checkpoint, which is what
    /// makes the file grow.
    fn measure(&self) {
        let pages = self
            .connection
            .query_row("PRAGMA page_count", [], |row| row.get::<_, u32>(0));
        let bytes = pages.map_or(0, |pages| u64::from(pages) * self.page_bytes);
        self.counts.file_bytes(bytes);
        self.meters.file_bytes.set(bytes_gauge(bytes));
    }
}

fn count(n: usize) -> f64 {
    f64::from(u32::try_from(n).unwrap_or(u32::MAX))
}
