//! Recording an order: key, order, saga and lease in one step.

use rusqlite::params;
use watertight_store::{Command, StepError, Tx};

use super::read;
use crate::store::steps::{FIRST_VERSION, later};
use crate::store::{Kept, Record, Recorded, codec};

pub(super) struct RecordOrder(pub(super) Record);

impl Command for RecordOrder {
    const NAME: &'static str = "record";
    type Output = Recorded;

    fn apply(self, tx: &Tx<'_>) -> Result<Recorded, StepError> {
        let Self(record) = self;
        // The last moment for the caller to leave: from here on it happens.
        if !record.ticket.take() {
            return Ok(Recorded::CallerLeft);
        }
        if !insert_key(tx, &record)? {
            if let Some(kept) = read::by_key(tx, &record.new.key)? {
                return Ok(known(&record, kept));
            }
            // Its order is over and was kept long enough; the key just hasn't
            // been swept yet. It goes to the end, where the young ones are.
            tx.prepare_cached(FORGET_KEY)?
                .execute([record.new.key.as_str()])?;
            insert_key(tx, &record)?;
        }
        insert_order(tx, &record)?;
        Ok(Recorded::New(record.order(tx.now_ms())))
    }
}

const FORGET_KEY: &str = "DELETE FROM keys WHERE key = ?1";

/// False if the key is there already.
fn insert_key(tx: &Tx<'_>, record: &Record) -> Result<bool, StepError> {
    let mut insert = tx.prepare_cached(
        "INSERT INTO keys (key, fingerprint, order_id, created_ms) VALUES (?1, ?2, ?3, ?4) \
         ON CONFLICT (key) DO NOTHING",
    )?;
    let id = record.id.as_bytes();
    let inserted = insert.execute(params![
        record.new.key.as_str(),
        record.fingerprint,
        id,
        tx.now_ms()
    ])?;
    Ok(inserted == 1)
}

fn insert_order(tx: &Tx<'_>, record: &Record) -> Result<(), StepError> {
    let mut insert = tx.prepare_cached(
        "INSERT INTO orders (id, customer_id, lines, state, created_ms, updated_ms, version, \
                             owner, fence, lease_until_ms, payment_method, trace) \
         VALUES (?1, ?2, ?3, 1, ?4, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
    )?;
    insert.execute(params![
        record.id.as_bytes(),
        record.new.customer.as_str(),
        codec::encode(&record.new.lines),
        tx.now_ms(),
        FIRST_VERSION,
        record.owner.get(),
        Recorded::FIRST_FENCE,
        later(tx.now_ms(), record.lease),
        record.new.payment_method.as_str(),
        record.trace.map(|trace| trace.to_string()),
    ])?;
    Ok(())
}

fn known(record: &Record, kept: Kept) -> Recorded {
    if kept.fingerprint == record.fingerprint {
        Recorded::Known(kept.order)
    } else {
        Recorded::KeyReused
    }
}
