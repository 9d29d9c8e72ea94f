//! The clock's high-water mark, kept in the database.
//!
//! Each batch stores the time its commands saw. After a restart the clock
//! starts at that mark or later, so a machine whose clock was set back an hour
//! neither revives expired reservations nor issues timestamps twice.

use std::time::Duration;

use rusqlite::{Connection, Result};

/// How far the mark may be ahead of the wall clock without a word: small
/// corrections are everyday, an hour is somebody's mistake.
const AHEAD_MAX: Duration = Duration::from_hours(1);

/// How far the mark is ahead of the wall clock, if that is worth telling: all
/// timers of the store stand still until the wall clock has caught up.
pub(crate) fn ahead(mark_ms: i64, wall_ms: i64) -> Option<Duration> {
    let ahead = u64::try_from(mark_ms.saturating_sub(wall_ms)).ok()?;
    Some(Duration::from_millis(ahead)).filter(|ahead| *ahead > AHEAD_MAX)
}

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_mark_far_ahead_is_worth_a_word() {
        let hour_ms = 3_600_000;
        assert_eq!(ahead(0, 1), None, "a new database");
        assert_eq!(ahead(5 + hour_ms, 5), None);
        let more = Duration::from_hours(1) + Duration::from_millis(1);
        assert_eq!(ahead(6 + hour_ms, 5), Some(more));
        assert_eq!(ahead(i64::MIN, i64::MAX), None);
    }
}
