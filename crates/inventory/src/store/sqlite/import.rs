//! The command that takes catalogue rows.

use rusqlite::{OptionalExtension, params};
use watertight_store::{Command, StepError, Tx};

use super::receive::added;
use super::rows;
use crate::model::{CatalogRow, Pieces, RECEIVED_MAX, RejectedRow};
use crate::store::{
    Changed, Comparison, ImportBatch, ImportIdReused, ImportPlace, ImportRow, Imported, RowsDigest,
};

/// Takes the rows of one message of an import.
pub(super) struct Import(pub(super) ImportBatch);

impl Command for Import {
    const NAME: &'static str = "import";
    type Output = Changed<Result<Imported, ImportIdReused>>;

    fn apply(self, tx: &Tx<'_>) -> Result<Self::Output, StepError> {
        let batch = self.0;
        let remembered = remembered(tx, batch.import_id())?;
        let is_same = match batch.compare(remembered) {
            Comparison::Same => true,
            Comparison::TooEarly => false,
            Comparison::Other => return Ok(Changed::nothing(Err(ImportIdReused))),
        };
        // An import whose beginning is being repeated is kept in mind as well.
        let end = remembered.filter(|_| !is_same).unwrap_or(batch.end());
        remember(tx, batch.import_id(), end)?;
        let done = remembered.map_or(0, |place| place.rows);
        let mut answer = Imported {
            is_same,
            ..Imported::default()
        };
        let mut skus = Vec::new();
        for ImportRow { row, place } in batch.into_rows() {
            if place.rows <= done {
                answer.already += 1;
            } else if let Err((field, reason)) = take(tx, &row)? {
                answer.rejected.push(RejectedRow {
                    row: place.rows,
                    field,
                    reason,
                });
            } else {
                answer.taken += 1;
                skus.push(row.sku);
            }
        }
        let answer = Ok(answer);
        Ok(Changed { answer, skus })
    }
}

/// How far the import has come, if it is known.
fn remembered(tx: &Tx<'_>, import_id: &str) -> Result<Option<ImportPlace>, StepError> {
    let place = tx
        .prepare_cached("SELECT rows_done, digest FROM imports WHERE id = ?1")?
        .query_row([import_id], |row| {
            Ok(ImportPlace {
                rows: row.get(0)?,
                digest: RowsDigest(row.get(1)?),
            })
        })
        .optional()?;
    Ok(place)
}

fn remember(tx: &Tx<'_>, import_id: &str, end: ImportPlace) -> Result<(), StepError> {
    tx.prepare_cached(
        "INSERT INTO imports (id, rows_done, digest, at_ms) VALUES (?1, ?2, ?3, ?4) \
         ON CONFLICT (id) DO UPDATE SET rows_done = ?2, digest = ?3, at_ms = ?4",
    )?
    .execute(params![import_id, end.rows, end.digest.0, tx.now_ms()])?;
    Ok(())
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
