//! The settings of the service; the chassis' own come beside them.

use std::{path::PathBuf, time::Duration};

use watertight::CrashAt;

use crate::service::Limits;

watertight::settings! {
    /// Settings of inventory.
    [inventory]
    pub struct Cfg {
        /// Directory of the database; one process at a time.
        pub data: PathBuf = required()
            .wrong("an empty directory has no stock: every order is rejected")
            .metric("watertight_store_file_bytes"),
        /// How long a reservation holds stock.
        pub reservation_ttl: Duration = default("10m").range("1s", "1d")
            .breaks("stock is given back under orders that are still being paid", "stock of orders that nobody finishes is missing for longer")
            .metric("inventory_reservations_expired_total"),
        /// How long finished reservations, receipts and imports are remembered; at least as long as orders can be cancelled.
        pub retention: Duration = default("100d").range("1m", "3650d")
            .breaks("a late cancellation finds nothing to give back", "the database grows by every reservation of that time")
            .metric("watertight_store_file_bytes"),
        /// Die with SIGKILL when POINT is passed the Nth time.
        pub(crate) crash_at: Option<CrashAt> = optional().hidden(),
    }
}

impl Cfg {
    pub(crate) fn limits(&self) -> Limits {
        Limits {
            reservation_ttl: self.reservation_ttl,
            retention: self.retention,
            ..Limits::default()
        }
    }
}
