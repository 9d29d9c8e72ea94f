//! ImportCatalog: a stream of messages, each one durable step.

use shop_proto::errors::invalid;
use shop_proto::inventory as pb;
use tonic::{Request, Status, Streaming};
use watertight::{Deadline, RequestScope};

use super::errors::{self, DOMAIN};
use super::validate;
use crate::model::RejectedRow;
use crate::service::Inventory;
use crate::store::{ImportBatch, ImportPlace};

/// Rows of one message.
const MESSAGE_ROWS_MAX: usize = 1_000;
/// Bad rows that the answer lists; more are only counted.
const REJECTED_LISTED_MAX: usize = 1_000;

/// Takes the stream to its end, or to the first message that is no message of
/// an import, or not of this one; what was taken before stays, and the same
/// import id with the same rows goes on there.
pub(super) async fn import(
    inventory: &Inventory,
    request: Request<Streaming<pb::ImportCatalogRequest>>,
) -> Result<pb::ImportCatalogResponse, Status> {
    let by = request.deadline();
    let mut messages = request.into_inner();
    let mut import = Import::default();
    while let Some(message) = messages.message().await? {
        import.take(inventory, by, message).await?;
    }
    match import.id {
        // It ended before what is remembered: nothing shows that it is the same.
        Some(_) if !import.is_same => Err(errors::import_id_reused()),
        Some(_) => Ok(import.answer),
        None => Err(invalid(
            DOMAIN,
            "import_id",
            "must come with the first message",
        )),
    }
}

#[derive(Default)]
struct Import {
    id: Option<String>,
    /// How far it has come.
    place: ImportPlace,
    /// Whether the rows so far were found to be those that the id stands for.
    is_same: bool,
    answer: pb::ImportCatalogResponse,
}

impl Import {
    async fn take(
        &mut self,
        inventory: &Inventory,
        by: Deadline,
        message: pb::ImportCatalogRequest,
    ) -> Result<(), Status> {
        let import_id = self.id(&message.import_id)?;
        let count = message.items.len();
        if count > MESSAGE_ROWS_MAX {
            let why = format!("must be at most {MESSAGE_ROWS_MAX} rows a message, not {count}");
            return Err(invalid(DOMAIN, "items", why));
        }
        let (mut rows, mut bad) = (Vec::with_capacity(count), Vec::new());
        let mut row = self.place.rows;
        for item in &message.items {
            row += 1;
            match validate::row(item) {
                Ok(good) => rows.push((row, good)),
                Err((field, reason)) => bad.push(RejectedRow { row, field, reason }),
            }
        }
        let batch = ImportBatch::new(import_id, self.place, rows, row);
        self.place = batch.end();
        let done = inventory.import(by, batch).await.map_err(errors::store)?;
        let done = done.map_err(|_other| errors::import_id_reused())?;
        self.is_same = done.is_same;
        self.answer.imported += done.taken;
        self.answer.already_imported += done.already;
        bad.extend(done.rejected);
        bad.sort_unstable_by_key(|rejected| rejected.row);
        self.reject(bad);
        Ok(())
    }

    /// The first message names the import; later ones may repeat the name.
    fn id(&mut self, given: &str) -> Result<String, Status> {
        match &self.id {
            Some(id) if given.is_empty() || given == id => Ok(id.clone()),
            Some(_) => Err(invalid(
                DOMAIN,
                "import_id",
                "must not change within a stream",
            )),
            None => {
                let id = validate::id(given).map_err(|why| invalid(DOMAIN, "import_id", why))?;
                Ok(self.id.insert(id).clone())
            }
        }
    }

    fn reject(&mut self, rows: Vec<RejectedRow>) {
        for RejectedRow { row, field, reason } in rows {
            self.answer.rejected += 1;
            if self.answer.rejected_rows.len() < REJECTED_LISTED_MAX {
                let field = field.to_owned();
                self.answer
                    .rejected_rows
                    .push(pb::RejectedRow { row, field, reason });
            }
        }
    }
}
