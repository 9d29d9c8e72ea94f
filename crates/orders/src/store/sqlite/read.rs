//! Reads, on a reader or inside a step.

use rusqlite::{Connection, Row, params};
use shop_types::{IdempotencyKey, OrderId};
use watertight_store::StepError;

use super::retain::born_ms;
use super::row::{self, order_columns};
use crate::model::Order;
use crate::store::{Kept, Listing, Unfinished, UnfinishedOrder};

pub(super) fn order(connection: &Connection, id: OrderId) -> Result<Option<Order>, StepError> {
    let mut select = connection.prepare_cached(concat!(
        "SELECT ",
        order_columns!(),
        " FROM orders WHERE id = ?1"
    ))?;
    let mut rows = select.query([id.as_bytes()])?;
    rows.next()?.map(row::order).transpose()
}

pub(super) fn by_key(
    connection: &Connection,
    key: &IdempotencyKey,
) -> Result<Option<Kept>, StepError> {
    let mut select =
        connection.prepare_cached("SELECT fingerprint, order_id FROM keys WHERE key = ?1")?;
    let mut rows = select.query([key.as_str()])?;
    let Some(found) = rows.next()? else {
        return Ok(None);
    };
    let (fingerprint, id) = (found.get(0)?, row::order_id(found, 1)?);
    Ok(order(connection, id)?.map(|order| Kept { fingerprint, order }))
}

pub(super) fn list(connection: &Connection, listing: &Listing) -> Result<Vec<Order>, StepError> {
    // No id is larger than this, so the first page needs no query of its own.
    let before = listing.after.unwrap_or(OrderId::from_bytes([0xff; 16]));
    let mut select = connection.prepare_cached(match listing.customer {
        Some(_) => concat!(
            "SELECT ",
            order_columns!(),
            " FROM orders WHERE customer_id = ?3 AND id < ?1 ORDER BY id DESC LIMIT ?2"
        ),
        None => concat!(
            "SELECT ",
            order_columns!(),
            " FROM orders WHERE id < ?1 AND ?3 IS NULL ORDER BY id DESC LIMIT ?2"
        ),
    })?;
    let customer = listing.customer.as_ref().map(|customer| customer.as_str());
    let mut rows = select.query(params![before.as_bytes(), listing.limit, customer])?;
    let mut orders = Vec::new();
    while let Some(found) = rows.next()? {
        orders.push(row::order(found)?);
    }
    Ok(orders)
}

/// Both are asked every second, so both name the small index of what is under
/// way: left alone, the planner takes the smallest id off the primary key and
/// walks over all finished orders until it meets one that isn't.
pub(super) const UNFINISHED: &str = "SELECT id, owner, lease_until_ms \
     FROM orders INDEXED BY orders_unfinished WHERE lease_until_ms IS NOT NULL \
     ORDER BY lease_until_ms LIMIT ?1";
pub(super) const OLDEST: &str = "SELECT min(id) FROM orders INDEXED BY orders_unfinished \
     WHERE lease_until_ms IS NOT NULL";

pub(super) fn unfinished(connection: &Connection, limit: u32) -> Result<Unfinished, StepError> {
    let mut select = connection.prepare_cached(UNFINISHED)?;
    let mut orders = Vec::new();
    let mut rows = select.query([limit])?;
    while let Some(found) = rows.next()? {
        orders.push(unfinished_order(found)?);
    }
    Ok(Unfinished {
        orders,
        oldest_ms: oldest_ms(connection)?,
    })
}

fn unfinished_order(row: &Row<'_>) -> Result<UnfinishedOrder, StepError> {
    Ok(UnfinishedOrder::new(
        row::order_id(row, 0)?,
        row.get(1)?,
        row.get(2)?,
    ))
}

/// Ids tell when they were born; reads all of the small index, nothing else.
fn oldest_ms(connection: &Connection) -> Result<Option<i64>, StepError> {
    let mut select = connection.prepare_cached(OLDEST)?;
    let oldest: Option<[u8; 16]> = select.query_row([], |row| row.get(0))?;
    Ok(oldest.map(|id| born_ms(OrderId::from_bytes(id))))
}
