//! The flags of the service.

use std::{path::PathBuf, time::Duration};

use crate::service::{Limits, SweeperSettings};

/// The shortest wait before a payment in doubt is checked.
const CHECK_WAIT_MIN: Duration = Duration::from_millis(100);

/// Settings of payments; the chassis' own flags come beside them.
#[derive(Clone, Debug, clap::Args)]
pub struct Cfg {
    /// Directory of the database; one process at a time.
    #[arg(long, env = "PAYMENTS_DATA", value_name = "DIR")]
    pub data: PathBuf,

    /// An endpoint of the provider, http://HOST:PORT. May be given several
    /// times; calls go to them in turn.
    #[arg(
        long = "provider",
        env = "PAYMENTS_PROVIDER",
        value_name = "URL",
        required = true,
        value_delimiter = ','
    )]
    pub providers: Vec<String>,

    /// Time for one call to the provider, all attempts together.
    #[arg(long, env = "PAYMENTS_PROVIDER_TIME_MS_MAX", value_name = "MS", default_value_t = 1_500,
          value_parser = clap::value_parser!(u64).range(10..=60_000))]
    pub provider_time_ms_max: u64,

    /// Calls that may be in flight; one more is refused. A few times what the
    /// provider does side by side: more would only wait for their deadlines.
    #[arg(long, env = "PAYMENTS_IN_FLIGHT_MAX", value_name = "N", default_value_t = 512,
          value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub in_flight_max: u32,

    /// How often standing intents are looked for.
    #[arg(long, env = "PAYMENTS_SWEEP_MS", value_name = "MS", default_value_t = 1_000,
          value_parser = clap::value_parser!(u64).range(10..=3_600_000))]
    pub sweep_ms: u64,

    /// An intent younger than this is left to its caller.
    #[arg(
        long,
        env = "PAYMENTS_INTENT_AGE_MS_MIN",
        value_name = "MS",
        default_value_t = 3_000
    )]
    pub intent_age_ms_min: u64,

    /// How long finished payments and journal entries are kept; longer than
    /// orders can be cancelled, because what is deleted can't be refunded here.
    /// 60 s to 10 years; default: 100 days.
    #[arg(long, env = "PAYMENTS_RETENTION_MS", value_name = "MS", default_value_t = 100 * 24 * 3_600_000,
          value_parser = clap::value_parser!(u64).range(60_000..=315_360_000_000))]
    pub retention_ms: u64,

    /// What tests set.
    #[command(flatten)]
    pub crash: watertight::CrashArgs,
}

impl Cfg {
    /// The service's bounds.
    #[must_use]
    pub fn limits(&self) -> Limits {
        Limits {
            provider_time_max: Duration::from_millis(self.provider_time_ms_max),
            in_flight_max: self.in_flight_max as usize,
            // As with intents: what is young is left to its caller.
            check_wait_min: Duration::from_millis(self.intent_age_ms_min).max(CHECK_WAIT_MIN),
        }
    }

    /// The sweeper's bounds.
    #[must_use]
    pub fn sweeper(&self) -> SweeperSettings {
        SweeperSettings {
            age_min: Duration::from_millis(self.intent_age_ms_min),
            retention: Duration::from_millis(self.retention_ms),
            ..SweeperSettings::default()
        }
    }
}
