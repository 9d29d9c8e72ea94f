//! What can go wrong, one variant per thing a caller can do about it.

use std::path::PathBuf;

/// Why a step inside a [`Command`](crate::Command) or a read gave up.
///
/// The step's savepoint is rolled back, alone; its neighbours in the batch
/// are not touched. Business refusals ("out of stock") are part of the
/// command's output, not errors.
#[derive(Debug, thiserror::Error)]
pub enum StepError {
    /// What is stored contradicts what the caller believed, for example a
    /// stale fencing token.
    #[error("conflict: {0}")]
    Conflict(String),
    /// What is stored can't be: a row that doesn't parse, a broken invariant.
    #[error("corrupt: {0}")]
    Corrupt(String),
    /// SQLite refused the statement.
    #[error("statement failed")]
    Sqlite(#[from] rusqlite::Error),
}

/// Why a command or a read was not answered with its output.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// Not done: what is stored contradicts the command. Repeating the same
    /// command gives the same answer.
    #[error("conflict: {0}")]
    Conflict(String),
    /// Surely not done, and may be repeated at once.
    #[error("not done, may be repeated: {0}")]
    Retry(RetryReason),
    /// Surely not done: the store can't work now (full, read-only, closed).
    #[error("store unavailable: {0}")]
    Unavailable(String),
    /// May be done or not: the commit failed half way, or the deadline passed
    /// while it ran. Never treat it as failed; ask again by the command's key.
    #[error("outcome unknown: {0}")]
    Unknown(String),
    /// Not done: what is stored breaks its own rules.
    #[error("store corrupt: {0}")]
    Corrupt(String),
}

impl StoreError {
    /// Whether the store itself says so in the log, once when it stops working
    /// and once when it works again. Callers need no line for each refused
    /// call; a full disk would get fuller by it.
    #[must_use]
    pub const fn is_logged_by_store(&self) -> bool {
        match self {
            Self::Retry(_) | Self::Unavailable(_) | Self::Unknown(_) => true,
            Self::Conflict(_) | Self::Corrupt(_) => false,
        }
    }
}

/// Why a command or a read surely did not run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RetryReason {
    /// The queue had no free slot before the deadline.
    #[error("queue full")]
    QueueFull,
    /// The deadline passed before the command ran, or while a read ran.
    #[error("deadline passed before it ran")]
    Expired,
    /// No reader was free in time.
    #[error("no reader free")]
    NoReader,
}

/// Why a store did not open. The text says what to do about it.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another process works on the directory.
    #[error("another process holds {}", dir.display())]
    Locked {
        /// The data directory.
        dir: PathBuf,
    },
    /// The directory can't be created or written to.
    #[error("data directory {} is not writable", dir.display())]
    NotWritable {
        /// The data directory.
        dir: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// The data directory's name belongs to something else.
    #[error("data directory {} is not writable: it is not a directory", dir.display())]
    NotADirectory {
        /// What should be the data directory.
        dir: PathBuf,
    },
    /// A database was made here before and is missing or empty now. Starting
    /// with a new one would forget everything that was answered.
    #[error(
        "database {} is missing or empty, though one was made here before: restore it, \
         or delete {} to begin anew",
        file.display(),
        marker.display()
    )]
    Vanished {
        /// The database file.
        file: PathBuf,
        /// The file that remembers it.
        marker: PathBuf,
    },
    /// The database file can be read but not written to.
    #[error("database {} is read-only", file.display())]
    ReadOnly {
        /// The database file.
        file: PathBuf,
    },
    /// No space is left for the store to start.
    #[error("no space left for {}", file.display())]
    Full {
        /// The database file.
        file: PathBuf,
    },
    /// The file is there, but SQLite doesn't know it as a database.
    #[error("{} is not a database", file.display())]
    NotADatabase {
        /// The file.
        file: PathBuf,
    },
    /// A newer program has migrated the database; this one would misread it.
    #[error("{} has schema version {found}, this program knows up to {known}", file.display())]
    Newer {
        /// The database file.
        file: PathBuf,
        /// The version in the database.
        found: u32,
        /// The last version this program has.
        known: u32,
    },
    /// A migration that ran before has another text now.
    #[error("migration {version} ({name}) in {} differs from this program's", file.display())]
    Tampered {
        /// The database file.
        file: PathBuf,
        /// The migration's version.
        version: u32,
        /// Its name in the database.
        name: String,
    },
    /// The program's own list of migrations is not 1, 2, 3, …
    #[error("migrations are not numbered 1, 2, 3, …: found {found} in place {expected}")]
    Misnumbered {
        /// What should stand there.
        expected: u32,
        /// What stands there.
        found: u32,
    },
    /// A migration failed and was rolled back.
    #[error("migration {version} ({name}) failed and was rolled back")]
    Migration {
        /// The migration's version.
        version: u32,
        /// The migration's name.
        name: &'static str,
        /// What SQLite said.
        #[source]
        source: rusqlite::Error,
    },
    /// Something else that SQLite refused.
    #[error("database {} can't be opened", file.display())]
    Sqlite {
        /// The database file.
        file: PathBuf,
        /// What SQLite said.
        #[source]
        source: rusqlite::Error,
    },
    /// A thread could not be started.
    #[error("store thread can't be started")]
    Thread(#[source] std::io::Error),
}
