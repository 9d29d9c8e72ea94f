//! Rows of a catalogue, one per line.

use serde::{Deserialize, Serialize};
use shop_proto::{common, inventory};
use utoipa::ToSchema;
use watertight::extract::{Fault, Object};

use super::dto;
use crate::service::chunk::Rejected;
use crate::service::tally::Tally;

/// One line of an import.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"sku": "tea-assam", "name": "Assam, 100 g", "price": {"amount": 450, "currency": "EUR"}, "quantity": 100}))]
pub(super) struct CatalogRow {
    /// Stock keeping unit.
    #[schema(min_length = 1, max_length = 64, pattern = "^[A-Za-z0-9._-]+$")]
    sku: String,
    /// What it is called.
    #[schema(min_length = 1, max_length = 200)]
    name: String,
    /// Price of one piece, amount 0 or more.
    #[schema(value_type = dto::Money)]
    price: Object<dto::Money>,
    /// Pieces received with this row.
    #[schema(minimum = 0, maximum = 1_000_000_000)]
    quantity: i64,
}

impl From<CatalogRow> for inventory::CatalogItem {
    fn from(row: CatalogRow) -> Self {
        let Object(dto::Money { amount, currency }) = row.price;
        Self {
            sku: row.sku,
            name: row.name,
            price: Some(common::Money { amount, currency }),
            quantity: row.quantity,
        }
    }
}

/// An acknowledgment: these rows are durable, the next ones are being read.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({"rows": 1000, "last_row": 2000, "imported": 999, "already_imported": 0, "rejected": 1,
    "rejected_rows": [{"row": 1492, "field": "price.currency", "reason": "unknown currency"}]}))]
pub(super) struct Acknowledged {
    /// Rows of this step.
    rows: u64,
    /// Number of the last line that is acknowledged, from 1.
    last_row: u64,
    /// Rows of this step that were taken.
    imported: u64,
    /// Rows of this step that had been taken under this `Import-Id` before.
    already_imported: u64,
    /// Rows of this step that were not taken.
    rejected: u64,
    /// Which those are; of a whole import the first 1,000.
    rejected_rows: Vec<RejectedRow>,
}

/// The last line of an import that came to its end.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({"done": true, "rows": 12345, "imported": 12344, "already_imported": 0, "rejected": 1}))]
pub(super) struct Summary {
    /// `true`.
    done: bool,
    /// Rows of the whole import.
    rows: u64,
    /// Rows that were taken.
    imported: u64,
    /// Rows that had been taken under this `Import-Id` before.
    already_imported: u64,
    /// Rows that were not taken.
    rejected: u64,
}

/// The last line of an import that broke off; rows after the last
/// acknowledgment were not taken, or may have been: repeat the import under the
/// same id.
#[derive(Serialize, ToSchema)]
pub(super) struct Broken {
    /// What happened.
    #[schema(value_type = dto::Problem)]
    pub(super) error: watertight::Problem,
}

/// A line of the answer to an import.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
pub(super) enum ImportLine {
    /// A step is durable.
    Acknowledged(Acknowledged),
    /// The import came to its end.
    Done(Summary),
    /// The import broke off.
    Broken(Broken),
}

/// A line that was not taken.
#[derive(Debug, Serialize, ToSchema)]
struct RejectedRow {
    /// Number of the line, from 1.
    row: u64,
    /// The field at fault, if there is one.
    #[serde(skip_serializing_if = "String::is_empty")]
    field: String,
    /// What is wrong with it.
    reason: String,
}

impl Acknowledged {
    pub(super) fn new(step: Tally, last_row: u64, rejected: Vec<Rejected>) -> Self {
        let rows = rejected.into_iter().map(|rejected| RejectedRow {
            row: rejected.row,
            field: rejected.field,
            reason: rejected.reason,
        });
        Self {
            rows: step.rows,
            last_row,
            imported: step.imported,
            already_imported: step.already_imported,
            rejected: step.rejected,
            rejected_rows: rows.collect(),
        }
    }
}

impl From<Tally> for Summary {
    fn from(tally: Tally) -> Self {
        Self {
            done: true,
            rows: tally.rows,
            imported: tally.imported,
            already_imported: tally.already_imported,
            rejected: tally.rejected,
        }
    }
}

/// Reads a line.
pub(super) fn row(number: u64, line: &[u8]) -> Result<inventory::CatalogItem, Rejected> {
    let mut json = serde_json::Deserializer::from_slice(line);
    let read = serde_path_to_error::deserialize::<_, Object<CatalogRow>>(&mut json);
    let read = read.map_err(|error| {
        let path = error.path().to_string();
        rejected(number, &path, &error.into_inner())
    });
    let Object(row) = read?;
    json.end().map_err(|error| rejected(number, "", &error))?;
    Ok(row.into())
}

fn rejected(row: u64, path: &str, error: &serde_json::Error) -> Rejected {
    // A row is one line; which, the row's number says.
    let message = error.to_string().replace(" at line 1 column", " at column");
    let Fault { field, message } = Fault::new(path, &message);
    Rejected {
        row,
        field,
        reason: message,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_name_the_field() {
        let good = r#"{"sku":"a","name":"A","price":{"amount":1,"currency":"EUR"},"quantity":1}"#;
        assert_eq!(row(1, good.as_bytes()).unwrap().sku, "a");
        let deep = "[".repeat(10_000);
        for (line, at, why) in [
            (
                good.replace("\"quantity\":1", "\"quantity\":NaN"),
                "quantity",
                "expected value",
            ),
            (
                good.replace("\"quantity\":1", "\"quantity\":1.5"),
                "quantity",
                "floating point",
            ),
            (
                good.replace("\"quantity\":1", "\"quantity\":9223372036854775808"),
                "quantity",
                "integer",
            ),
            (good.replace("\"sku\":\"a\",", ""), "sku", "missing"),
            (good.replace("\"amount\":1,", ""), "price.amount", "missing"),
            (good.replace("sku", "skew"), "skew", "unknown"),
            (good.replace("\"name\"", "\"sku\""), "sku", "duplicate"),
            (format!("{good}{good}"), "", "trailing"),
            (good[..20].to_owned(), "name", "EOF"),
            (deep, "", "expected an object"),
            (r#"["a","A",{},1]"#.to_owned(), "", "expected an object"),
            (
                good.replace(r#"{"amount":1,"currency":"EUR"}"#, r#"[1,"EUR"]"#),
                "price",
                "expected an object",
            ),
        ] {
            let rejected = row(7, line.as_bytes()).unwrap_err();
            assert_eq!((rejected.row, &*rejected.field), (7, at), "{rejected:?}");
            assert!(rejected.reason.contains(why), "{rejected:?}");
            assert!(!rejected.reason.contains("line 1"), "{rejected:?}");
        }
        let bytes = [&good.as_bytes()[..8], b"\xff", &good.as_bytes()[9..]].concat();
        assert!(row(1, &bytes).is_err());
        let long = format!("{{\"sku\":\"a\",\"{}\":1}}", "x".repeat(10_000));
        let rejected = row(1, long.as_bytes()).unwrap_err();
        assert!(rejected.reason.len() < 300 && rejected.field.len() < 300);
    }
}
