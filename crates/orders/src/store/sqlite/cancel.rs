//! Noting a cancellation.

use rusqlite::params;
use shop_types::OrderId;
use watertight_store::{Command, StepError, Tx};

use super::{read, row};
use crate::model::{Order, State};
use crate::store::steps::later;
use crate::store::{Cancel, Cancelled, Claimed};

pub(super) struct CancelOrder(pub(super) Cancel);

impl Command for CancelOrder {
    const NAME: &'static str = "cancel";
    type Output = Cancelled;

    fn apply(self, tx: &Tx<'_>) -> Result<Cancelled, StepError> {
        let Self(cancel) = self;
        let Some(order) = read::order(tx, cancel.id)? else {
            return Ok(Cancelled::NotFound);
        };
        Ok(match order.state {
            State::Rejected | State::Cancelled => Cancelled::Over(order),
            State::Confirmed => Cancelled::Reopened(reopen(tx, &cancel)?),
            State::Recorded
            | State::Reserved
            | State::Authorized
            | State::Captured
            | State::Refunding
            | State::Voiding
            | State::Releasing => Cancelled::Noted(note(tx, order)?),
        })
    }
}

/// Leaves the version alone: the job that is under way counts on it.
fn note(tx: &Tx<'_>, order: Order) -> Result<Order, StepError> {
    tx.prepare_cached("UPDATE orders SET cancel_requested = 1 WHERE id = ?1")?
        .execute([order.id.as_bytes()])?;
    Ok(Order {
        cancel_requested: true,
        ..order
    })
}

fn reopen(tx: &Tx<'_>, cancel: &Cancel) -> Result<Claimed, StepError> {
    let mut update = tx.prepare_cached(concat!(
        "UPDATE orders SET state = 6, cancel_requested = 1, version = version + 1, \
                           updated_ms = ?2, owner = ?3, fence = fence + 1, lease_until_ms = ?4 \
         WHERE id = ?1 RETURNING ",
        row::order_columns!(),
        ", fence, payment_method, trace"
    ))?;
    let until = later(tx.now_ms(), cancel.lease);
    let values = params![cancel.id.as_bytes(), tx.now_ms(), cancel.owner.get(), until];
    let mut rows = update.query(values)?;
    let claimed = rows.next()?.map(row::claimed).transpose()?;
    claimed.ok_or_else(|| vanished(cancel.id))
}

fn vanished(id: OrderId) -> StepError {
    StepError::Corrupt(format!("order {id} vanished within a step"))
}
