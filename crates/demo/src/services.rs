//! The processes of the shop, and the one place that names their entry points.

use std::{ffi::OsString, process::ExitCode};

/// A process of the shop.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, clap::ValueEnum)]
pub(crate) enum Service {
    /// The stub of an external payment provider.
    Provider,
    /// Holds, takes and returns money at the provider.
    Payments,
    /// The catalogue and the stock.
    Inventory,
    /// The orders and their sagas.
    Orders,
    /// All of it over HTTP.
    Gateway,
}

impl Service {
    /// All of them; each knows only those before it.
    pub(crate) const ALL: [Self; 5] = [
        Self::Provider,
        Self::Payments,
        Self::Inventory,
        Self::Orders,
        Self::Gateway,
    ];

    /// Its name on the command line, in files and in metrics.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Provider => "provider",
            Self::Payments => "payments",
            Self::Inventory => "inventory",
            Self::Orders => "orders",
            Self::Gateway => "gateway",
        }
    }

    /// Its place in [`Service::ALL`].
    pub(crate) const fn index(self) -> usize {
        self as usize
    }

    /// Whether it speaks gRPC beside HTTP.
    pub(crate) const fn speaks_grpc(self) -> bool {
        !matches!(self, Self::Provider | Self::Gateway)
    }

    /// Whether it keeps anything on the disk.
    pub(crate) const fn has_store(self) -> bool {
        !matches!(self, Self::Gateway)
    }

    /// Runs it in this process until a signal ends it.
    pub(crate) fn run(self, args: Vec<OsString>) -> ExitCode {
        match self {
            Self::Provider => provider::run(args),
            Self::Payments => payments::run(args),
            Self::Inventory => inventory::run(args),
            Self::Orders => orders::run(args),
            Self::Gateway => gateway::run(args),
        }
    }
}

/// Points at which a service can be told to kill itself, between two steps that
/// must not come apart.
pub(crate) const CRASH_POINTS: [&str; 21] = [
    "orders.recorded",
    "orders.reserve.replied",
    "orders.reserved",
    "orders.authorize.replied",
    "orders.authorized",
    "orders.capture.replied",
    "orders.captured",
    "orders.commit.replied",
    "orders.confirmed",
    "orders.refund.replied",
    "orders.release.replied",
    "payments.authorize.intent",
    "payments.authorize.replied",
    "payments.capture.intent",
    "payments.capture.replied",
    "payments.refund.intent",
    "payments.refund.replied",
    "inventory.reserved",
    "inventory.committed",
    "provider.authorized",
    "provider.captured",
];

/// The service that a crash point belongs to: the word before the first dot.
pub(crate) fn service_of(point: &str) -> Option<Service> {
    let name = point.split('.').next()?;
    Service::ALL
        .into_iter()
        .find(|service| service.name() == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_point_belongs_to_a_service() {
        for point in CRASH_POINTS {
            assert!(service_of(point).is_some(), "{point}");
        }
        assert_eq!(service_of("clearing.x"), None);
        for (i, service) in Service::ALL.into_iter().enumerate() {
            assert_eq!(service.index(), i);
        }
    }
}
