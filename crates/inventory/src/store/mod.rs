//! What inventory needs of a database: durable steps, no transactions.
//!
//! [`StockStore`] is the seam at which another database can join; its
//! conformance suite is `tests/store_conformance.rs`.

mod import;
mod sqlite;

use futures_util::future::BoxFuture;
use shop_types::{OrderId, Sku};
use watertight::Deadline;
use watertight_store::StoreError;

use crate::model::{Line, ReserveRefusal, Reserved, Stock};

pub use import::{
    Comparison, ImportBatch, ImportIdReused, ImportPlace, ImportRow, Imported, RowsDigest,
};
pub use sqlite::SqliteStock;

/// The future of a durable step.
pub type Step<'a, T> = BoxFuture<'a, Result<T, StoreError>>;

/// A step that changed stock, with the SKUs that it touched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Changed<T> {
    /// What the step answers.
    pub answer: T,
    /// SKUs whose stock is another now; empty if nothing changed.
    pub skus: Vec<Sku>,
}

impl<T> Changed<T> {
    /// An answer that changed nothing.
    pub fn nothing(answer: T) -> Self {
        Self {
            answer,
            skus: Vec::new(),
        }
    }
}

/// The commit of an order has nothing to sell: its reservation is gone and
/// so is the stock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReservationLost;

/// Lines to hold for an order.
#[derive(Clone, Debug)]
pub struct Reserve {
    /// The order.
    pub order: OrderId,
    /// Its lines, no SKU twice.
    pub lines: Vec<Line>,
    /// How long they are held, in milliseconds.
    pub ttl_ms: i64,
}

/// Goods that came in.
#[derive(Clone, Debug)]
pub struct Receipt {
    /// Names the receipt; the same one changes nothing.
    pub id: String,
    /// Stock keeping unit.
    pub sku: Sku,
    /// Pieces.
    pub quantity: i64,
}

/// Why a receipt was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReceiptRefusal {
    /// No such SKU.
    UnknownSku,
    /// More than [`crate::model::RECEIVED_MAX`] would have come in.
    TooMany,
    /// The receipt id belongs to another receipt.
    OtherReceipt,
}

/// Durable steps of inventory, and the reads beside them.
///
/// Each step is atomic, durable when it answers, and idempotent by the id it
/// carries; its future may be dropped at any time, after which the step is
/// done wholly or not at all.
pub trait StockStore: Send + Sync + 'static {
    /// Holds all lines or none.
    fn reserve(
        &self,
        by: Deadline,
        cmd: Reserve,
    ) -> Step<'_, Changed<Result<Reserved, ReserveRefusal>>>;

    /// Sells what the order holds.
    fn commit(
        &self,
        by: Deadline,
        order: OrderId,
    ) -> Step<'_, Changed<Result<(), ReservationLost>>>;

    /// Gives back what the order holds or bought, or closes an unseen order.
    fn release(&self, by: Deadline, order: OrderId) -> Step<'_, Changed<()>>;

    /// Adds goods.
    fn receive(
        &self,
        by: Deadline,
        receipt: Receipt,
    ) -> Step<'_, Changed<Result<Stock, ReceiptRefusal>>>;

    /// Adds or changes catalogue rows, if the import id doesn't stand for others
    /// ([`ImportBatch::compare`]).
    fn import(
        &self,
        by: Deadline,
        batch: ImportBatch,
    ) -> Step<'_, Changed<Result<Imported, ImportIdReused>>>;

    /// Gives back what at most `rows_max` reservations hold that have run out;
    /// answers how many there were. One whose row is bad is counted, logged,
    /// and put off; the others go on.
    fn expire(&self, by: Deadline, rows_max: u32) -> Step<'_, Changed<u32>>;

    /// Forgets at most `rows_max` finished reservations, receipts and imports
    /// last changed more than `age_ms` ago; answers how many.
    fn forget(&self, by: Deadline, age_ms: i64, rows_max: u32) -> Step<'_, u32>;

    /// The stock of one SKU.
    fn stock(&self, by: Deadline, sku: Sku) -> Step<'_, Option<Stock>>;

    /// The stock of at most `rows_max` SKUs after `after`, by SKU.
    fn list(&self, by: Deadline, after: Option<Sku>, rows_max: u32) -> Step<'_, Vec<Stock>>;
}
