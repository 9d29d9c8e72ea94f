//! What the store counts, by store.

use watertight_core::catalogue::{COUNTS, LATENCY};

watertight_core::catalogue! {
    /// Commands by name and outcome.
    pub COMMANDS: Counters("watertight_store_commands_total", Count, [store, command, outcome]);
    /// Commands that wait for the writer.
    pub QUEUE: Gauges("watertight_store_queue_commands", Count, [store]);
    /// The bound of that queue.
    pub QUEUE_MAX: Gauges("watertight_store_queue_commands_max", Count, [store]);
    /// Commands in one commit.
    pub BATCH: Histograms("watertight_store_batch_commands", Count, [store]; COUNTS);
    /// The most commands that one commit may have.
    pub BATCH_MAX: Gauges("watertight_store_batch_commands_max", Count, [store]);
    /// Time from the begin of a batch to its commit on the disk.
    pub COMMIT: Histograms("watertight_store_commit_seconds", Seconds, [store]; LATENCY);
    /// Time of the commit alone, in which the disk is waited for: its fsync.
    pub SYNC: Histograms("watertight_store_sync_seconds", Seconds, [store]; LATENCY);
    /// How long the oldest command of a batch had waited in the queue.
    pub QUEUE_WAIT: Histograms("watertight_store_queue_wait_seconds", Seconds, [store]; LATENCY);
    /// How long the batch under way has been; 0 if there is none. It grows when the disk hangs.
    pub BATCH_AGE: Gauges("watertight_store_batch_age_seconds", Seconds, [store]);
    /// What the disk that the database is on has left for it.
    pub DISK_FREE: Gauges("watertight_store_disk_free_bytes", Bytes, [store]);
    /// Reader connections at work.
    pub READERS_BUSY: Gauges("watertight_store_readers_busy", Count, [store]);
    /// Reader connections there are.
    pub READERS_MAX: Gauges("watertight_store_readers_max", Count, [store]);
    /// Time a read waited for a reader.
    pub READER_WAIT: Histograms("watertight_store_reader_wait_seconds", Seconds, [store]; LATENCY);
    /// Write-ahead log in use.
    pub WAL: Gauges("watertight_store_wal_bytes", Bytes, [store]);
    /// The size that the write-ahead log is kept below.
    pub WAL_MAX: Gauges("watertight_store_wal_bytes_max", Bytes, [store]);
    /// Size of the database file.
    pub FILE: Gauges("watertight_store_file_bytes", Bytes, [store]);
    /// The bound of the database file, if it has one.
    pub FILE_MAX: Gauges("watertight_store_file_bytes_max", Bytes, [store]);
}
