//! Tables, and how rows become payments.

use rusqlite::{Row, types::Type};
use shop_types::{Currency, Money, OrderId, PaymentMethod};
use watertight_store::Migration;

use crate::domain::{Check, MethodMark, Payment, State};

/// The schema.
///
/// The journal has a column per account rather than a row per posting: an
/// entry is one insert, and the database itself refuses one that doesn't sum
/// to zero. Its ids rise with time, so the oldest entries come first.
///
/// `(phase, updated_ms, order_id)` serves both sweeps: intents that stand, and
/// payments that are finished.
pub(super) const MIGRATIONS: &[Migration] = &[START, CHECKS];

const START: Migration = Migration {
    version: 1,
    name: "payments and journal",
    sql: "
        CREATE TABLE payments (
            order_id      BLOB PRIMARY KEY CHECK (length(order_id) = 16),
            state         INTEGER NOT NULL CHECK (state BETWEEN 1 AND 9),
            phase         INTEGER NOT NULL CHECK (phase BETWEEN 1 AND 3),
            amount        INTEGER CHECK (amount >= 0),
            currency      TEXT CHECK ((currency IS NULL) = (amount IS NULL)),
            mark          BLOB,
            method        TEXT CHECK (method IS NULL OR state = 1),
            held          INTEGER NOT NULL CHECK (held >= 0),
            captured      INTEGER NOT NULL CHECK (captured >= 0),
            refunded      INTEGER NOT NULL CHECK (refunded BETWEEN 0 AND captured),
            surplus       INTEGER NOT NULL CHECK (surplus >= 0),
            discrepancies INTEGER NOT NULL,
            version       INTEGER NOT NULL,
            created_ms    INTEGER NOT NULL,
            updated_ms    INTEGER NOT NULL
        ) STRICT, WITHOUT ROWID;
        CREATE INDEX payments_phase ON payments (phase, updated_ms, order_id);

        CREATE TABLE journal (
            id                  INTEGER PRIMARY KEY,
            order_id            BLOB NOT NULL,
            version             INTEGER NOT NULL,
            at_ms               INTEGER NOT NULL,
            currency            TEXT NOT NULL,
            customer_holds      INTEGER NOT NULL,
            holds_offset        INTEGER NOT NULL,
            provider_receivable INTEGER NOT NULL,
            revenue             INTEGER NOT NULL,
            refunds             INTEGER NOT NULL,
            discrepancies       INTEGER NOT NULL,
            CHECK (customer_holds + holds_offset + provider_receivable
                   + revenue + refunds + discrepancies = 0)
        ) STRICT;

        CREATE TABLE balances (
            currency TEXT NOT NULL,
            account  TEXT NOT NULL,
            minor    TEXT NOT NULL, -- decimal: sums may exceed 64 bits
            PRIMARY KEY (currency, account)
        ) STRICT, WITHOUT ROWID;
    ",
};

/// Payments taken with discrepancies are due for a check, also those that were
/// taken before there were any.
const CHECKS: Migration = Migration {
    version: 2,
    name: "checks of payments in doubt",
    sql: "
        ALTER TABLE payments ADD COLUMN check_ms INTEGER;
        ALTER TABLE payments ADD COLUMN check_looks INTEGER;
        ALTER TABLE payments ADD COLUMN check_agreed INTEGER;
        UPDATE payments SET check_ms = 0, check_looks = 0, check_agreed = 0
            WHERE state = 5 AND discrepancies > 0;
        CREATE INDEX payments_check ON payments (check_ms) WHERE check_ms IS NOT NULL;
    ",
};

/// The columns of a payment, in the order that [`payment`] reads them.
pub(super) const COLUMNS: &str = "order_id, state, amount, currency, mark, method, held, captured, \
     refunded, surplus, discrepancies, version, created_ms, updated_ms, check_ms, check_looks, check_agreed";

/// An order id as SQLite keeps it.
pub(super) fn order_id(row: &Row<'_>, column: usize) -> rusqlite::Result<OrderId> {
    row.get(column).map(OrderId::from_bytes)
}

/// A payment from [`COLUMNS`].
pub(super) fn payment(row: &Row<'_>) -> rusqlite::Result<Payment> {
    let state = State::from_code(row.get(1)?).ok_or_else(|| bad(1, "unknown state"))?;
    let amount = match (row.get(2)?, row.get_ref(3)?.as_str_or_null()?) {
        (Some(minor), Some(code)) => Some(Money::new(minor, currency(3, code)?)),
        _ => None,
    };
    let method: Option<String> = row.get(5)?;
    Ok(Payment {
        order: order_id(row, 0)?,
        state,
        amount,
        mark: row.get::<_, Option<[u8; 16]>>(4)?.map(MethodMark),
        method: method
            .map(PaymentMethod::new)
            .transpose()
            .map_err(|_secret| bad(5, "not a payment method"))?,
        held: row.get(6)?,
        captured: row.get(7)?,
        refunded: row.get(8)?,
        surplus: row.get(9)?,
        discrepancies: row.get(10)?,
        version: row.get(11)?,
        created_ms: row.get(12)?,
        updated_ms: row.get(13)?,
        check: check(row)?,
    })
}

/// The looks that are due, if any.
fn check(row: &Row<'_>) -> rusqlite::Result<Option<Check>> {
    let Some(due_ms) = row.get(14)? else {
        return Ok(None);
    };
    Ok(Some(Check {
        due_ms,
        looks: row.get(15)?,
        agreed: row.get(16)?,
    }))
}

/// A currency that was written by us.
pub(super) fn currency(column: usize, code: &str) -> rusqlite::Result<Currency> {
    code.parse()
        .map_err(|_unknown| bad(column, "unknown currency"))
}

/// A value that can't be there.
pub(super) fn bad(column: usize, why: &'static str) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(column, Type::Null, why.into())
}

#[cfg(test)]
mod tests {
    use rusqlite::Connection;

    use super::*;

    #[test]
    fn the_database_refuses_an_entry_that_does_not_sum_to_zero() {
        let db = Connection::open_in_memory().unwrap();
        db.execute_batch(MIGRATIONS[0].sql).unwrap();
        let book = |postings: [i64; 6]| {
            let [a, b, c, d, e, f] = postings;
            db.execute(
                "INSERT INTO journal VALUES (NULL, x'00', 1, 1, 'EUR', ?1, ?2, ?3, ?4, ?5, ?6)",
                (a, b, c, d, e, f),
            )
        };
        assert_eq!(book([500, -500, 0, 0, 0, 0]), Ok(1));
        assert!(book([500, -499, 0, 0, 0, 0]).is_err());
    }
}
