//! Where the shop listens.

use std::net::{Ipv4Addr, SocketAddrV4, TcpListener};

use rand::RngExt;

use crate::services::Service;

/// How many ports a shop needs.
pub(crate) const PORTS: usize = 12;

/// Free ports are looked for here: above the well-known ones and below those
/// that systems give to outgoing connections (32768 on Linux, 49152 on macOS),
/// so that a port is still free when a killed service wants it back.
const FREE: std::ops::Range<u16> = 12_000..31_500;

/// Ports tried before a search for free ones ends.
const TRIES_MAX: usize = 1_000;

/// Why the shop has no ports.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PortError {
    #[error(
        "port {port} is taken, and {what} needs it: stop what listens there \
         (`ss -ltnp 'sport = :{port}'` or `lsof -i :{port}` names it), \
         or choose other ports, for example with `--base-port {other}`"
    )]
    Taken {
        port: u16,
        what: &'static str,
        other: u16,
    },
    #[error("port {port} can't be used for {what}")]
    Unusable {
        port: u16,
        what: &'static str,
        #[source]
        source: std::io::Error,
    },
    #[error("--base-port must be 1 to {}: the shop takes {PORTS} ports from there", u16::MAX - 11)]
    Range,
    #[error("no {PORTS} free ports between {} and {}", FREE.start, FREE.end)]
    NoneFree,
}

/// What each port of a shop is for, in order.
const USES: [&str; PORTS] = [
    "orders",
    "the admin port of orders",
    "inventory",
    "the admin port of inventory",
    "payments",
    "the admin port of payments",
    "the provider's first endpoint",
    "the provider's second endpoint",
    "the provider's third endpoint",
    "the admin port of the provider",
    "the gateway",
    "the admin port of the gateway",
];

/// The ports of one shop, all on loopback.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ports([u16; PORTS]);

impl Ports {
    /// Twelve ports in a row, all of which must be free now.
    ///
    /// # Errors
    ///
    /// [`PortError`] names the first port that isn't, and what to do.
    pub(crate) fn from_base(base: u16) -> Result<Self, PortError> {
        if base == 0 || usize::from(u16::MAX - base) < PORTS - 1 {
            return Err(PortError::Range);
        }
        let mut ports = [0; PORTS];
        for ((port, number), what) in ports.iter_mut().zip(base..).zip(USES) {
            *port = number;
            check(number, what)?;
        }
        Ok(Self(ports))
    }

    /// Twelve free ports from anywhere.
    ///
    /// # Errors
    ///
    /// [`PortError::NoneFree`] after a thousand tries.
    pub(crate) fn free() -> Result<Self, PortError> {
        let mut rng = rand::rng();
        // Held until all are found, so that none is found twice.
        let mut held = Vec::with_capacity(PORTS);
        for _ in 0..TRIES_MAX {
            let port = rng.random_range(FREE);
            if let Ok(listener) = bind(port) {
                held.push((port, listener));
            }
            if held.len() == PORTS {
                return Ok(Self(std::array::from_fn(|i| held[i].0)));
            }
        }
        Err(PortError::NoneFree)
    }

    /// Where a service serves.
    pub(crate) const fn main(&self, service: Service) -> u16 {
        match service {
            Service::Orders => self.0[0],
            Service::Inventory => self.0[2],
            Service::Payments => self.0[4],
            Service::Provider => self.0[6],
            Service::Gateway => self.0[10],
        }
    }

    /// Where a service shows metrics and health.
    pub(crate) const fn admin(&self, service: Service) -> u16 {
        match service {
            Service::Orders => self.0[1],
            Service::Inventory => self.0[3],
            Service::Payments => self.0[5],
            Service::Provider => self.0[9],
            Service::Gateway => self.0[11],
        }
    }

    /// The provider's three endpoints over one ledger.
    pub(crate) const fn provider(&self) -> [u16; 3] {
        [self.0[6], self.0[7], self.0[8]]
    }
}

/// The standard library sets SO_REUSEADDR on Unix, so connections that linger
/// from an earlier run don't count.
fn bind(port: u16) -> std::io::Result<TcpListener> {
    TcpListener::bind(SocketAddrV4::new(Ipv4Addr::LOCALHOST, port))
}

fn check(port: u16, what: &'static str) -> Result<(), PortError> {
    match bind(port) {
        Ok(_free) => Ok(()),
        Err(error) if error.kind() == std::io::ErrorKind::AddrInUse => {
            let other = if port < 60_000 {
                port / 100 * 100 + 100
            } else {
                7_400
            };
            Err(PortError::Taken { port, what, other })
        }
        Err(source) => Err(PortError::Unusable { port, what, source }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_taken_port_is_named_with_a_way_out() {
        let free = Ports::free().unwrap();
        let taken = bind(free.main(Service::Orders)).unwrap();
        let port = taken.local_addr().unwrap().port();
        let error = check(port, "inventory").unwrap_err().to_string();
        for part in [&port.to_string(), "inventory", "--base-port"] {
            assert!(error.contains(part), "{error}");
        }
    }

    #[test]
    fn the_range_must_fit() {
        for base in [0, u16::MAX, u16::MAX - 10] {
            assert!(
                matches!(Ports::from_base(base), Err(PortError::Range)),
                "{base}"
            );
        }
    }

    #[test]
    fn free_ports_are_all_different() {
        let ports = Ports::free().unwrap();
        let all: std::collections::BTreeSet<_> = ports.0.iter().collect();
        assert_eq!(all.len(), PORTS);
    }
}
