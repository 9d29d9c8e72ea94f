//! How each connection is set up.

use std::path::Path;
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags, Result};

/// Page cache of one connection; at the bound the page that was used longest ago
/// goes. Small, and given back when the connection is idle (see [`release`]): the
/// kernel caches the file anyway. A page of 4 KiB takes 5 from the allocator, so
/// a full cache is 1.2 MiB there.
const CACHE_KIB: i64 = 1024;
/// Quiet time after which a connection gives its page cache back. Shorter than the
/// period of any sweep: a look each second must not keep what a rush has left.
pub(crate) const WARM: Duration = Duration::from_millis(250);
/// Statements a connection keeps prepared; above it the oldest goes.
const STATEMENTS_MAX: usize = 64;
/// Longest wait for a lock that another connection of this process holds.
const BUSY_WAIT: Duration = Duration::from_millis(250);

/// The one connection that writes.
pub(crate) fn writer(file: &Path, wal_bytes_max: u64) -> Result<Connection> {
    let connection = Connection::open_with_flags(
        file,
        OpenFlags::SQLITE_OPEN_READ_WRITE
            | OpenFlags::SQLITE_OPEN_CREATE
            | OpenFlags::SQLITE_OPEN_NO_MUTEX,
    )?;
    common(&connection)?;
    let mode: String =
        connection.pragma_update_and_check(None, "journal_mode", "wal", |row| row.get(0))?;
    if mode != "wal" && !connection.is_readonly("main")? {
        return Err(rusqlite::Error::InvalidParameterName(format!(
            "journal mode is {mode}"
        )));
    }
    // FULL, not NORMAL: in WAL mode NORMAL doesn't sync at commit, and an
    // answer would promise what a power cut takes back.
    connection.pragma_update(None, "synchronous", "full")?;
    // Checkpoints are ours: after a batch, never in the middle of one.
    connection.pragma_update(None, "wal_autocheckpoint", 0)?;
    let limit = i64::try_from(wal_bytes_max / 4).unwrap_or(i64::MAX);
    connection.pragma_update_and_check(None, "journal_size_limit", limit, |row| {
        row.get::<_, i64>(0)
    })?;
    Ok(connection)
}

/// A connection that only reads.
pub(crate) fn reader(file: &Path) -> Result<Connection> {
    let connection = Connection::open_with_flags(
        file,
        OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX,
    )?;
    common(&connection)?;
    connection.pragma_update(None, "query_only", true)?;
    Ok(connection)
}

fn common(connection: &Connection) -> Result<()> {
    connection.busy_timeout(BUSY_WAIT)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS_MAX);
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DQS_DML, false)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DQS_DDL, false)?;
    connection.pragma_update(None, "foreign_keys", true)?;
    connection.pragma_update(None, "trusted_schema", false)?;
    connection.pragma_update(None, "temp_store", "memory")?;
    connection.pragma_update(None, "cache_size", -CACHE_KIB)?;
    Ok(())
}

/// Gives the page cache back, but for the pages in use.
///
/// A cache that only ever fills looks like a leak until it is full, and on a
/// small database it never is.
pub(crate) fn release(connection: &Connection) {
    if let Err(error) = connection.release_memory() {
        tracing::debug!(%error, "page cache kept");
    }
}
