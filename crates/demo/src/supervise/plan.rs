//! How each service is started.

use std::{ffi::OsString, time::Duration};

use watertight::config::show_duration;

use super::{DataDir, Ports};
use crate::{services::Service, shop::Addresses};

/// Ten years: the checker compares all that ever happened in a data directory,
/// so nothing of it may be deleted meanwhile.
const KEEP: &str = "3650d";

/// What is under way when a service ends is done in far less.
const DRAIN: Duration = Duration::from_secs(5);

/// What differs between a demo, a check and a bench.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tuning {
    /// Faults of the provider, as the JSON of its `--faults`.
    pub(crate) provider_faults: Option<String>,
    /// How long a service may drain at shutdown.
    pub(crate) drain: Option<Duration>,
}

/// Ports, directories and flags of one shop.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) dir: DataDir,
    pub(crate) ports: Ports,
    pub(crate) tuning: Tuning,
}

impl Plan {
    /// Where a service serves HTTP and gRPC.
    pub(crate) fn url(&self, service: Service) -> String {
        url(self.ports.main(service))
    }

    /// Where all of them serve.
    pub(crate) fn addresses(&self) -> Addresses {
        Addresses {
            gateway: self.url(Service::Gateway),
            orders: self.url(Service::Orders),
            inventory: self.url(Service::Inventory),
            payments: self.url(Service::Payments),
            provider: self.url(Service::Provider),
        }
    }

    /// Where a service shows metrics and health.
    pub(crate) fn admin_url(&self, service: Service) -> String {
        url(self.ports.admin(service))
    }

    /// The provider's endpoints over one ledger.
    pub(crate) fn provider_urls(&self) -> [String; 3] {
        self.ports.provider().map(url)
    }

    /// The flags a service is started with.
    pub(crate) fn args(&self, service: Service) -> Vec<OsString> {
        let mut args = Args::default();
        if service.has_store() {
            args.flag("--data", self.dir.store(service));
        }
        args.flag("--listen", address(self.ports.main(service)));
        args.flag("--admin", address(self.ports.admin(service)));
        // Nobody balances load over these processes, so none needs a notice.
        args.flag("--unready", "0s");
        args.flag("--drain", show_duration(self.tuning.drain.unwrap_or(DRAIN)));
        if service.has_store() && service != Service::Provider {
            args.flag("--retention", KEEP);
        }
        match service {
            Service::Inventory => {}
            Service::Provider => {
                for port in &self.ports.provider()[1..] {
                    args.flag("--endpoint", address(*port));
                }
                if let Some(faults) = &self.tuning.provider_faults {
                    args.flag("--faults", faults);
                }
            }
            Service::Payments => {
                for url in self.provider_urls() {
                    args.flag("--provider", url);
                }
            }
            Service::Orders => {
                args.flag("--key-retention", KEEP);
                args.flag("--inventory", self.url(Service::Inventory));
                args.flag("--payments", self.url(Service::Payments));
            }
            Service::Gateway => {
                args.flag("--orders", self.url(Service::Orders));
                args.flag("--inventory", self.url(Service::Inventory));
            }
        }
        args.0
    }
}

#[derive(Default)]
struct Args(Vec<OsString>);

impl Args {
    fn flag(&mut self, name: &str, value: impl Into<OsString>) {
        self.0.extend([name.into(), value.into()]);
    }
}

fn address(port: u16) -> String {
    format!("127.0.0.1:{port}")
}

fn url(port: u16) -> String {
    format!("http://127.0.0.1:{port}")
}
