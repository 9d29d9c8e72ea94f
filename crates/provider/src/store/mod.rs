//! The provider's own durable ledger: who was charged what, as the referee
//! sees it.

use std::path::PathBuf;

use rusqlite::{Connection, OptionalExtension, Row, types::Type};
use watertight_core::{Deadline, Faults};
use watertight_store::{Command, Migration, OpenError, Options, StepError, Store, StoreError, Tx};

use crate::authorization::{Act, Authorization, Refusal, Status, apply};

/// The most authorisations in one page of the ledger.
pub const PAGE_MAX: u32 = 1_000;

/// The largest the ledger may grow; beyond it acts are answered 503. It keeps
/// everything, because a referee that forgets is none.
const STORE_BYTES_MAX: u64 = 8 << 30;

const MIGRATIONS: &[Migration] = &[Migration {
    version: 1,
    name: "authorizations",
    sql: "
        CREATE TABLE authorizations (
            reference TEXT PRIMARY KEY,
            status    INTEGER NOT NULL CHECK (status BETWEEN 1 AND 5),
            amount    INTEGER NOT NULL CHECK (amount >= 0),
            currency  TEXT NOT NULL,
            captured  INTEGER NOT NULL CHECK (captured >= 0),
            refunded  INTEGER NOT NULL CHECK (refunded BETWEEN 0 AND captured),
            captures  INTEGER NOT NULL,
            refunds   INTEGER NOT NULL
        ) STRICT, WITHOUT ROWID;
    ",
}];

const COLUMNS: &str = "reference, status, amount, currency, captured, refunded, captures, refunds";

/// The ledger. Cheap to clone; all clones are the same one.
#[derive(Clone, Debug)]
pub struct Ledger {
    store: Store,
    faults: Faults,
}

impl Ledger {
    /// Opens the ledger in `dir`, which it locks.
    ///
    /// # Errors
    ///
    /// As [`Store::open`].
    pub fn open(dir: impl Into<PathBuf>, faults: Faults) -> Result<Self, OpenError> {
        let mut options = Options::new(dir);
        options.store_bytes_max = Some(STORE_BYTES_MAX);
        options.faults = faults.clone();
        let store = Store::open("provider", options, MIGRATIONS)?;
        Ok(Self { store, faults })
    }

    /// Does `act` durably, once, and returns what stands under `reference`.
    ///
    /// # Errors
    ///
    /// The outer one as [`Store::write`]; the inner one is a final refusal.
    ///
    /// # Cancel safety
    ///
    /// The act may be done or not; ask again by the reference.
    pub async fn act(
        &self,
        deadline: Deadline,
        reference: String,
        act: Act,
    ) -> Result<Result<Authorization, Refusal>, StoreError> {
        let point = match &act {
            Act::Authorize { .. } => Some("provider.authorized"),
            Act::Capture { .. } => Some("provider.captured"),
            Act::Void | Act::Refund { .. } => None,
        };
        let done = self.store.write(deadline, Apply { reference, act }).await?;
        if let Some(point) = point {
            self.faults.point(point);
        }
        Ok(done)
    }

    /// What stands under `reference`.
    ///
    /// # Errors
    ///
    /// As [`Store::read`].
    ///
    /// # Cancel safety
    ///
    /// Safe: it only reads.
    pub async fn get(
        &self,
        deadline: Deadline,
        reference: String,
    ) -> Result<Option<Authorization>, StoreError> {
        self.store
            .read(deadline, move |db| find(db, &reference))
            .await
    }

    /// Up to `limit` authorisations after `after`, by reference.
    ///
    /// # Errors
    ///
    /// As [`Store::read`].
    ///
    /// # Cancel safety
    ///
    /// Safe: it only reads.
    pub async fn page(
        &self,
        deadline: Deadline,
        after: String,
        limit: u32,
    ) -> Result<Vec<Authorization>, StoreError> {
        let read = move |db: &Connection| {
            let sql = format!(
                "SELECT {COLUMNS} FROM authorizations WHERE reference > ?1 ORDER BY reference LIMIT ?2"
            );
            let mut statement = db.prepare_cached(&sql)?;
            let rows = statement.query_map((after, limit.min(PAGE_MAX)), from_row)?;
            Ok(rows.collect::<Result<Vec<_>, _>>()?)
        };
        self.store.read(deadline, read).await
    }

    /// Whether the last write worked.
    ///
    /// # Errors
    ///
    /// Why not, for people.
    pub fn health(&self) -> Result<(), String> {
        self.store.health()
    }

    /// Finishes what is queued and lets go of the directory.
    ///
    /// # Cancel safety
    ///
    /// Closing goes on by itself; nothing is lost.
    pub async fn close(&self) {
        self.store.close().await;
    }
}

struct Apply {
    reference: String,
    act: Act,
}

impl Command for Apply {
    const NAME: &'static str = "apply";
    type Output = Result<Authorization, Refusal>;

    fn apply(self, tx: &Tx<'_>) -> Result<Self::Output, StepError> {
        let existing = find(tx, &self.reference)?;
        let after = match apply(existing.as_ref(), &self.reference, &self.act) {
            Ok(after) => after,
            Err(refusal) => return Ok(Err(refusal)),
        };
        if existing.as_ref() != Some(&after) {
            save(tx, &after)?;
        }
        Ok(Ok(after))
    }
}

fn find(db: &Connection, reference: &str) -> Result<Option<Authorization>, StepError> {
    let sql = format!("SELECT {COLUMNS} FROM authorizations WHERE reference = ?1");
    let mut statement = db.prepare_cached(&sql)?;
    Ok(statement.query_row([reference], from_row).optional()?)
}

fn save(db: &Connection, a: &Authorization) -> Result<(), StepError> {
    db.prepare_cached(
        "INSERT INTO authorizations VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
         ON CONFLICT (reference) DO UPDATE SET status = ?2, amount = ?3, currency = ?4,
             captured = ?5, refunded = ?6, captures = ?7, refunds = ?8",
    )?
    .execute((
        &a.reference,
        a.status.code(),
        a.amount,
        &a.currency,
        a.captured,
        a.refunded,
        a.captures,
        a.refunds,
    ))?;
    Ok(())
}

fn from_row(row: &Row<'_>) -> rusqlite::Result<Authorization> {
    let code: i64 = row.get(1)?;
    let status = Status::ALL.into_iter().find(|status| status.code() == code);
    Ok(Authorization {
        reference: row.get(0)?,
        status: status.ok_or_else(|| {
            rusqlite::Error::FromSqlConversionFailure(1, Type::Integer, "unknown status".into())
        })?,
        amount: row.get(2)?,
        currency: row.get(3)?,
        captured: row.get(4)?,
        refunded: row.get(5)?,
        captures: row.get(6)?,
        refunds: row.get(7)?,
    })
}
