//! Rows of the database, to and from the shop's words.

use rusqlite::{Connection, OptionalExtension, Row, params};
use shop_types::{Money, Quantity, Sku};
use watertight_store::StepError;

use crate::model::{Movement, Pieces, PricedLine, Reservation, Stock};

const COLUMNS: &str = "sku, name, price, currency, available, reserved, sold, version";

/// What is stored can't be: the error of every row that doesn't parse.
pub(super) fn corrupt(what: impl std::fmt::Display) -> StepError {
    StepError::Corrupt(what.to_string())
}

/// The stock of one SKU.
pub(super) fn stock(db: &Connection, sku: &Sku) -> Result<Option<Stock>, StepError> {
    let mut statement =
        db.prepare_cached(&format!("SELECT {COLUMNS} FROM items WHERE sku = ?1"))?;
    statement
        .query_row([sku.as_str()], |row| Ok(parse(row)))
        .optional()?
        .transpose()
}

/// The stock of the SKUs after `after`.
pub(super) fn stock_after(
    db: &Connection,
    after: Option<&Sku>,
    rows_max: u32,
) -> Result<Vec<Stock>, StepError> {
    let mut statement = db.prepare_cached(&format!(
        "SELECT {COLUMNS} FROM items WHERE sku > ?1 ORDER BY sku LIMIT ?2"
    ))?;
    let mut rows = statement.query(params![after.map_or("", Sku::as_str), rows_max])?;
    let mut stock = Vec::new();
    while let Some(row) = rows.next()? {
        stock.push(parse(row)?);
    }
    Ok(stock)
}

fn parse(row: &Row<'_>) -> Result<Stock, StepError> {
    let text = |column| row.get_ref(column)?.as_str().map_err(corrupt);
    Ok(Stock {
        sku: text(0)?.parse().map_err(corrupt)?,
        name: text(1)?.to_owned(),
        price: Money::new(row.get(2)?, text(3)?.parse().map_err(corrupt)?),
        pieces: Pieces {
            available: row.get(4)?,
            reserved: row.get(5)?,
            sold: row.get(6)?,
        },
        version: row.get(7)?,
    })
}

/// Moves pieces of one SKU; `false` if fewer are there.
pub(super) fn move_pieces(
    db: &Connection,
    movement: Movement,
    sku: &Sku,
    quantity: Quantity,
) -> Result<bool, StepError> {
    let Some(stock) = stock(db, sku)? else {
        return Ok(false);
    };
    let Some(after) = stock.pieces.moved(movement, quantity) else {
        return Ok(false);
    };
    put_pieces(db, sku, after)?;
    Ok(true)
}

/// Writes where the pieces of a SKU are now.
pub(super) fn put_pieces(db: &Connection, sku: &Sku, pieces: Pieces) -> Result<(), StepError> {
    let mut statement = db.prepare_cached(
        "UPDATE items SET available = ?2, reserved = ?3, sold = ?4, received = ?5, \
         version = version + 1 WHERE sku = ?1",
    )?;
    let Pieces {
        available,
        reserved,
        sold,
    } = pieces;
    statement.execute(params![
        sku.as_str(),
        available,
        reserved,
        sold,
        pieces.received()
    ])?;
    Ok(())
}

/// The number that stands for a state.
pub(super) const fn code(state: Reservation) -> i64 {
    match state {
        Reservation::Reserved => 1,
        Reservation::Committed => 2,
        Reservation::Released => 3,
        Reservation::Expired => 4,
    }
}

/// The state that a number stands for.
pub(super) fn state(code: i64) -> Result<Reservation, StepError> {
    match code {
        1 => Ok(Reservation::Reserved),
        2 => Ok(Reservation::Committed),
        3 => Ok(Reservation::Released),
        4 => Ok(Reservation::Expired),
        _ => Err(corrupt(format!("reservation state {code}"))),
    }
}

/// Lines as JSON.
pub(super) fn lines_to_text(lines: &[PricedLine]) -> Result<String, StepError> {
    let rows: Vec<(&str, i64, i64)> = lines
        .iter()
        .map(|line| {
            (
                line.sku.as_str(),
                line.quantity.get(),
                line.unit_price.minor(),
            )
        })
        .collect();
    serde_json::to_string(&rows).map_err(corrupt)
}

/// Lines from JSON; prices are in `currency`, empty only where there are none.
pub(super) fn lines_from_text(text: &str, currency: &str) -> Result<Vec<PricedLine>, StepError> {
    let rows: Vec<(&str, i64, i64)> = serde_json::from_str(text).map_err(corrupt)?;
    let line = |(sku, pieces, price): (&str, i64, i64)| {
        Ok(PricedLine {
            sku: sku.parse().map_err(corrupt)?,
            quantity: Quantity::new(pieces).map_err(corrupt)?,
            unit_price: Money::new(price, currency.parse().map_err(corrupt)?),
        })
    };
    rows.into_iter().map(line).collect()
}
