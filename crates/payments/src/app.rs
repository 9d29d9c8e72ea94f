//! The service on the chassis.

use std::{ffi::OsString, process::ExitCode, sync::Arc, time::Duration};

use shop_proto::{
    FILE_DESCRIPTOR_SET, MESSAGE_BYTES_MAX,
    payments::payments_service_server::PaymentsServiceServer,
};
use watertight::{App, BoxError, CrashAt};

use crate::{
    api::Grpc,
    clients::HttpProvider,
    config::Cfg,
    service::{Failure, Payments, Resumed, Sweeper},
    store::{PaymentStore, SqliteStore},
};

/// How often old rows are deleted. A run goes on for as long as this while there
/// is more to delete, see [`Sweeper::prune`].
const PRUNE_PERIOD: Duration = Duration::from_secs(10);

/// Runs the service until a signal ends it; `args[0]` is the program's name.
#[must_use]
pub fn run(args: Vec<OsString>) -> ExitCode {
    watertight::run_from("payments", args, build)
}

/// Puts the service on the chassis.
///
/// # Errors
///
/// Bad flags, or a store that can't be opened.
///
/// # Cancel safety
///
/// Safe: dropping it closes the store again.
pub async fn build(mut app: App) -> Result<App, BoxError> {
    let cfg: Cfg = app.config()?;
    let faults = CrashAt::faults(cfg.crash_at.as_ref());
    let store: Arc<dyn PaymentStore> = Arc::new(SqliteStore::open(&cfg.data, faults.clone())?);
    let urls: Vec<_> = cfg.provider.iter().map(ToString::to_string).collect();
    let provider = HttpProvider::new(app.http_client("provider"), &urls)?;
    let payments = Payments::new(Arc::clone(&store), Arc::new(provider), cfg.limits(), faults);
    let sweeper = Arc::new(Sweeper::new(payments.clone(), cfg.sweeper()));
    let service = PaymentsServiceServer::new(Grpc::new(payments))
        .max_decoding_message_size(MESSAGE_BYTES_MAX);
    let health = Arc::clone(&store);
    let app = app
        .grpc(service)
        .reflection(FILE_DESCRIPTOR_SET)
        .ready_when("store", move || health.health())
        .on_shutdown("store", move || async move { store.close().await });
    Ok(with_jobs(app, &sweeper, cfg.sweep))
}

fn with_jobs(app: App, sweeper: &Arc<Sweeper>, period: Duration) -> App {
    let (resuming, checking) = (Arc::clone(sweeper), Arc::clone(sweeper));
    let pruning = Arc::clone(sweeper);
    app.every("resume intents", period, move |_scope| {
        let sweeper = Arc::clone(&resuming);
        async move {
            tell(sweeper.resume_standing().await, "standing intents");
        }
    })
    .every("check payments", period, move |_scope| {
        let sweeper = Arc::clone(&checking);
        async move {
            tell(sweeper.check_doubted().await, "doubted payments");
        }
    })
    .every("prune", PRUNE_PERIOD, move |_scope| {
        let sweeper = Arc::clone(&pruning);
        async move {
            match sweeper.prune().await {
                Err(failure) if !failure.is_logged_by_store() => {
                    tracing::warn!(%failure, "old payments can't be deleted");
                }
                Ok(_) | Err(_) => {}
            }
        }
    })
}

/// Says what a sweep came to, if that is news.
fn tell(swept: Result<Resumed, Failure>, what: &'static str) {
    match swept {
        Ok(Resumed { seen: 0, .. }) => {}
        Ok(Resumed { seen, settled }) => tracing::info!(what, seen, settled, "swept"),
        Err(failure) if failure.is_logged_by_store() => {}
        Err(failure) => tracing::warn!(what, %failure, "sweep failed"),
    }
}
