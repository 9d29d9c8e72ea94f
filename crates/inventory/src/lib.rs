//! Inventory: the catalogue, the stock, and who has reserved how much of it.
//!
//! `available + reserved + sold = received` holds for every SKU at every time,
//! and nothing is ever negative: the rules see to it ([`model`]), and the
//! database refuses a row that breaks it.
//!
//! `api` translates between gRPC and the shop's words, [`service`] has the
//! rules, [`store`] makes each step durable.

use std::{ffi::OsString, process::ExitCode, sync::Arc, time::Duration};

use shop_proto::inventory::inventory_service_server::InventoryServiceServer;
use watertight::{App, BoxError, CrashAt};

mod api;
mod config;
pub mod model;
pub mod series;
pub mod service;
pub mod store;

pub use config::Cfg;

use service::Inventory;
use store::SqliteStock;

/// Time between two runs of the sweeper.
const SWEEP_PERIOD: Duration = Duration::from_secs(1);

/// Runs the service until a signal ends it; `args[0]` is the program's name.
#[must_use]
pub fn run(args: Vec<OsString>) -> ExitCode {
    watertight::run_from("inventory", args, build)
}

/// Puts the service together on `app`; also for tests, which start it in-process.
///
/// # Errors
///
/// A bad command line, or a store that doesn't open.
///
/// # Cancel safety
///
/// Nothing is served yet; a store that was opened is closed again.
pub async fn build(mut app: App) -> Result<App, BoxError> {
    let cfg: Cfg = app.config()?;
    let store = SqliteStock::open(&cfg.data, CrashAt::faults(cfg.crash_at.as_ref()))?;
    let (health, closing) = (store.clone(), store.clone());
    let inventory = Inventory::new(Arc::new(store), cfg.limits());
    let sweeper = inventory.clone();
    let server = InventoryServiceServer::new(api::Grpc::new(inventory))
        .max_decoding_message_size(shop_proto::MESSAGE_BYTES_MAX);
    Ok(app
        .grpc(server)
        .reflection(shop_proto::FILE_DESCRIPTOR_SET)
        .ready_when("store", move || health.health())
        .every("sweep", SWEEP_PERIOD, move |_scope| {
            let sweeper = sweeper.clone();
            async move { sweeper.sweep().await }
        })
        .on_shutdown("store", move || async move { closing.close().await }))
}
