//! The command that takes catalogue rows.

use rusqlite::{OptionalExtension, params};
use watertight_store::{Command, StepError, Tx};

use super::receive::added;
use super::rows;
use crate::model::{CatalogRow, Pieces, RECEIVED_MAX, RejectedRow};
use crate::store::{Changed, ImportBatch, Imported};

/// Takes the rows of one message of an import.
pub(super) struct Import(pub(super) ImportBatch);

impl Command for Import {
    const NAME: &'static str = "import";
    type Output = Changed<Imported>;

    fn apply(self, tx: &Tx<'_>) -> Result<Self::Output, StepError> {
        let ImportBatch {
            import_id,
            rows,
            last_row,
        } = self.0;
        let done = tx
            .prepare_cached("SELECT rows_done FROM imports WHERE id = ?1")?
            .query_row([&import_id], |row| row.get::<_, i64>(0))
            .optional()?
            .unwrap_or(0);
        let mut out = Changed::nothing(Imported::default());
        for (number, row) in rows {
            if number <= done {
                out.answer.already += 1;
            } else if let Err((field, reason)) = take(tx, &row)? {
                out.answer.rejected.push(RejectedRow {
                    row: number,
                    field,
                    reason,
                });
            } else {
                out.answer.taken += 1;
                out.skus.push(row.sku);
            }
        }
        tx.prepare_cached(
            "INSERT INTO imports (id, rows_done, at_ms) VALUES (?1, ?2, ?3) \
             ON CONFLICT (id) DO UPDATE SET rows_done = max(rows_done, ?2), at_ms = ?3",
        )?
        .execute(params![import_id, last_row, tx.now_ms()])?;
        Ok(out)
    }
}

/// Takes one row, or says which field contradicts the catalogue.
fn take(tx: &Tx<'_>, row: &CatalogRow) -> Result<Result<(), (&'static str, String)>, StepError> {
    let known = rows::stock(tx, &row.sku)?;
    if let Some(known) = &known
        && known.price.currency() != row.price.currency()
    {
        // Orders under way were priced in the old one.
        let reason = format!(
            "the catalogue has {} in {}",
            row.sku,
            known.price.currency()
        );
        return Ok(Err(("price.currency", reason)));
    }
    let before = known
        .as_ref()
        .map_or_else(Pieces::default, |known| known.pieces);
    let Some(after) = added(before, row.quantity) else {
        return Ok(Err((
            "quantity",
            format!("more than {RECEIVED_MAX} pieces would have come in"),
        )));
    };
    tx.prepare_cached(
        "INSERT INTO items (sku, name, price, currency, available, reserved, sold, received, \
         version) VALUES (?1, ?2, ?3, ?4, ?5, 0, 0, ?5, 1) \
         ON CONFLICT (sku) DO UPDATE SET name = ?2, price = ?3",
    )?
    .execute(params![
        row.sku.as_str(),
        row.name,
        row.price.minor(),
        row.price.currency().code(),
        row.quantity,
    ])?;
    if known.is_some() {
        rows::put_pieces(tx, &row.sku, after)?;
    }
    Ok(Ok(()))
}
