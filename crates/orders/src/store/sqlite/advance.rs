//! One step of a saga: one UPDATE under the fence.

use rusqlite::{OptionalExtension, Row, params};
use watertight_store::{Command, StepError, Tx};

use super::row;
use crate::model::State;
use crate::store::{Advance, Advanced, codec};

pub(super) struct AdvanceOrder(pub(super) Advance);

impl Command for AdvanceOrder {
    const NAME: &'static str = "advance";
    type Output = Advanced;

    fn apply(self, tx: &Tx<'_>) -> Result<Advanced, StepError> {
        let Self(step) = self;
        let updated = match (&step.priced, step.to) {
            (Some(_), _) => reserve(tx, &step)?,
            (None, State::Authorized | State::Captured) => forward(tx, &step)?,
            (None, _) => other(tx, &step)?,
        };
        updated.map_or_else(|| diagnose(tx, &step), Ok)
    }
}

/// With prices. The payment method is needed for one more call.
fn reserve(tx: &Tx<'_>, step: &Advance) -> Result<Option<Advanced>, StepError> {
    let mut update = tx.prepare_cached(
        "UPDATE orders SET state = ?4, version = version + 1, updated_ms = ?5, \
                           lines = ?6, total_minor = ?7, currency = ?8 \
         WHERE id = ?1 AND fence = ?2 AND version = ?3 RETURNING updated_ms, cancel_requested",
    )?;
    let priced = step.priced.as_ref();
    let total = priced.map(|priced| priced.total);
    let values = params![
        step.id.as_bytes(),
        step.fence,
        step.version,
        step.to.code(),
        tx.now_ms(),
        priced.map(|priced| codec::encode(&priced.lines)),
        total.map(|total| total.minor()),
        total.map(|total| total.currency().code()),
    ];
    Ok(update.query_row(values, done).optional()?)
}

fn forward(tx: &Tx<'_>, step: &Advance) -> Result<Option<Advanced>, StepError> {
    let mut update = tx.prepare_cached(
        "UPDATE orders SET state = ?4, version = version + 1, updated_ms = ?5, \
                           payment_method = NULL \
         WHERE id = ?1 AND fence = ?2 AND version = ?3 RETURNING updated_ms, cancel_requested",
    )?;
    let id = step.id.as_bytes();
    let values = params![id, step.fence, step.version, step.to.code(), tx.now_ms()];
    Ok(update.query_row(values, done).optional()?)
}

/// Back, or to an end. An end gives up the lease, and the first one is kept; a
/// confirmation must not run over a cancellation that it doesn't know of.
fn other(tx: &Tx<'_>, step: &Advance) -> Result<Option<Advanced>, StepError> {
    let mut update = tx.prepare_cached(
        "UPDATE orders SET state = ?4, version = version + 1, updated_ms = ?5, \
                           payment_method = NULL, reason = ?6, detail = ?7, \
                           lease_until_ms = CASE WHEN ?8 THEN NULL ELSE lease_until_ms END, \
                           trace = CASE WHEN ?8 THEN NULL ELSE trace END, \
                           first_end = coalesce(first_end, CASE WHEN ?8 THEN ?4 END), \
                           first_end_version = \
                               coalesce(first_end_version, CASE WHEN ?8 THEN version + 1 END), \
                           first_end_ms = coalesce(first_end_ms, CASE WHEN ?8 THEN ?5 END) \
         WHERE id = ?1 AND fence = ?2 AND version = ?3 AND NOT (?9 AND cancel_requested) \
         RETURNING updated_ms, cancel_requested",
    )?;
    let why = step.rejection.as_ref();
    let values = params![
        step.id.as_bytes(),
        step.fence,
        step.version,
        step.to.code(),
        tx.now_ms(),
        why.map(|why| why.reason.code()),
        why.map(|why| &*why.detail),
        step.to.is_end(),
        step.to == State::Confirmed,
    ];
    Ok(update.query_row(values, done).optional()?)
}

fn done(row: &Row<'_>) -> rusqlite::Result<Advanced> {
    Ok(Advanced::Done {
        updated_ms: row.get(0)?,
        cancel_requested: row.get(1)?,
    })
}

/// Why no row was changed: the step happened before, a cancellation stands in
/// its way, or the lease is somebody else's.
fn diagnose(tx: &Tx<'_>, step: &Advance) -> Result<Advanced, StepError> {
    let mut select = tx.prepare_cached(concat!(
        "SELECT ",
        row::order_columns!(),
        ", fence, payment_method, trace FROM orders WHERE id = ?1"
    ))?;
    let mut rows = select.query([step.id.as_bytes()])?;
    let Some(found) = rows.next()? else {
        return Err(StepError::Conflict(format!("order {} is gone", step.id)));
    };
    let found = row::claimed(found)?;
    let order = &found.order;
    if found.fence == step.fence && order.version == step.version + 1 && order.state == step.to {
        return Ok(Advanced::Done {
            updated_ms: order.updated_ms,
            cancel_requested: order.cancel_requested,
        });
    }
    if found.fence == step.fence && order.version == step.version && order.cancel_requested {
        return Ok(Advanced::CancelCame);
    }
    Err(StepError::Conflict(format!(
        "order {} has fence {} and version {}, the step has {} and {}",
        step.id, found.fence, order.version, step.fence, step.version
    )))
}
