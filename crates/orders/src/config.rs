//! The flags of the service; the chassis' own come beside them.

use std::{path::PathBuf, time::Duration};

use clap::error::ErrorKind;
use clap::value_parser;
use watertight::{ConfigError, CrashArgs};

use crate::service::Settings;

/// Milliseconds of a day.
const DAY_MS: u64 = 86_400_000;

/// Settings of orders.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Orders")]
pub struct Cfg {
    /// Directory of the database; one process at a time.
    #[arg(long, env = "ORDERS_DATA", value_name = "DIR")]
    pub data: PathBuf,

    /// Where inventory listens, as `http://HOST:PORT`.
    #[arg(long, env = "ORDERS_INVENTORY", value_name = "URL")]
    pub inventory: String,

    /// Where payments listens, as `http://HOST:PORT`.
    #[arg(long, env = "ORDERS_PAYMENTS", value_name = "URL")]
    pub payments: String,

    /// Sagas that run at once; one more is refused before it is recorded.
    #[arg(long, env = "ORDERS_JOBS_MAX", default_value_t = 4_096, value_parser = value_parser!(u32).range(1..=1_000_000))]
    pub jobs_max: u32,

    /// Watch streams at once; one more is refused.
    #[arg(long, env = "ORDERS_WATCHERS_MAX", default_value_t = 1_024, value_parser = value_parser!(u32).range(0..=1_000_000))]
    pub watchers_max: u32,

    /// How long one job tries before the sweeper begins the next, in milliseconds.
    #[arg(long, env = "ORDERS_SAGA_TRY_MS", default_value_t = 10_000, value_parser = value_parser!(u64).range(100..=600_000))]
    pub saga_try_ms: u64,

    /// How long after its record an order may still go forward, in milliseconds;
    /// if it isn't paid by then it turns back.
    #[arg(long, env = "ORDERS_SAGA_FORWARD_MAX_MS", default_value_t = 120_000, value_parser = value_parser!(u64).range(1_000..=DAY_MS))]
    pub saga_forward_max_ms: u64,

    /// Deadline of one call to inventory, in milliseconds.
    #[arg(long, env = "ORDERS_INVENTORY_CALL_MS", default_value_t = 800, value_parser = value_parser!(u64).range(10..=60_000))]
    pub inventory_call_ms: u64,

    /// Deadline of one call to payments, in milliseconds.
    #[arg(long, env = "ORDERS_PAYMENTS_CALL_MS", default_value_t = 1_500, value_parser = value_parser!(u64).range(10..=60_000))]
    pub payments_call_ms: u64,

    /// How long idempotency keys are kept, in milliseconds; at least as long as
    /// an order may go forward. Default: 7 days.
    #[arg(long, env = "ORDERS_KEY_RETENTION_MS", default_value_t = 7 * DAY_MS, value_parser = value_parser!(u64).range(60_000..=3_650 * DAY_MS))]
    pub key_retention_ms: u64,

    /// How long finished orders are kept before they are deleted, in
    /// milliseconds; at least as long as keys. Default: 90 days.
    #[arg(long, env = "ORDERS_RETENTION_MS", default_value_t = 90 * DAY_MS, value_parser = value_parser!(u64).range(60_000..=3_650 * DAY_MS))]
    pub retention_ms: u64,

    #[command(flatten)]
    pub(crate) crash: CrashArgs,
}

impl Cfg {
    /// What no single flag can tell by itself.
    ///
    /// # Errors
    ///
    /// A bad command line, with both flags in its text.
    pub(crate) fn check(&self) -> Result<(), ConfigError> {
        for (longer, long_ms, shorter, short_ms) in [
            (
                "--key-retention-ms",
                self.key_retention_ms,
                "--saga-forward-max-ms",
                self.saga_forward_max_ms,
            ),
            (
                "--retention-ms",
                self.retention_ms,
                "--key-retention-ms",
                self.key_retention_ms,
            ),
        ] {
            if long_ms < short_ms {
                let why =
                    format!("{longer} {long_ms} must not be less than {shorter} {short_ms}\n");
                return Err(clap::Error::raw(ErrorKind::ValueValidation, why).into());
            }
        }
        Ok(())
    }

    pub(crate) fn settings(&self) -> Settings {
        let count = |n: u32| usize::try_from(n).unwrap_or(usize::MAX);
        Settings {
            jobs_max: count(self.jobs_max),
            watchers_max: count(self.watchers_max),
            try_max: Duration::from_millis(self.saga_try_ms),
            forward_max: Duration::from_millis(self.saga_forward_max_ms),
            stock_call_max: Duration::from_millis(self.inventory_call_ms),
            till_call_max: Duration::from_millis(self.payments_call_ms),
            keys_for: Duration::from_millis(self.key_retention_ms),
            orders_for: Duration::from_millis(self.retention_ms),
            ..Settings::default()
        }
    }
}
