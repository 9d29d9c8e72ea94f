//! Which call is due when; fixed in advance, so that a slow shop can't slow its
//! customers down and hide what they wait for.

use std::time::Duration;

use rand::{RngExt, SeedableRng, rngs::StdRng};

use crate::catalog::ARTICLES;

/// Of [`CALLS`] calls, so many place an order: 15 %.
const ORDERS: u64 = 3;

/// Calls in one turn of the mix.
const CALLS: u64 = 20;

/// What a customer does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Places an order.
    Place,
    /// Looks at one article.
    GetStock(u8),
    /// Looks at an order; the number picks one.
    GetOrder(u64),
    /// Lists orders; the number picks whose.
    ListOrders(u64),
    /// Cancels an order.
    Cancel(u64),
    /// Sends an order again, with the same key and the same body.
    Repeat(u64),
    /// Sends another body under a key that was used.
    Reuse(u64),
}

/// An endless list of calls, evenly spaced.
///
/// With everything: 15 % place orders, 80 % read, 2 % cancel, 3 % repeat. The
/// same seed gives the same list.
#[derive(Debug)]
pub(crate) struct Schedule {
    calls_per_s: f64,
    orders_only: bool,
    number: u64,
    rng: StdRng,
}

impl Schedule {
    /// `rps` orders a second, with or without the calls around them.
    pub(crate) fn new(rps: f64, orders_only: bool, seed: u64) -> Self {
        let calls_per_s = if orders_only {
            rps
        } else {
            rps * CALLS as f64 / ORDERS as f64
        };
        let rng = StdRng::seed_from_u64(seed);
        Self {
            calls_per_s,
            orders_only,
            number: 0,
            rng,
        }
    }

    /// The next call, and when it is due after the start.
    pub(crate) fn next(&mut self) -> (Duration, Kind) {
        // From the number, not by adding up: rounding must not drift.
        let due = Duration::from_secs_f64(self.number as f64 / self.calls_per_s);
        let turn = self.number % CALLS;
        self.number += 1;
        let is_order = (turn + 1) * ORDERS / CALLS > turn * ORDERS / CALLS;
        let kind = if self.orders_only || is_order {
            Kind::Place
        } else {
            self.other(turn)
        };
        (due, kind)
    }

    fn other(&mut self, turn: u64) -> Kind {
        let pick = self.rng.random();
        // One in twenty changes things; the sixteen left read.
        if turn == 0 {
            return match self.rng.random_range(0..10) {
                0..4 => Kind::Cancel(pick),
                4..9 => Kind::Repeat(pick),
                _ => Kind::Reuse(pick),
            };
        }
        let article = pick % ARTICLES.len() as u64;
        match self.rng.random_range(0..10) {
            0..5 => Kind::GetStock(u8::try_from(article).unwrap_or(0)),
            5..9 => Kind::GetOrder(pick),
            _ => Kind::ListOrders(pick),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mix_is_exact_and_evenly_spaced() {
        let mut schedule = Schedule::new(50.0, false, 1);
        let calls: Vec<_> = (0..20_000).map(|_| schedule.next()).collect();
        let count = |of: fn(&Kind) -> bool| calls.iter().filter(|(_, kind)| of(kind)).count();
        assert_eq!(count(|kind| *kind == Kind::Place), 3_000);
        let reads = |kind: &Kind| {
            matches!(
                kind,
                Kind::GetStock(_) | Kind::GetOrder(_) | Kind::ListOrders(_)
            )
        };
        assert_eq!(count(reads), 16_000);
        assert!((200..600).contains(&count(|kind| matches!(kind, Kind::Cancel(_)))));
        assert!(count(|kind| matches!(kind, Kind::Reuse(_))) > 20);
        // 3,000 orders at 50 a second take a minute.
        let last = calls.last().unwrap().0;
        assert!((last.as_secs_f64() - 60.0).abs() < 0.01, "{last:?}");
        assert!(calls.windows(2).all(|pair| pair[0].0 < pair[1].0));
    }

    #[test]
    fn orders_only_and_the_same_seed() {
        let mut only = Schedule::new(10.0, true, 1);
        assert!((0..100).all(|_| only.next().1 == Kind::Place));
        assert_eq!(only.next().0, Duration::from_secs(10));
        let list = |seed| {
            let mut schedule = Schedule::new(7.0, false, seed);
            (0..500).map(|_| schedule.next()).collect::<Vec<_>>()
        };
        assert_eq!(list(3), list(3));
        assert_ne!(list(3), list(4));
    }
}
