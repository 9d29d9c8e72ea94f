//! The settings of the load; the chassis' own come beside them.

use std::time::Duration;

use watertight::config::Url;

use crate::shop::Addresses;

watertight::settings! {
    /// Settings of `demo load`, the customers of a shop that runs elsewhere.
    [load]
    pub(crate) struct Cfg {
        /// Where the gateway listens.
        pub(crate) gateway: Url = required()
            .wrong("calls over HTTP fail")
            .metric("load_errors_total"),
        /// Where orders listens.
        pub(crate) orders: Url = required()
            .wrong("calls over gRPC fail")
            .metric("load_errors_total"),
        /// Where inventory listens.
        pub(crate) inventory: Url = required()
            .wrong("nothing comes in to be sold, and no shelf is checked")
            .metric("load_checks_total"),
        /// Where payments listens.
        pub(crate) payments: Url = required()
            .wrong("payments can't be listed")
            .metric("load_errors_total"),
        /// Where the payment provider listens.
        pub(crate) provider: Url = required()
            .wrong("nobody compares what customers were charged")
            .metric("load_checks_total"),
        /// Orders a second; six times as many other calls come beside them.
        pub(crate) rps: u32 = default("20").range("1", "5000")
            .breaks("dashboards show little", "the shop is at its limit, or beyond it")
            .metric("load_orders_total"),
        /// How long the checker remembers orders before it settles what is open and begins anew.
        pub(crate) period: Duration = default("30m").range("5s", "1d")
            .breaks("the load pauses often", "the checker's memory grows with the orders of that time, 44 bytes each")
            .metric("load_periods_total, process_resident_memory_bytes"),
    }
}

impl Cfg {
    /// Where the shop is.
    pub(super) fn addresses(&self) -> Addresses {
        let text = |url: &Url| url.as_str().to_owned();
        Addresses {
            gateway: text(&self.gateway),
            orders: text(&self.orders),
            inventory: text(&self.inventory),
            payments: text(&self.payments),
            provider: text(&self.provider),
        }
    }
}
