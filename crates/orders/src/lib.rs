//! Orders: takes what customers ask for and carries each order to an end.
//!
//! An acknowledged order is durable and reaches an end state; one idempotency
//! key is one order; money is taken at most once, and whatever is held when an
//! order doesn't come about is given back. [`service::Saga`] says how.
//!
//! `api` translates between gRPC and the shop's words, [`service`] has the rules,
//! [`store`] makes each step durable, [`clients`] speak to inventory and payments,
//! [`audit`] writes a line for each order at its end.
//!
//! What is not there: no transaction over services, no state of an order that
//! isn't in the store, no saga that belongs to a request, no second job for one
//! order under a valid lease.

use std::{ffi::OsString, process::ExitCode, sync::Arc, time::Duration};

use shop_proto::orders::orders_service_server::OrdersServiceServer;
use watertight::config::Live;
use watertight::{App, BoxError, ConfigError, CrashAt, GrpcChannel, Scope};
use watertight_store::Options;

pub mod api;
pub mod audit;
pub mod clients;
mod config;
pub mod model;
pub mod series;
pub mod service;
pub mod store;

pub use config::Cfg;

use audit::Audit;
use clients::{InventoryClient, PaymentsClient};
use service::{Orders, Parts};
use store::{OrderStore, SqliteOrders};

/// Between two looks for orders that nobody works on.
const TEND_PERIOD: Duration = Duration::from_secs(1);
/// Between two deletions of what is old.
const DELETE_PERIOD: Duration = Duration::from_secs(10);

/// To each of the other services: with 256 streams each, 1,024 calls, so that
/// what [`service::Settings::calls_max`] lets through hardly waits for a stream.
const CONNECTIONS: usize = 4;

/// Runs the service until a signal ends it; `args[0]` is the program's name.
#[must_use]
pub fn run(args: Vec<OsString>) -> ExitCode {
    watertight::run_from("orders", args, build)
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
    let live = app.live::<Cfg>()?;
    let cfg = live.load();
    let faults = CrashAt::faults(cfg.crash_at.as_ref());
    let options = Options {
        faults: faults.clone(),
        ..Options::new(&cfg.data)
    };
    let store: Arc<dyn OrderStore> = Arc::new(SqliteOrders::open(options)?);
    let closing = Arc::clone(&store);
    let audit = Audit::to(&cfg.data, app.scope(), cfg.audit());
    let orders = Orders::new(Parts {
        store,
        stock: Arc::new(InventoryClient::new(channel(
            "inventory",
            cfg.inventory.as_str(),
        )?)),
        till: Arc::new(PaymentsClient::new(channel(
            "payments",
            cfg.payments.as_str(),
        )?)),
        scope: app.scope().clone(),
        settings: cfg.settings(),
        audit,
        faults,
    });
    follow(&live, app.scope(), orders.clone());
    Ok(serve(app, orders).on_shutdown("store", move || async move { closing.close().await }))
}

/// A channel wide enough for [`service::Settings::calls_max`] calls at once. Its
/// tasks end with the last of its clients.
fn channel(name: &'static str, url: &str) -> Result<GrpcChannel, ConfigError> {
    GrpcChannel::builder(name, url)
        .connections(CONNECTIONS)
        .connect_lazy()
}

/// Has the service take over new bounds until the scope ends.
fn follow(live: &Live<Cfg>, scope: &Scope, orders: Orders) {
    let mut changes = live.watch();
    scope.spawn_idle("bounds", async move {
        loop {
            orders.set_bounds(changes.changed().await.bounds());
        }
    });
}

/// What is served, and what runs beside it.
fn serve(app: App, orders: Orders) -> App {
    let (health, tended, cleaned) = (orders.clone(), orders.clone(), orders.clone());
    let server = OrdersServiceServer::new(api::Grpc::new(orders))
        .max_decoding_message_size(shop_proto::MESSAGE_BYTES_MAX);
    app.grpc(server)
        .reflection(shop_proto::FILE_DESCRIPTOR_SET)
        .ready_when("store", move || health.health())
        .every("tend", TEND_PERIOD, move |_scope| {
            let orders = tended.clone();
            async move { orders.tend().await }
        })
        .every("delete_old", DELETE_PERIOD, move |_scope| {
            let orders = cleaned.clone();
            async move { orders.clean().await }
        })
}
