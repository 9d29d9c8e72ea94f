//! The open loop: calls leave when they are due, whatever became of earlier ones.

use std::{sync::Arc, time::Duration};

use rand::{RngExt, SeedableRng, rngs::StdRng};
use tokio::{
    sync::{Semaphore, mpsc},
    time::Instant,
};
use tokio_util::sync::CancellationToken;
use watertight_core::Scope;

use super::{
    Session,
    schedule::{Kind, Schedule},
};
use crate::{
    check::{Body, Door, JournalError, Slot},
    rest::rest_until,
};

/// Calls are planned this far ahead, so that the journal holds an order before
/// it leaves and one sync serves many.
const CHUNK: Duration = Duration::from_millis(100);

/// Chunks that may be ready before they are due.
const CHUNKS_AHEAD: usize = 2;

/// How an open loop runs.
#[derive(Clone, Copy, Debug)]
pub(crate) struct OpenLoop {
    /// Orders a second.
    pub(crate) rps: f64,
    /// The share of all calls that goes through the gateway, 0 to 1.
    pub(crate) http_share: f64,
    /// Whether to leave out everything but orders.
    pub(crate) orders_only: bool,
    /// What the random choices are drawn from.
    pub(crate) seed: u64,
    /// Calls in flight at most; a call that is due beyond it isn't made, and
    /// counts as the error `overflow`.
    pub(crate) in_flight_max: usize,
}

/// One call with the time it is due.
#[derive(Debug)]
struct Due {
    after: Duration,
    kind: Kind,
    door: Door,
    /// The order to place, and its place in the book unless that is full.
    order: Option<(Body, Option<Slot>)>,
}

/// Sends calls on schedule until `stop`; then marks the orders that
/// were planned and not sent. Calls in flight belong to `scope` and go on.
///
/// # Cancel safety
///
/// Dropped, planned orders stay planned and are repeated at the next check.
pub(crate) async fn open_loop(
    scope: &Scope,
    session: &Arc<Session>,
    stop: CancellationToken,
    config: OpenLoop,
) {
    let (chunks, mut ready) = mpsc::channel(CHUNKS_AHEAD);
    let planner = plan(session.clone(), stop.clone(), config, chunks);
    let planner = scope.spawn("plan calls", planner);
    let in_flight = Arc::new(Semaphore::new(config.in_flight_max));
    let mut start = None;
    let mut left = Vec::new();
    while let Some(chunk) = ready.recv().await {
        let start = *start.get_or_insert_with(Instant::now);
        for call in chunk {
            let due = start + call.after;
            let wait = rest_until(due);
            if stop.run_until_cancelled(wait).await.is_none() {
                left.extend(call.order.and_then(|(_, slot)| slot));
                continue;
            }
            left.extend(send(scope, session, &in_flight, call, due));
        }
    }
    if let Ok(Err(error)) = planner.await {
        session.break_off(error);
    }
    session.durable(session.keeper.unsent(&left).await);
}

/// Plans calls in chunks until `stop`.
async fn plan(
    session: Arc<Session>,
    stop: CancellationToken,
    config: OpenLoop,
    chunks: mpsc::Sender<Vec<Due>>,
) -> Result<(), JournalError> {
    let mut schedule = Schedule::new(config.rps, config.orders_only, config.seed);
    let mut bodies = StdRng::seed_from_u64(config.seed ^ 1);
    let mut doors = StdRng::seed_from_u64(config.seed ^ 2);
    let (mut next, mut until) = (schedule.next(), CHUNK);
    while !stop.is_cancelled() {
        let mut chunk = Vec::new();
        while next.0 < until {
            let door = match doors.random_bool(config.http_share) {
                true => Door::Http,
                false => Door::Grpc,
            };
            let order = (next.1 == Kind::Place).then(|| (Body::random(&mut bodies), None));
            chunk.push(Due {
                after: next.0,
                kind: next.1,
                door,
                order,
            });
            next = schedule.next();
        }
        until += CHUNK;
        let wanted: Vec<_> = chunk
            .iter()
            .filter_map(|call| Some((call.order?.0, call.door)))
            .collect();
        let mut slots = session.keeper.plan(&wanted).await?.into_iter();
        for (_, slot) in chunk.iter_mut().filter_map(|call| call.order.as_mut()) {
            *slot = slots.next().flatten();
        }
        if chunks.send(chunk).await.is_err() {
            break;
        }
    }
    Ok(())
}

/// Sends a call; gives back an order that there was no room for.
fn send(
    scope: &Scope,
    session: &Arc<Session>,
    in_flight: &Arc<Semaphore>,
    call: Due,
    due: Instant,
) -> Option<Slot> {
    let Ok(permit) = in_flight.clone().try_acquire_owned() else {
        session.stats().error("overflow");
        return call.order.and_then(|(_, slot)| slot);
    };
    let session = session.clone();
    drop(scope.spawn("call", async move {
        match call.order {
            Some((_, Some(slot))) => session.place(slot, due).await,
            Some((body, None)) => {
                let number = u64::try_from(call.after.as_nanos()).unwrap_or(u64::MAX);
                session.place_untracked(body, call.door, number, due).await;
            }
            None => session.call(call.kind, call.door, due).await,
        }
        drop(permit);
    }));
    None
}
