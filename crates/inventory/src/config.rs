//! The flags of the service; the chassis' own come beside them.

use std::{path::PathBuf, time::Duration};

use watertight::CrashArgs;

use crate::service::Limits;

/// Settings of inventory.
#[derive(Clone, Debug, clap::Args)]
pub struct Cfg {
    /// Directory of the database; one process at a time.
    #[arg(long, env = "INVENTORY_DATA", value_name = "DIR")]
    pub data: PathBuf,

    /// How long a reservation holds stock, in milliseconds, 1 s to 1 day.
    #[arg(
        long, env = "INVENTORY_RESERVATION_TTL_MS", default_value_t = 600_000,
        value_parser = clap::value_parser!(u64).range(1_000..=86_400_000)
    )]
    pub reservation_ttl_ms: u64,

    /// How long finished reservations, receipts and imports are remembered, in
    /// milliseconds; at least as long as orders can be cancelled. Default: 100
    /// days.
    #[arg(
        long, env = "INVENTORY_RETENTION_MS", default_value_t = 8_640_000_000,
        value_parser = clap::value_parser!(u64).range(60_000..=315_360_000_000)
    )]
    pub retention_ms: u64,

    #[command(flatten)]
    pub(crate) crash: CrashArgs,
}

impl Cfg {
    pub(crate) fn limits(&self) -> Limits {
        Limits {
            reservation_ttl: Duration::from_millis(self.reservation_ttl_ms),
            retention: Duration::from_millis(self.retention_ms),
            ..Limits::default()
        }
    }
}
