//! The steps that write.

use rusqlite::{Connection, OptionalExtension, params};
use shop_types::{Money, OrderId};
use watertight_store::{Command, StepError, Tx};

use super::schema::{COLUMNS, payment};
use crate::{
    domain::{Ask, Decision, Payment, decide},
    store::Change,
};

/// See [`crate::store::PaymentStore::decide`].
pub(super) struct Decide(pub(super) Ask);

impl Command for Decide {
    const NAME: &'static str = "decide";
    type Output = Decision;

    fn apply(self, tx: &Tx<'_>) -> Result<Decision, StepError> {
        let standing = find(tx, self.0.order)?;
        let decision = decide(&self.0, standing, tx.now_ms());
        if let Decision::Begin(intent) = &decision {
            match intent.version {
                1 => insert(tx, intent)?,
                _ => update(tx, intent)?,
            }
        }
        Ok(decision)
    }
}

/// See [`crate::store::PaymentStore::settle`].
pub(super) struct Settle(pub(super) Change);

impl Command for Settle {
    const NAME: &'static str = "settle";
    type Output = Payment;

    fn apply(self, tx: &Tx<'_>) -> Result<Payment, StepError> {
        let Change { mut after, entry } = self.0;
        after.updated_ms = tx.now_ms();
        update(tx, &after)?;
        if let Some(amount) = after.amount.filter(|_| !entry.is_empty()) {
            let [holds, offset, receivable, revenue, refunds, odd] = *entry.postings();
            tx.prepare_cached(
                "INSERT INTO journal (order_id, version, at_ms, currency, customer_holds,
                     holds_offset, provider_receivable, revenue, refunds, discrepancies)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
            )?
            .execute(params![
                after.order.as_bytes(),
                after.version,
                after.updated_ms,
                amount.currency().code(),
                holds,
                offset,
                receivable,
                revenue,
                refunds,
                odd
            ])?;
        }
        Ok(after)
    }
}

/// One payment.
pub(super) fn find(db: &Connection, order: OrderId) -> Result<Option<Payment>, StepError> {
    let sql = format!("SELECT {COLUMNS} FROM payments WHERE order_id = ?1");
    let mut statement = db.prepare_cached(&sql)?;
    Ok(statement
        .query_row([order.as_bytes()], payment)
        .optional()?)
}

fn insert(db: &Connection, p: &Payment) -> Result<(), StepError> {
    db.prepare_cached(
        "INSERT INTO payments (order_id, state, phase, amount, currency, mark, method, held,
             captured, refunded, surplus, discrepancies, version, created_ms, updated_ms)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, 0, 0, 0, 0, 0, 1, ?8, ?8)",
    )?
    .execute(params![
        p.order.as_bytes(),
        p.state.code(),
        p.phase().code(),
        p.amount.map(Money::minor),
        p.amount.map(|amount| amount.currency().code()),
        p.mark.map(|mark| mark.0),
        p.method.as_ref().map(|method| method.as_str()),
        p.created_ms,
    ])?;
    Ok(())
}

/// Writes `p` over its predecessor; Conflict if something else stands there.
fn update(db: &Connection, p: &Payment) -> Result<(), StepError> {
    let changed = db
        .prepare_cached(
            "UPDATE payments SET state = ?2, phase = ?3, amount = ?4, currency = ?5, method = NULL,
                 held = ?6, captured = ?7, refunded = ?8, surplus = ?9, discrepancies = ?10,
                 version = ?11, updated_ms = ?12, check_ms = ?13, check_looks = ?14,
                 check_agreed = ?15
             WHERE order_id = ?1 AND version = ?11 - 1",
        )?
        .execute(params![
            p.order.as_bytes(),
            p.state.code(),
            p.phase().code(),
            p.amount.map(Money::minor),
            p.amount.map(|amount| amount.currency().code()),
            p.held,
            p.captured,
            p.refunded,
            p.surplus,
            p.discrepancies,
            p.version,
            p.updated_ms,
            p.check.map(|check| check.due_ms),
            p.check.map(|check| check.looks),
            p.check.map(|check| check.agreed),
        ])?;
    match changed {
        1 => Ok(()),
        _ => Err(StepError::Conflict(format!(
            "payment {} is not at version {} any more",
            p.order,
            p.version - 1
        ))),
    }
}
