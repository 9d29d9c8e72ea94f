//! The command that lets reservations run out, and steps around bad rows.

use rusqlite::{Error, ErrorCode, params};
use shop_types::{OrderId, Sku};
use watertight_store::{Command, StepError, Tx};

use super::reservation::{entry, move_all, put_state};
use crate::model::{Decision, Request, Reservation};
use crate::series::BAD_ROWS;
use crate::store::Changed;

/// How long a row that can't run out is left alone, in milliseconds. Without
/// it, bad rows would fill every batch and be logged each second.
const BAD_ROW_PAUSE_MS: i64 = 3_600_000;

/// Lets reservations run out whose time is up.
pub(super) struct Expire {
    pub(super) rows_max: u32,
}

impl Command for Expire {
    const NAME: &'static str = "expire";
    type Output = Changed<u32>;

    fn apply(self, tx: &Tx<'_>) -> Result<Self::Output, StepError> {
        let mut statement = tx.prepare_cached(
            "SELECT order_id FROM reservations WHERE state = 1 AND expires_ms <= ?1 \
             ORDER BY expires_ms LIMIT ?2",
        )?;
        let due = statement
            .query_map(params![tx.now_ms(), self.rows_max], |row| {
                row.get::<_, [u8; 16]>(0)
            })?
            .collect::<Result<Vec<_>, _>>()?;
        let (mut skus, mut count) = (Vec::new(), 0);
        for order in due.into_iter().map(OrderId::from_bytes) {
            count += 1;
            skus.extend(expire_alone(tx, order)?);
        }
        skus.sort_unstable();
        skus.dedup();
        Ok(Changed {
            answer: count,
            skus,
        })
    }
}

/// Lets one reservation run out in a savepoint of its own: a bad row is undone
/// alone, logged, and left for people; its stock stays held.
fn expire_alone(tx: &Tx<'_>, order: OrderId) -> Result<Vec<Sku>, StepError> {
    tx.prepare_cached("SAVEPOINT expiry")?.execute([])?;
    let expired = match expire(tx, order) {
        Err(error) if is_the_rows_fault(&error) => {
            tx.prepare_cached("ROLLBACK TO expiry")?.execute([])?;
            tracing::error!(%order, ?error, "reservation can't run out, its row is bad");
            BAD_ROWS.get().increment(1);
            put_off(tx, order)?;
            Vec::new()
        }
        expired => expired?,
    };
    tx.prepare_cached("RELEASE expiry")?.execute([])?;
    Ok(expired)
}

fn expire(tx: &Tx<'_>, order: OrderId) -> Result<Vec<Sku>, StepError> {
    let Some(entry) = entry(tx, order)? else {
        return Ok(Vec::new());
    };
    let Decision::Move(state, movement) = Reservation::decide(Some(entry.state), Request::Expire)
    else {
        return Ok(Vec::new());
    };
    move_all(tx, movement, &entry.lines)?;
    put_state(tx, order, state)?;
    Ok(entry.skus())
}

fn put_off(tx: &Tx<'_>, order: OrderId) -> Result<(), StepError> {
    let until_ms = tx.now_ms().saturating_add(BAD_ROW_PAUSE_MS);
    tx.prepare_cached("UPDATE reservations SET expires_ms = ?2 WHERE order_id = ?1")?
        .execute(params![order.as_bytes(), until_ms])?;
    Ok(())
}

/// Whether what is stored is to blame, not the disk: then other rows are fine.
fn is_the_rows_fault(error: &StepError) -> bool {
    match error {
        StepError::Corrupt(_) | StepError::Conflict(_) => true,
        StepError::Sqlite(error) => {
            matches!(
                error,
                Error::FromSqlConversionFailure(..)
                    | Error::InvalidColumnType(..)
                    | Error::IntegralValueOutOfRange(..)
                    | Error::Utf8Error(..)
            ) || error.sqlite_error_code() == Some(ErrorCode::ConstraintViolation)
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use shop_types::{Currency, Money, Quantity};
    use watertight::{Clock, Deadline};
    use watertight_store::Options;

    use super::*;
    use crate::model::{CatalogRow, Line};
    use crate::store::{ImportBatch, ImportPlace, Reserve, SqliteStock, StockStore};

    /// Spoils rows behind the service's back.
    struct Spoil(&'static str, OrderId);

    impl Command for Spoil {
        const NAME: &'static str = "spoil";
        type Output = usize;

        fn apply(self, tx: &Tx<'_>) -> Result<usize, StepError> {
            Ok(tx.execute(self.0, [self.1.as_bytes()])?)
        }
    }

    fn by() -> Deadline {
        Deadline::after(Duration::from_secs(60))
    }

    fn tea() -> Sku {
        Sku::new("tea").unwrap()
    }

    async fn stocked(store: &SqliteStock, quantity: i64) {
        let row = CatalogRow {
            sku: tea(),
            name: String::from("tea"),
            price: Money::new(1, Currency::EUR),
            quantity,
        };
        let batch = ImportBatch::new("i".into(), ImportPlace::default(), vec![(1, row)], 1);
        let done = store.import(by(), batch).await.unwrap().answer.unwrap();
        assert_eq!(done.taken, 1);
    }

    async fn reserve(store: &SqliteStock, order: OrderId) {
        let line = Line {
            sku: tea(),
            quantity: Quantity::new(1).unwrap(),
        };
        let reserve = Reserve {
            order,
            lines: vec![line],
            ttl_ms: 1_000,
        };
        store.reserve(by(), reserve).await.unwrap().answer.unwrap();
    }

    #[watertight::test]
    async fn bad_rows_are_stepped_around_and_do_not_fill_the_batches() {
        let dir = testkit::temp_dir();
        let clock = Clock::manual(1_000_000);
        let options = Options {
            clock: Some(clock.clone()),
            ..Options::new(dir.path())
        };
        let store = SqliteStock::open_with(options).unwrap();
        stocked(&store, 100).await;
        let bad = [
            "UPDATE reservations SET lines = 'no json' WHERE order_id = ?1",
            "UPDATE reservations SET currency = 'XXX' WHERE order_id = ?1",
            "UPDATE reservations SET lines = '[[\"gone\",1,1]]' WHERE order_id = ?1",
            "UPDATE reservations SET lines = '[[\"tea\",1,1],[\"tea\",99,1]]' WHERE order_id = ?1",
        ];
        for (n, sql) in (1..).zip(bad) {
            let order = OrderId::at(n);
            reserve(&store, order).await;
            assert_eq!(store.store.write(by(), Spoil(sql, order)).await.unwrap(), 1);
            // Bad rows come first.
            clock.advance(Duration::from_millis(1));
        }
        for n in 10..13 {
            reserve(&store, OrderId::at(n)).await;
        }
        clock.advance(Duration::from_secs(10));
        let mut seen = 0;
        for _ in 0..4 {
            seen += store.expire(by(), 2).await.unwrap().answer;
        }
        assert_eq!(seen, 7, "each row is looked at once");
        let tea = store.stock(by(), tea()).await.unwrap().unwrap().pieces;
        assert_eq!(
            (tea.available, tea.reserved),
            (96, 4),
            "what is bad stays held"
        );
        clock.advance(Duration::from_hours(2));
        assert_eq!(
            store.expire(by(), 10).await.unwrap().answer,
            4,
            "and again later"
        );
        store.close().await;
    }
}
