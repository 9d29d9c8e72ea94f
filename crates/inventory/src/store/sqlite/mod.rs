//! [`StockStore`] on SQLite.

mod expire;
mod import;
mod receive;
mod reservation;
mod retention;
mod rows;

use std::path::Path;

use shop_types::{OrderId, Sku};
use watertight::{Deadline, Faults};
use watertight_store::{Migration, OpenError, Options, Store};

use super::{
    Changed, ImportBatch, ImportIdReused, Imported, Receipt, ReceiptRefusal, ReservationLost,
    Reserve, Step, StockStore,
};
use crate::model::{ReserveRefusal, Reserved, Stock};

const MIGRATIONS: &[Migration] = &[Migration {
    version: 1,
    name: "stock",
    sql: include_str!("0001_stock.sql"),
}];

/// Stock in an SQLite database of this process; cheap to clone.
#[derive(Clone, Debug)]
pub struct SqliteStock {
    store: Store,
    faults: Faults,
}

impl SqliteStock {
    /// Opens `dir/inventory.db`.
    ///
    /// # Errors
    ///
    /// [`OpenError`] says what is wrong with the directory or the database.
    pub fn open(dir: &Path, faults: Faults) -> Result<Self, OpenError> {
        let options = Options {
            faults: faults.clone(),
            ..Options::new(dir)
        };
        Self::open_with(options)
    }

    /// Opens a store with settings of its own, for tests and for tuning.
    ///
    /// # Errors
    ///
    /// As [`SqliteStock::open`].
    pub fn open_with(options: Options) -> Result<Self, OpenError> {
        let faults = options.faults.clone();
        Ok(Self {
            store: Store::open("inventory", options, MIGRATIONS)?,
            faults,
        })
    }

    /// Whether the store can keep what it is given.
    ///
    /// # Errors
    ///
    /// The reason why not.
    pub fn health(&self) -> Result<(), String> {
        self.store.health()
    }

    /// Finishes what is queued and unlocks the directory.
    ///
    /// # Cancel safety
    ///
    /// As [`Store::close`].
    pub async fn close(&self) {
        self.store.close().await;
    }
}

impl StockStore for SqliteStock {
    fn reserve(
        &self,
        by: Deadline,
        cmd: Reserve,
    ) -> Step<'_, Changed<Result<Reserved, ReserveRefusal>>> {
        Box::pin(async move {
            let done = self.store.write(by, reservation::Hold(cmd)).await;
            self.faults.point("inventory.reserved");
            done
        })
    }

    fn commit(
        &self,
        by: Deadline,
        order: OrderId,
    ) -> Step<'_, Changed<Result<(), ReservationLost>>> {
        Box::pin(async move {
            let done = self.store.write(by, reservation::Sell(order)).await;
            self.faults.point("inventory.committed");
            done
        })
    }

    fn release(&self, by: Deadline, order: OrderId) -> Step<'_, Changed<()>> {
        Box::pin(self.store.write(by, reservation::GiveBack(order)))
    }

    fn receive(
        &self,
        by: Deadline,
        receipt: Receipt,
    ) -> Step<'_, Changed<Result<Stock, ReceiptRefusal>>> {
        Box::pin(self.store.write(by, receive::Receive(receipt)))
    }

    fn import(
        &self,
        by: Deadline,
        batch: ImportBatch,
    ) -> Step<'_, Changed<Result<Imported, ImportIdReused>>> {
        Box::pin(self.store.write(by, import::Import(batch)))
    }

    fn expire(&self, by: Deadline, rows_max: u32) -> Step<'_, Changed<u32>> {
        Box::pin(self.store.write(by, expire::Expire { rows_max }))
    }

    fn forget(&self, by: Deadline, age_ms: i64, rows_max: u32) -> Step<'_, u32> {
        Box::pin(self.store.write(by, retention::Forget { age_ms, rows_max }))
    }

    fn stock(&self, by: Deadline, sku: Sku) -> Step<'_, Option<Stock>> {
        Box::pin(self.store.read(by, move |db| rows::stock(db, &sku)))
    }

    fn list(&self, by: Deadline, after: Option<Sku>, rows_max: u32) -> Step<'_, Vec<Stock>> {
        Box::pin(self.store.read(by, move |db| {
            rows::stock_after(db, after.as_ref(), rows_max)
        }))
    }
}
