//! The command that adds received goods.

use rusqlite::{OptionalExtension, params};
use shop_types::Sku;
use watertight_store::{Command, StepError, Tx};

use super::rows::{self, corrupt};
use crate::model::{Pieces, RECEIVED_MAX, Stock};
use crate::store::{Changed, Receipt, ReceiptRefusal};

/// Adds goods, once per receipt id.
pub(super) struct Receive(pub(super) Receipt);

impl Command for Receive {
    const NAME: &'static str = "receive";
    type Output = Changed<Result<Stock, ReceiptRefusal>>;

    fn apply(self, tx: &Tx<'_>) -> Result<Self::Output, StepError> {
        let Receipt { id, sku, quantity } = self.0;
        let Some(stock) = rows::stock(tx, &sku)? else {
            return Ok(Changed::nothing(Err(ReceiptRefusal::UnknownSku)));
        };
        let seen = tx
            .prepare_cached("SELECT sku, quantity FROM receipts WHERE id = ?1")?
            .query_row([&id], |row| {
                Ok((row.get::<_, String>(0)?, row.get::<_, i64>(1)?))
            })
            .optional()?;
        if let Some(seen) = seen {
            let same = seen == (sku.as_str().to_owned(), quantity);
            let answer = if same {
                Ok(stock)
            } else {
                Err(ReceiptRefusal::OtherReceipt)
            };
            return Ok(Changed::nothing(answer));
        }
        let Some(pieces) = added(stock.pieces, quantity) else {
            return Ok(Changed::nothing(Err(ReceiptRefusal::TooMany)));
        };
        rows::put_pieces(tx, &sku, pieces)?;
        tx.prepare_cached(
            "INSERT INTO receipts (id, sku, quantity, at_ms) VALUES (?1, ?2, ?3, ?4)",
        )?
        .execute(params![id, sku.as_str(), quantity, tx.now_ms()])?;
        Ok(Changed {
            answer: Ok(reread(tx, &sku)?),
            skus: vec![sku],
        })
    }
}

fn reread(tx: &Tx<'_>, sku: &Sku) -> Result<Stock, StepError> {
    rows::stock(tx, sku)?.ok_or_else(|| corrupt(format!("{sku} vanished")))
}

/// The pieces after `quantity` more came in; `None` beyond [`RECEIVED_MAX`].
pub(super) fn added(pieces: Pieces, quantity: i64) -> Option<Pieces> {
    let received = pieces.received().checked_add(quantity)?;
    (received <= RECEIVED_MAX).then_some(Pieces {
        available: pieces.available + quantity,
        ..pieces
    })
}
