//! Leases change hands.

use rusqlite::params;
use watertight_store::{Command, StepError, Tx};

use super::row;
use crate::store::steps::later;
use crate::store::{Claim, Claims, Owner};

pub(super) const CLAIM: &str = concat!(
    "UPDATE orders SET owner = ?2, fence = fence + 1, lease_until_ms = ?3 \
     WHERE id = ?1 AND lease_until_ms IS NOT NULL AND (owner = ?2 OR lease_until_ms <= ?4) \
     RETURNING ",
    row::order_columns!(),
    ", fence, payment_method, trace"
);
pub(super) const EXPIRE: &str = "UPDATE orders SET lease_until_ms = ?1 WHERE id IN \
     (SELECT id FROM orders INDEXED BY orders_unfinished \
      WHERE lease_until_ms > ?1 AND owner <> ?2 LIMIT ?3)";

pub(super) struct ClaimOrders(pub(super) Claim);

impl Command for ClaimOrders {
    const NAME: &'static str = "claim";
    type Output = Claims;

    fn apply(self, tx: &Tx<'_>) -> Result<Claims, StepError> {
        let Self(claim) = self;
        let mut update = tx.prepare_cached(CLAIM)?;
        let now_ms = tx.now_ms();
        let until = later(now_ms, claim.lease);
        let mut claims = Claims::default();
        for id in claim.ids {
            let values = params![id.as_bytes(), claim.owner.get(), until, now_ms];
            let mut rows = update.query(values)?;
            while let Some(found) = rows.next()? {
                match row::claimed(found) {
                    Ok(claimed) => claims.orders.push(claimed),
                    // One row that can't be read must not keep the others from their jobs.
                    Err(StepError::Corrupt(why)) => claims.corrupt.push((id, why)),
                    Err(error @ (StepError::Conflict(_) | StepError::Sqlite(_))) => {
                        return Err(error);
                    }
                }
            }
        }
        Ok(claims)
    }
}

pub(super) struct ExpireLeases {
    pub(super) owner: Owner,
    pub(super) limit: u32,
}

impl Command for ExpireLeases {
    const NAME: &'static str = "expire_leases";
    type Output = usize;

    fn apply(self, tx: &Tx<'_>) -> Result<usize, StepError> {
        let mut update = tx.prepare_cached(EXPIRE)?;
        Ok(update.execute(params![tx.now_ms(), self.owner.get(), self.limit])?)
    }
}
