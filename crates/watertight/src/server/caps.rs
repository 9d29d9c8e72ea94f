//! How many connections one address may have.

use std::collections::HashMap;
use std::net::IpAddr;

/// The part of an address that counts as one peer: all of an IPv4 address, the
/// first half of an IPv6 address, because a single customer gets a whole /64.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Origin {
    V4([u8; 4]),
    V6([u8; 8]),
}

impl Origin {
    pub(super) fn of(addr: IpAddr) -> Self {
        // A listener on [::] sees IPv4 peers as mapped addresses, all in one /64.
        match addr.to_canonical() {
            IpAddr::V4(v4) => Self::V4(v4.octets()),
            IpAddr::V6(v6) => {
                let [a, b, c, d, e, f, g, h, ..] = v6.octets();
                Self::V6([a, b, c, d, e, f, g, h])
            }
        }
    }
}

/// Open connections by origin. An entry lives as long as a connection of its
/// origin, so there are never more of them than connections.
#[derive(Debug, Default)]
pub(super) struct PerOrigin(HashMap<Origin, usize>);

impl PerOrigin {
    /// One more, unless `origin` has `max` already.
    pub(super) fn take(&mut self, origin: Origin, max: usize) -> bool {
        let open = self.0.get(&origin).copied().unwrap_or(0);
        if open >= max {
            return false;
        }
        self.0.insert(origin, open + 1);
        true
    }

    /// One less.
    pub(super) fn give(&mut self, origin: Origin) {
        if let Some(open) = self.0.get_mut(&origin) {
            *open -= 1;
            if *open == 0 {
                self.0.remove(&origin);
                // After a burst the table goes back to what is needed.
                if self.0.capacity() > 64 && self.0.len() < self.0.capacity() / 8 {
                    self.0.shrink_to(self.0.len() * 2);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn origin(addr: &str) -> Origin {
        Origin::of(addr.parse().unwrap())
    }

    #[test]
    fn one_peer_is_an_ipv4_address_or_an_ipv6_subnet() {
        assert_eq!(origin("2001:db8:1:2::1"), origin("2001:db8:1:2:ffff::9"));
        assert_ne!(origin("2001:db8:1:2::1"), origin("2001:db8:1:3::1"));
        assert_eq!(origin("::ffff:10.0.0.1"), origin("10.0.0.1"));
        assert_ne!(origin("::ffff:10.0.0.1"), origin("::ffff:10.0.0.2"));
    }

    proptest! {
        #[test]
        fn the_table_holds_what_is_open_and_nothing_else(
            turns in prop::collection::vec((0_u8..5, any::<bool>()), 0..300),
        ) {
            const MAX: usize = 3;
            let mut table = PerOrigin::default();
            let mut open = [0_usize; 5];
            for (who, comes) in turns {
                let origin = Origin::V4([10, 0, 0, who]);
                let open = &mut open[usize::from(who)];
                if comes {
                    prop_assert_eq!(table.take(origin, MAX), *open < MAX);
                    *open = (*open + 1).min(MAX);
                } else if *open > 0 {
                    table.give(origin);
                    *open -= 1;
                }
            }
            prop_assert_eq!(table.0.len(), open.iter().filter(|open| **open > 0).count());
        }
    }
}
