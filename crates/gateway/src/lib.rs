//! The shop over HTTP and JSON.
//!
//! `api` has the routes, the JSON and the document that describes them,
//! [`clients`] speak gRPC to orders and inventory, [`service`] has the decisions
//! that need neither.
//!
//! What is not there: no state that outlives a request, no business rule, no
//! body that is held whole (an import is read line by line), no word of what
//! went wrong behind it beyond what a caller can act on.
//!
//! # Metrics
//!
//! `gateway_event_streams`, `gateway_import_rows_total{outcome}`,
//! `gateway_import_retries_total`; requests are counted and timed by the chassis.

use std::{ffi::OsString, process::ExitCode};

use watertight::{App, BoxError, RouteTimeouts};

mod api;
pub mod clients;
mod config;
pub mod series;
pub mod service;

pub use config::{Cfg, Origin};

use clients::{Inventory, Orders};

/// Runs the service until a signal ends it; `args[0]` is the program's name.
#[must_use]
pub fn run(args: Vec<OsString>) -> ExitCode {
    watertight::run_from("gateway", args, build)
}

/// Puts the service together on `app`; also for tests, which start it in-process.
///
/// # Errors
///
/// A bad command line.
///
/// # Cancel safety
///
/// Nothing is served yet.
pub async fn build(mut app: App) -> Result<App, BoxError> {
    let settings = app.live::<Cfg>()?;
    let cfg = settings.load();
    let gateway = api::Gateway::new(api::Parts {
        orders: Orders::connect(cfg.orders.as_str())?,
        inventory: Inventory::connect(cfg.inventory.as_str())?,
        scope: app.scope().child("watch"),
        readiness: app.readiness().clone(),
        settings,
    });
    let import = RouteTimeouts {
        default: cfg.import_timeout,
        max: cfg.import_timeout,
    };
    Ok(app
        .http(api::router(gateway, &cfg.cors_origin))
        .route_timeouts(api::IMPORT_PATH, import))
}

/// The OpenAPI document as `/openapi.json` serves it.
#[must_use]
pub fn openapi_json() -> String {
    api::openapi_json()
}
