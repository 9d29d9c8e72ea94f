//! Backends, and short words for the cases.

use std::any::Any;
use std::sync::Arc;
use std::time::Duration;

use inventory::model::{CatalogRow, Line, ReserveRefusal, Reserved, Stock};
use inventory::store::{
    ImportBatch, ImportIdReused, ImportPlace, Imported, Reserve, SqliteStock, StockStore,
};
use shop_types::{Currency, Money, OrderId, Quantity, Sku};
use watertight::{Clock, Deadline};
use watertight_store::Options;

pub(crate) const TTL_MS: i64 = 60_000;
const START_MS: i64 = 1_760_000_000_000;

/// A fresh store whose time stands still unless it is moved.
pub(crate) struct Backend {
    pub(crate) store: Arc<dyn StockStore>,
    pub(crate) clock: Clock,
    /// Whatever must outlive the store, such as its directory.
    _keep: Box<dyn Any>,
}

pub(crate) fn sqlite() -> Backend {
    let dir = testkit::temp_dir();
    let clock = Clock::manual(START_MS);
    let options = Options {
        clock: Some(clock.clone()),
        ..Options::new(dir.path())
    };
    let store = SqliteStock::open_with(options).expect("store opens");
    Backend {
        store: Arc::new(store),
        clock,
        _keep: Box::new(dir),
    }
}

pub(crate) fn by() -> Deadline {
    Deadline::after(Duration::from_secs(60))
}

pub(crate) fn sku(text: &str) -> Sku {
    Sku::new(text).expect("a SKU")
}

pub(crate) fn order(n: u8) -> OrderId {
    OrderId::from_bytes([n; 16])
}

pub(crate) fn eur(minor: i64) -> Money {
    Money::new(minor, Currency::EUR)
}

pub(crate) fn line(text: &str, pieces: i64) -> Line {
    Line {
        sku: sku(text),
        quantity: Quantity::new(pieces).expect("a quantity"),
    }
}

pub(crate) fn row(text: &str, price: Money, quantity: i64) -> CatalogRow {
    CatalogRow {
        sku: sku(text),
        name: format!("name of {text}"),
        price,
        quantity,
    }
}

/// One message of an import, of good rows alone.
pub(crate) fn batch(id: &str, start: ImportPlace, rows: Vec<CatalogRow>) -> ImportBatch {
    let rows: Vec<_> = (start.rows + 1..).zip(rows).collect();
    let last_row = rows.last().map_or(start.rows, |(number, _)| *number);
    ImportBatch::new(id.to_owned(), start, rows, last_row)
}

impl Backend {
    /// An import of one message.
    pub(crate) async fn import(&self, id: &str, rows: Vec<CatalogRow>) -> Imported {
        let done = self.send(batch(id, ImportPlace::default(), rows)).await;
        done.expect("the same rows")
    }

    /// One message of an import.
    pub(crate) async fn send(&self, batch: ImportBatch) -> Result<Imported, ImportIdReused> {
        self.store.import(by(), batch).await.expect("import").answer
    }

    /// Stocks `quantity` pieces of `text` at 2.50 EUR.
    pub(crate) async fn stocked(&self, text: &str, quantity: i64) {
        let id = format!("stock {text}");
        let done = self.import(&id, vec![row(text, eur(250), quantity)]).await;
        assert_eq!(done.taken, 1);
    }

    pub(crate) async fn reserve(&self, n: u8, lines: &[Line]) -> Result<Reserved, ReserveRefusal> {
        let cmd = Reserve {
            order: order(n),
            lines: lines.to_vec(),
            ttl_ms: TTL_MS,
        };
        self.store.reserve(by(), cmd).await.expect("reserve").answer
    }

    pub(crate) async fn commit(&self, n: u8) -> bool {
        self.store
            .commit(by(), order(n))
            .await
            .expect("commit")
            .answer
            .is_ok()
    }

    pub(crate) async fn release(&self, n: u8) {
        self.store.release(by(), order(n)).await.expect("release");
    }

    pub(crate) async fn expire(&self, rows_max: u32) -> u32 {
        self.store
            .expire(by(), rows_max)
            .await
            .expect("expire")
            .answer
    }

    pub(crate) fn pass(&self, ms: i64) {
        self.clock.advance(Duration::from_millis(ms.unsigned_abs()));
    }

    pub(crate) async fn stock(&self, text: &str) -> Stock {
        let stock = self.store.stock(by(), sku(text)).await.expect("stock");
        stock.expect("a known SKU")
    }

    /// available, reserved, sold.
    pub(crate) async fn pieces(&self, text: &str) -> (i64, i64, i64) {
        let pieces = self.stock(text).await.pieces;
        (pieces.available, pieces.reserved, pieces.sold)
    }
}

/// Nothing is negative anywhere.
pub(crate) async fn assert_balanced(backend: &Backend) {
    for stock in backend.store.list(by(), None, 1_000).await.expect("list") {
        let pieces = stock.pieces;
        assert!(
            pieces.available >= 0 && pieces.reserved >= 0 && pieces.sold >= 0,
            "{stock:?}"
        );
        assert_eq!(
            pieces.received(),
            pieces.available + pieces.reserved + pieces.sold
        );
    }
}
