//! The clock's high-water mark, kept in the database.
//!
//! Each batch stores the time its commands saw. After a restart the clock
//! starts at that mark or later, so a machine whose clock was set back an hour
//! neither revives expired reservations nor issues timestamps twice.

use rusqlite::{Connection, Result};

/// Reads the mark; 0 in a new database.
pub(crate) fn read(connection: &Connection) -> Result<i64> {
    connection.query_row(
        "SELECT mark_ms FROM watertight_clock WHERE id = 1",
        [],
        |row| row.get(0),
    )
}

/// Raises the mark in the open transaction.
pub(crate) fn raise(connection: &Connection, now_ms: i64) -> Result<()> {
    connection
        .prepare_cached("UPDATE watertight_clock SET mark_ms = ?1 WHERE id = 1 AND mark_ms < ?1")?
        .execute([now_ms])?;
    Ok(())
}
