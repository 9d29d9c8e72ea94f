//! Who asks for what, when it is due and when he leaves: drawn from a seed.

use std::time::Duration;

use rand::{RngExt, SeedableRng, rngs::StdRng};

use crate::{
    catalog::ARTICLES,
    check::{Body, Door},
};

/// Clients leave after up to this time.
const LEAVE_MAX: Duration = Duration::from_millis(50);

/// Of a hundred visits, so many place an order, …
const PLACES: u32 = 15;

/// … so many follow one, and the others read, half orders and half stock.
const WATCHES: u32 = 25;

/// What is spoken, and with whom.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Wire {
    /// With the gateway, a connection for each request.
    Http1,
    /// With the gateway, many requests on a connection.
    Http2,
    /// With orders and inventory.
    Grpc,
}

impl Wire {
    /// All of them.
    pub(super) const ALL: [Self; 3] = [Self::Http1, Self::Http2, Self::Grpc];

    /// In reports.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Http1 => "http1",
            Self::Http2 => "http2",
            Self::Grpc => "grpc",
        }
    }

    /// How an order gets in by it, and is asked for again.
    pub(super) const fn door(self) -> Door {
        match self {
            Self::Http1 | Self::Http2 => Door::Http,
            Self::Grpc => Door::Grpc,
        }
    }
}

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wish {
    /// Places an order.
    Place(Body),
    /// Changes nothing.
    Get(Get),
}

/// What is asked for that changes nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Get {
    /// Follows one of the last orders; the number picks it.
    Watch(u64),
    /// Reads one of the last orders.
    Read(u64),
    /// Looks at an article's stock.
    Stock(&'static str),
}

/// One client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Visit {
    pub(super) wire: Wire,
    pub(super) wish: Wish,
    /// When it leaves, answered or not.
    pub(super) leave: Duration,
    /// Over HTTP/1: whether it hangs up without a word, by a reset.
    pub(super) rude: bool,
}

/// An endless list of clients; the same seed gives the same list.
#[derive(Debug)]
pub(super) struct Visits(StdRng);

impl Visits {
    pub(super) fn new(seed: u64) -> Self {
        Self(StdRng::seed_from_u64(seed))
    }
}

impl Iterator for Visits {
    type Item = Visit;

    fn next(&mut self) -> Option<Visit> {
        let rng = &mut self.0;
        let wire = Wire::ALL[rng.random_range(0..Wire::ALL.len())];
        let (body, pick) = (Body::random(rng), rng.random());
        let article = ARTICLES[rng.random_range(0..ARTICLES.len())];
        let wish = match rng.random_range(0..100_u32) {
            dice if dice < PLACES => Wish::Place(body),
            dice if dice < PLACES + WATCHES => Wish::Get(Get::Watch(pick)),
            dice if dice.is_multiple_of(2) => Wish::Get(Get::Read(pick)),
            _ => Wish::Get(Get::Stock(article.sku)),
        };
        let micros = u64::try_from(LEAVE_MAX.as_micros()).unwrap_or(u64::MAX);
        Some(Visit {
            wire,
            wish,
            leave: Duration::from_micros(rng.random_range(0..=micros)),
            rude: rng.random(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_draws_the_same_clients_of_every_kind() {
        let draw = |seed| Visits::new(seed).take(3_000).collect::<Vec<_>>();
        assert_eq!(draw(7), draw(7));
        assert_ne!(draw(7), draw(8));
        let visits = draw(7);
        for wire in Wire::ALL {
            let of = |wish: fn(&Wish) -> bool| {
                let fits = |visit: &&Visit| visit.wire == wire && wish(&visit.wish);
                visits.iter().filter(fits).count()
            };
            // 150, 250, 300 and 300 on average.
            assert!((90..220).contains(&of(|wish| matches!(wish, Wish::Place(_)))));
            assert!((180..330).contains(&of(|wish| matches!(wish, Wish::Get(Get::Watch(_))))));
            assert!((220..390).contains(&of(|wish| matches!(wish, Wish::Get(Get::Read(_))))));
            assert!((220..390).contains(&of(|wish| matches!(wish, Wish::Get(Get::Stock(_))))));
        }
        assert!(visits.iter().all(|visit| visit.leave <= LEAVE_MAX));
        let early = visits.iter().filter(|visit| visit.leave < LEAVE_MAX / 2);
        assert!((1_300..1_700).contains(&early.count()));
    }
}
