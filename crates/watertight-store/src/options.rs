//! Where a store lives and how far each part of it may grow.

use std::path::PathBuf;
use std::time::Duration;

use watertight_core::{Clock, Faults};

/// Settings of a [`Store`](crate::Store); [`Options::new`] gives the defaults.
#[derive(Clone)]
pub struct Options {
    /// Directory of the database, its log and its lock; created if missing.
    pub dir: PathBuf,
    /// Commands that may wait for the writer. At the bound callers wait for a
    /// slot until their deadline. Default 1,024.
    pub queue_commands_max: usize,
    /// Commands in one commit. What is above it goes into the next. Default 256.
    pub batch_commands_max: usize,
    /// Reader connections, each with a thread. Default 2.
    pub readers: usize,
    /// Longest wait for a reader, if the deadline isn't earlier. Default 250 ms.
    pub reader_wait_max: Duration,
    /// Size at which the write-ahead log is truncated, even if that means
    /// waiting for readers. At twice the size writes are refused until it
    /// works. Default 64 MiB.
    pub wal_bytes_max: u64,
    /// Size of the database file beyond which writes that need more space are
    /// refused with `Unavailable`. Default: none, the disk is the bound.
    pub store_bytes_max: Option<u64>,
    /// Clock that commands see; default: the system's, never going back.
    pub clock: Option<Clock>,
    /// Crash points `store.before_commit` and `store.after_commit`.
    pub faults: Faults,
}

impl Options {
    /// The defaults, for a store in `dir`.
    pub fn new(dir: impl Into<PathBuf>) -> Self {
        Self {
            dir: dir.into(),
            queue_commands_max: 1024,
            batch_commands_max: 256,
            readers: 2,
            reader_wait_max: Duration::from_millis(250),
            wal_bytes_max: 64 << 20,
            store_bytes_max: None,
            clock: None,
            faults: Faults::none(),
        }
    }
}

impl std::fmt::Debug for Options {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Options")
            .field("dir", &self.dir)
            .field("queue_commands_max", &self.queue_commands_max)
            .field("batch_commands_max", &self.batch_commands_max)
            .field("readers", &self.readers)
            .field("reader_wait_max", &self.reader_wait_max)
            .field("wal_bytes_max", &self.wal_bytes_max)
            .field("store_bytes_max", &self.store_bytes_max)
            .finish_non_exhaustive()
    }
}
