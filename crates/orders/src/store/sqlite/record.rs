//! Recording an order: key, order, saga and lease in one step.

use rusqlite::params;
use watertight_store::{Command, StepError, Tx};

use super::read;
use crate::store::steps::{FIRST_VERSION, later};
use crate::store::{Record, Recorded, codec};

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
            return known(tx, &record);
        }
        insert_order(tx, &record)?;
        Ok(Recorded::New(record.order(tx.now_ms())))
    }
}

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
                             owner, fence, lease_until_ms, payment_method) \
         VALUES (?1, ?2, ?3, 1, ?4, ?4, ?5, ?6, ?7, ?8, ?9)",
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
    ])?;
    Ok(())
}

fn known(tx: &Tx<'_>, record: &Record) -> Result<Recorded, StepError> {
    let kept = read::by_key(tx, &record.new.key)?
        .ok_or_else(|| StepError::Corrupt("a key without its order".to_owned()))?;
    Ok(match kept.fingerprint == record.fingerprint {
        true => Recorded::Known(kept.order),
        false => Recorded::KeyReused,
    })
}
