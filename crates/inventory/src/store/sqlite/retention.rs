//! The command that forgets what is old.

use rusqlite::params;
use watertight_store::{Command, StepError, Tx};

/// Deletes at most `rows_max` finished rows older than `age_ms`.
pub(super) struct Forget {
    pub(super) age_ms: i64,
    pub(super) rows_max: u32,
}

const DELETES: [&str; 3] = [
    "DELETE FROM reservations WHERE order_id IN (SELECT order_id FROM reservations \
     WHERE state <> 1 AND changed_ms < ?1 ORDER BY changed_ms LIMIT ?2)",
    "DELETE FROM receipts WHERE id IN (SELECT id FROM receipts WHERE at_ms < ?1 \
     ORDER BY at_ms LIMIT ?2)",
    "DELETE FROM imports WHERE id IN (SELECT id FROM imports WHERE at_ms < ?1 \
     ORDER BY at_ms LIMIT ?2)",
];

impl Command for Forget {
    const NAME: &'static str = "forget";
    type Output = u32;

    fn apply(self, tx: &Tx<'_>) -> Result<u32, StepError> {
        let before_ms = tx.now_ms().saturating_sub(self.age_ms);
        let mut left = self.rows_max;
        for delete in DELETES {
            let rows = tx
                .prepare_cached(delete)?
                .execute(params![before_ms, left])?;
            left = left.saturating_sub(u32::try_from(rows).unwrap_or(u32::MAX));
        }
        Ok(self.rows_max - left)
    }
}
