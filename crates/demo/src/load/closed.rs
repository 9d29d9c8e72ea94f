//! The closed loop: so many customers, each places its next order when the last
//! one is answered. It says how much the shop can take, and nothing of latency
//! under a load that doesn't wait.

use std::{sync::Arc, time::Duration};

use rand::{SeedableRng, rngs::StdRng};
use tokio::time::Instant;
use watertight_core::Scope;

use super::Session;
use crate::check::{Body, Door};

/// How a closed loop runs.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ClosedLoop {
    /// Orders in flight.
    pub(crate) in_flight: usize,
    /// How long.
    pub(crate) time: Duration,
    /// What the orders are drawn from.
    pub(crate) seed: u64,
}

/// Runs it to the end; gives the time it took.
///
/// # Cancel safety
///
/// Dropped, orders in flight go on until `scope` ends.
pub(crate) async fn closed_loop(
    scope: &Scope,
    session: &Arc<Session>,
    config: ClosedLoop,
) -> Duration {
    let start = Instant::now();
    let end = start + config.time;
    let customers: Vec<_> = (0..config.in_flight as u64)
        .map(|i| {
            let rng = StdRng::seed_from_u64(config.seed.wrapping_add(i));
            scope.spawn("customer", customer(session.clone(), rng, end))
        })
        .collect();
    for customer in customers {
        // One that was cancelled has nothing more to say.
        customer.await.unwrap_or_default();
    }
    start.elapsed()
}

async fn customer(session: Arc<Session>, mut rng: StdRng, end: Instant) {
    while Instant::now() < end && !session.stop.is_cancelled() {
        let body = Body::random(&mut rng);
        let planned = session.keeper.plan(&[(body, Door::Grpc)]).await;
        match planned.map(|slots| slots.first().copied().flatten()) {
            Ok(Some(slot)) => session.place(slot, Instant::now()).await,
            Ok(None) => return,
            Err(error) => return session.break_off(error),
        }
    }
}
