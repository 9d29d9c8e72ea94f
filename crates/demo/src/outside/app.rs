//! The load as a service: settings, admin port, one job that sells.

use std::{
    ffi::OsString,
    process::ExitCode,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use watertight::{App, BoxError};
use watertight_core::{Scope, race};

use super::{alerts, config::Cfg, period::period, series::Series};
use crate::{
    load::OpenLoop,
    rest::rest,
    run::{CALL_MAX, CONNECTIONS, HTTP_SHARE, IN_FLIGHT_MAX, seed},
    shop::Shop,
};

/// Between two tries to find the shop.
const RETRY: Duration = Duration::from_secs(1);

/// Arguments of `demo load`: settings, as all services have them.
#[derive(Debug, clap::Args)]
#[command(disable_help_flag = true)]
pub(crate) struct LoadArgs {
    /// Settings, such as --orders http://127.0.0.1:7400; --help lists them
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    args: Vec<OsString>,
}

/// Runs until a signal ends it.
pub(crate) fn load(args: LoadArgs) -> ExitCode {
    let name = OsString::from("load");
    let args = std::iter::once(name).chain(args.args).collect();
    watertight::run_from("load", args, build)
}

async fn build(mut app: App) -> Result<App, BoxError> {
    let cfg: Cfg = app.config()?;
    let scope = app.scope().child("load");
    let at = cfg.addresses();
    let shops = (0..CONNECTIONS)
        .map(|_| Shop::new(&scope, &at, CALL_MAX))
        .collect::<Result<Vec<_>, _>>()?;
    let selling = Arc::new(AtomicBool::new(false));
    let (ready, job) = (Arc::clone(&selling), scope.clone());
    drop(scope.spawn("periods", async move {
        periods(&job, &shops, &cfg, &selling).await;
    }));
    let ready = move || match ready.load(Ordering::Relaxed) {
        true => Ok(()),
        false => Err("the shop hasn't taken the catalogue yet".to_owned()),
    };
    Ok(app.http(alerts::router()).ready_when("selling", ready))
}

/// One period after the other until the service ends.
async fn periods(scope: &Scope, shops: &[Shop], cfg: &Cfg, selling: &AtomicBool) {
    let mut series = Series::new();
    while !scope.is_closed() {
        let load = OpenLoop {
            rps: f64::from(cfg.rps),
            http_share: HTTP_SHARE,
            orders_only: false,
            seed: seed(None),
            in_flight_max: IN_FLIGHT_MAX,
        };
        let ready = || selling.store(true, Ordering::Relaxed);
        let over = period(scope, shops, load, cfg.period, &mut series, &ready).await;
        if let Err(error) = over {
            tracing::warn!(error = error.to_string(), "not selling yet");
            race(rest(RETRY), scope.closing()).await;
        }
    }
}
