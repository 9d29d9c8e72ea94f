//! What is old goes, in bounded batches, so that nothing grows for ever.
//!
//! Deleting is all: nothing is moved to an archive. Who must keep orders longer
//! raises the retention or copies them out before.

use rusqlite::params;
use shop_types::OrderId;
use watertight_store::{Command, StepError, Tx};

use crate::store::DeleteBefore;

/// From the oldest on. A statement is run row by row, and its reader stops at
/// the first young key: a sweep that finds nothing reads one row, not the table.
pub(super) const OLD_KEYS: &str = "SELECT number, created_ms, \
     EXISTS (SELECT 1 FROM orders WHERE id = order_id AND lease_until_ms IS NOT NULL) \
     FROM keys ORDER BY number";
pub(super) const DELETE_KEY: &str = "DELETE FROM keys WHERE number = ?1";
/// By id, whose time is from before the order was queued; `created_ms` is the
/// one of its key, so that no order goes before its key may.
pub(super) const DELETE_ORDERS: &str = "DELETE FROM orders WHERE id IN (SELECT id FROM orders \
     WHERE id < ?1 AND created_ms < ?2 AND lease_until_ms IS NULL ORDER BY id LIMIT ?3)";

pub(super) struct DeleteKeys(pub(super) DeleteBefore);

impl Command for DeleteKeys {
    const NAME: &'static str = "delete_keys";
    type Output = usize;

    fn apply(self, tx: &Tx<'_>) -> Result<usize, StepError> {
        let old = old_keys(tx, self.0)?;
        let mut delete = tx.prepare_cached(DELETE_KEY)?;
        for number in &old {
            delete.execute([number])?;
        }
        Ok(old.len())
    }
}

/// Old keys whose order is not under way. Those in between that have to stay are
/// read again by each step: at most as many as there are sagas under way.
fn old_keys(
    tx: &Tx<'_>,
    DeleteBefore { before_ms, limit }: DeleteBefore,
) -> rusqlite::Result<Vec<i64>> {
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let mut select = tx.prepare_cached(OLD_KEYS)?;
    let mut rows = select.query([])?;
    let mut old = Vec::new();
    while old.len() < limit
        && let Some(row) = rows.next()?
        && row.get::<_, i64>(1)? < before_ms
    {
        let under_way: bool = row.get(2)?;
        if !under_way {
            old.push(row.get(0)?);
        }
    }
    Ok(old)
}

pub(super) struct DeleteOrders(pub(super) DeleteBefore);

impl Command for DeleteOrders {
    const NAME: &'static str = "delete_orders";
    type Output = usize;

    fn apply(self, tx: &Tx<'_>) -> Result<usize, StepError> {
        let DeleteBefore { before_ms, limit } = self.0;
        let first_kept = first_id_at(before_ms);
        let mut delete = tx.prepare_cached(DELETE_ORDERS)?;
        Ok(delete.execute(params![first_kept.as_bytes(), before_ms, limit])?)
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
