//! Old rows go, in bounded batches, and the journal's sums stay.

use std::collections::BTreeMap;

use rusqlite::{Connection, OptionalExtension, Row};
use shop_types::Currency;
use watertight_store::{Command, StepError, Tx};

use super::schema::{bad, currency};
use crate::{
    domain::{Account, Phase},
    store::{Balance, Pruned},
};

/// Sums per currency and account.
type Sums = BTreeMap<(Currency, Account), i128>;

const ACCOUNT_COLUMNS: &str =
    "currency, customer_holds, holds_offset, provider_receivable, revenue, refunds, discrepancies";

/// See [`crate::store::PaymentStore::prune`].
pub(super) struct Prune {
    pub(super) before_ms: i64,
    pub(super) limit: u32,
}

impl Command for Prune {
    const NAME: &'static str = "prune";
    type Output = Pruned;

    fn apply(self, tx: &Tx<'_>) -> Result<Pruned, StepError> {
        Ok(Pruned {
            payments: self.delete_payments(tx)?,
            entries: self.roll_up(tx)?,
        })
    }
}

impl Prune {
    fn delete_payments(&self, db: &Connection) -> Result<u32, StepError> {
        let deleted = db
            .prepare_cached(
                "DELETE FROM payments WHERE order_id IN (
                     SELECT order_id FROM payments
                     WHERE phase = ?1 AND updated_ms < ?2 AND check_ms IS NULL
                     ORDER BY updated_ms LIMIT ?3)",
            )?
            .execute((Phase::Finished.code(), self.before_ms, self.limit))?;
        Ok(u32::try_from(deleted).unwrap_or(u32::MAX))
    }

    /// Adds the oldest entries to the balances and deletes them. Whole entries,
    /// so balances and journal each sum to zero, always.
    fn roll_up(&self, db: &Connection) -> Result<u32, StepError> {
        let (mut sums, mut last, mut entries) = (Sums::new(), None, 0);
        {
            let sql =
                format!("SELECT {ACCOUNT_COLUMNS}, id, at_ms FROM journal ORDER BY id LIMIT ?1");
            let mut statement = db.prepare_cached(&sql)?;
            let mut rows = statement.query([self.limit])?;
            while let Some(row) = rows.next()? {
                if row.get::<_, i64>(8)? >= self.before_ms {
                    break;
                }
                add(&mut sums, row)?;
                last = Some(row.get::<_, i64>(7)?);
                entries += 1;
            }
        }
        if let Some(last) = last {
            save(db, &sums)?;
            db.prepare_cached("DELETE FROM journal WHERE id <= ?1")?
                .execute([last])?;
        }
        Ok(entries)
    }
}

/// Adds one entry's postings.
fn add(sums: &mut Sums, row: &Row<'_>) -> rusqlite::Result<()> {
    let currency = currency(0, row.get_ref(0)?.as_str()?)?;
    for (i, account) in Account::ALL.into_iter().enumerate() {
        let minor: i64 = row.get(i + 1)?;
        *sums.entry((currency, account)).or_default() += i128::from(minor);
    }
    Ok(())
}

fn save(db: &Connection, sums: &Sums) -> Result<(), StepError> {
    for ((currency, account), minor) in sums {
        let key = (currency.code(), account.name());
        let stood: Option<String> = db
            .prepare_cached("SELECT minor FROM balances WHERE currency = ?1 AND account = ?2")?
            .query_row(key, |row| row.get(0))
            .optional()?;
        let stood = stood.map_or(Ok(0), |text| decimal(&text))?;
        let sum = stood
            .checked_add(*minor)
            .ok_or_else(|| StepError::Corrupt(format!("balance {key:?} exceeds 128 bits")))?;
        db.prepare_cached("INSERT OR REPLACE INTO balances VALUES (?1, ?2, ?3)")?
            .execute((key.0, key.1, sum.to_string()))?;
    }
    Ok(())
}

fn decimal(text: &str) -> rusqlite::Result<i128> {
    text.parse().map_err(|_bad| bad(2, "not a decimal"))
}

/// Adds what was rolled up before.
fn add_balance(sums: &mut Sums, row: &Row<'_>) -> rusqlite::Result<()> {
    let currency = currency(0, row.get_ref(0)?.as_str()?)?;
    let name = row.get_ref(1)?.as_str()?;
    let account = Account::ALL.into_iter().find(|a| a.name() == name);
    let account = account.ok_or_else(|| bad(1, "unknown account"))?;
    *sums.entry((currency, account)).or_default() += decimal(row.get_ref(2)?.as_str()?)?;
    Ok(())
}

/// See [`crate::store::PaymentStore::balances`].
pub(super) fn balances(db: &Connection) -> Result<Vec<Balance>, StepError> {
    let mut sums = Sums::new();
    let mut statement = db.prepare_cached(&format!("SELECT {ACCOUNT_COLUMNS} FROM journal"))?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        add(&mut sums, row)?;
    }
    let mut statement = db.prepare_cached("SELECT currency, account, minor FROM balances")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        add_balance(&mut sums, row)?;
    }
    let held = sums.into_iter().filter(|(_, minor)| *minor != 0);
    Ok(held
        .map(|((currency, account), minor)| Balance {
            currency,
            account,
            minor,
        })
        .collect())
}
