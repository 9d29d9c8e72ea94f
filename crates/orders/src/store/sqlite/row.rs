//! An order from its row.

use rusqlite::Row;
use shop_types::{Currency, CustomerId, Money, OrderId, PaymentMethod};
use watertight_core::TraceContext;
use watertight_store::StepError;

use crate::model::{FirstEnd, Order, Reason, Rejection, State};
use crate::store::{Claimed, codec};

/// The columns that [`order`] reads, in its order.
macro_rules! order_columns {
    () => {
        "id, customer_id, lines, total_minor, currency, state, reason, detail, \
         cancel_requested, created_ms, updated_ms, version, \
         first_end, first_end_version, first_end_ms"
    };
}
pub(super) use order_columns;

/// How many columns [`order_columns`] names.
const ORDER_COLUMNS: usize = 15;

/// An order from a row that begins with [`order_columns`].
pub(super) fn order(row: &Row<'_>) -> Result<Order, StepError> {
    let currency = parsed(row.get_ref(4)?.as_str_or_null())?;
    let currency = currency
        .map(|code| parsed(code.parse::<Currency>()))
        .transpose()?;
    let total: Option<i64> = row.get(3)?;
    let customer: String = row.get(1)?;
    Ok(Order {
        id: order_id(row, 0)?,
        customer: parsed(CustomerId::new(customer))?,
        lines: codec::decode(parsed(row.get_ref(2)?.as_blob())?, currency)?,
        total: total
            .zip(currency)
            .map(|(minor, currency)| Money::new(minor, currency)),
        state: known("state", State::from_code(row.get(5)?))?,
        rejection: rejection(row)?,
        cancel_requested: row.get(8)?,
        created_ms: row.get(9)?,
        updated_ms: row.get(10)?,
        version: row.get(11)?,
        first_end: first_end(row)?,
    })
}

/// An order with its lease, from [`order_columns`], `fence`, `payment_method` and `trace`.
pub(super) fn claimed(row: &Row<'_>) -> Result<Claimed, StepError> {
    let payment_method: Option<String> = row.get(ORDER_COLUMNS + 1)?;
    let trace: Option<String> = row.get(ORDER_COLUMNS + 2)?;
    Ok(Claimed {
        order: order(row)?,
        fence: row.get(ORDER_COLUMNS)?,
        payment_method: payment_method
            .map(|text| parsed(PaymentMethod::new(text)))
            .transpose()?,
        // Nothing that an order depends on: what can't be read is no trace.
        trace: trace.and_then(|text| TraceContext::parse(text.as_bytes())),
    })
}

pub(super) fn order_id(row: &Row<'_>, column: usize) -> Result<OrderId, StepError> {
    Ok(OrderId::from_bytes(row.get(column)?))
}

fn first_end(row: &Row<'_>) -> Result<Option<FirstEnd>, StepError> {
    let Some(code) = row.get(12)? else {
        return Ok(None);
    };
    Ok(Some(FirstEnd {
        state: known("first end", State::from_code(code))?,
        version: row.get(13)?,
        updated_ms: row.get(14)?,
    }))
}

fn rejection(row: &Row<'_>) -> Result<Option<Rejection>, StepError> {
    let Some(code) = row.get(6)? else {
        return Ok(None);
    };
    let reason = known("reason", Reason::from_code(code))?;
    let detail: Option<String> = row.get(7)?;
    Ok(Some(Rejection::new(reason, detail.unwrap_or_default())))
}

fn known<T>(what: &str, value: Option<T>) -> Result<T, StepError> {
    value.ok_or_else(|| StepError::Corrupt(format!("an order has an unknown {what}")))
}

fn parsed<T, E: std::fmt::Display>(result: Result<T, E>) -> Result<T, StepError> {
    result.map_err(|error| StepError::Corrupt(format!("a column of an order: {error}")))
}
