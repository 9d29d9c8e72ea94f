//! What is old goes, in bounded batches, so that nothing grows for ever.
//!
//! Deleting is all: nothing is moved to an archive. Who must keep orders longer
//! raises the retention or copies them out before.

use rusqlite::params;
use shop_types::OrderId;
use watertight_store::{Command, StepError, Tx};

use crate::store::DeleteBefore;

pub(super) struct DeleteKeys(pub(super) DeleteBefore);

impl Command for DeleteKeys {
    const NAME: &'static str = "delete_keys";
    type Output = usize;

    /// Looks only at the first rows, which are the oldest: a sweep that finds
    /// nothing reads one batch, not the table.
    fn apply(self, tx: &Tx<'_>) -> Result<usize, StepError> {
        let mut delete = tx.prepare_cached(
            "DELETE FROM keys WHERE number IN (SELECT number FROM \
             (SELECT number, created_ms FROM keys ORDER BY number LIMIT ?2) WHERE created_ms < ?1)",
        )?;
        Ok(delete.execute(params![self.0.before_ms, self.0.limit])?)
    }
}

pub(super) struct DeleteOrders(pub(super) DeleteBefore);

impl Command for DeleteOrders {
    const NAME: &'static str = "delete_orders";
    type Output = usize;

    fn apply(self, tx: &Tx<'_>) -> Result<usize, StepError> {
        let mut delete = tx.prepare_cached(
            "DELETE FROM orders WHERE id IN (SELECT id FROM orders \
             WHERE id < ?1 AND lease_until_ms IS NULL ORDER BY id LIMIT ?2)",
        )?;
        let first_kept = first_id_at(self.0.before_ms);
        Ok(delete.execute(params![first_kept.as_bytes(), self.0.limit])?)
    }
}

/// The smallest id that an order recorded at `unix_ms` can have.
fn first_id_at(unix_ms: i64) -> OrderId {
    let mut bytes = [0; 16];
    let ms = u64::try_from(unix_ms).unwrap_or(0).to_be_bytes();
    bytes[..6].copy_from_slice(&ms[2..]);
    OrderId::from_bytes(bytes)
}

/// The time in an id, in milliseconds since 1970.
pub(super) fn born_ms(id: OrderId) -> i64 {
    let mut ms = [0; 8];
    ms[2..].copy_from_slice(&id.as_bytes()[..6]);
    i64::from_be_bytes(ms)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_tell_their_time() {
        let id = OrderId::at(1_763_675_000_123);
        assert_eq!(born_ms(id), 1_763_675_000_123);
        assert!(first_id_at(1_763_675_000_123) <= id);
        assert!(id < first_id_at(1_763_675_000_124));
    }
}
