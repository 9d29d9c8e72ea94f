//! Is the file what SQLite thinks it is?

use rusqlite::Connection;
use watertight_core::Deadline;

use crate::error::{StepError, StoreError};
use crate::store::Store;

/// Faults that one check reports at most.
const FAULTS_MAX: u32 = 20;

impl Store {
    /// Checks pages, records and foreign keys (`quick_check`: everything but
    /// that indexes match their tables).
    ///
    /// Reads the whole database; for verification, not for a request's path.
    ///
    /// # Errors
    ///
    /// [`StoreError::Corrupt`] names the first faults; others as
    /// [`Store::read`].
    ///
    /// # Cancel safety
    ///
    /// As [`Store::read`].
    pub async fn check_integrity(&self, deadline: Deadline) -> Result<(), StoreError> {
        let faults = self.read(deadline, faults).await?;
        if faults.is_empty() {
            Ok(())
        } else {
            Err(StoreError::Corrupt(faults.join("; ")))
        }
    }
}

fn faults(connection: &Connection) -> Result<Vec<String>, StepError> {
    let mut statement = connection.prepare(&format!("PRAGMA quick_check({FAULTS_MAX})"))?;
    let mut faults: Vec<String> = statement
        .query_map([], |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    faults.retain(|line| line != "ok");
    let mut statement = connection.prepare("PRAGMA foreign_key_check")?;
    let mut rows = statement.query([])?;
    while faults.len() < FAULTS_MAX as usize
        && let Some(row) = rows.next()?
    {
        let (table, parent): (String, String) = (row.get(0)?, row.get(2)?);
        faults.push(format!("a row of {table} points to no row of {parent}"));
    }
    Ok(faults)
}
