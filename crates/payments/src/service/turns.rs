//! One call at a time per order.
//!
//! Two calls for one order that reach the provider side by side could each be
//! right and together be wrong (void and capture). The store's version check
//! would find out afterwards; taking turns keeps it from happening.

use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use shop_types::OrderId;
use tokio::sync::{Mutex as Turnstile, OwnedMutexGuard};

/// More calls are in flight than the bound allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("too many calls in flight")]
pub struct TooMany;

/// Locks by order id; an order has one only while somebody holds or awaits it.
///
/// Why not an array of locks, chosen by hash? Two orders on one lock would wait
/// for each other's provider calls, and a slow provider is when there are many.
///
/// # Limits
///
/// At most `tickets_max` calls hold or await a turn; one more is refused.
pub(crate) struct Turns {
    waiting: Arc<Mutex<Waiting>>,
    tickets_max: usize,
}

#[derive(Default)]
struct Waiting {
    tickets: usize,
    by_order: HashMap<OrderId, Entry>,
}

struct Entry {
    turnstile: Arc<Turnstile<()>>,
    tickets: usize,
}

/// It is the holder's turn until this is dropped.
pub(crate) struct Turn {
    // Dropped first, so that the next in line goes on before the entry is
    // looked at.
    _guard: OwnedMutexGuard<()>,
    _ticket: Ticket,
}

/// A place in an order's line; gives it back on drop, also when the wait for
/// the turn is dropped.
struct Ticket {
    order: OrderId,
    waiting: Arc<Mutex<Waiting>>,
}

impl Turns {
    pub(crate) fn new(tickets_max: usize) -> Self {
        Self {
            waiting: Arc::default(),
            tickets_max,
        }
    }

    /// Waits for the order's turn, first come, first served.
    ///
    /// # Errors
    ///
    /// [`TooMany`] at the bound, at once.
    ///
    /// # Cancel safety
    ///
    /// Safe: the place in the line is given back.
    pub(crate) async fn take(&self, order: OrderId) -> Result<Turn, TooMany> {
        let (ticket, turnstile) = self.ticket(order)?;
        let guard = turnstile.lock_owned().await;
        Ok(Turn {
            _guard: guard,
            _ticket: ticket,
        })
    }

    /// Takes the order's turn if nobody holds or awaits it.
    pub(crate) fn try_take(&self, order: OrderId) -> Option<Turn> {
        let (ticket, turnstile) = self.ticket(order).ok()?;
        let guard = turnstile.try_lock_owned().ok()?;
        Some(Turn {
            _guard: guard,
            _ticket: ticket,
        })
    }

    fn ticket(&self, order: OrderId) -> Result<(Ticket, Arc<Turnstile<()>>), TooMany> {
        let mut waiting = lock(&self.waiting);
        if waiting.tickets >= self.tickets_max {
            return Err(TooMany);
        }
        waiting.tickets += 1;
        let entry = waiting.by_order.entry(order).or_insert_with(|| Entry {
            turnstile: Arc::default(),
            tickets: 0,
        });
        entry.tickets += 1;
        let turnstile = Arc::clone(&entry.turnstile);
        let ticket = Ticket {
            order,
            waiting: Arc::clone(&self.waiting),
        };
        Ok((ticket, turnstile))
    }

    #[cfg(test)]
    fn lines(&self) -> usize {
        lock(&self.waiting).by_order.len()
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        let mut waiting = lock(&self.waiting);
        waiting.tickets -= 1;
        if let Some(entry) = waiting.by_order.get_mut(&self.order) {
            entry.tickets -= 1;
            if entry.tickets == 0 {
                waiting.by_order.remove(&self.order);
            }
        }
    }
}

fn lock(waiting: &Mutex<Waiting>) -> MutexGuard<'_, Waiting> {
    // Nothing in here panics half way.
    waiting.lock().unwrap_or_else(PoisonError::into_inner)
}

impl fmt::Debug for Turns {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let tickets = lock(&self.waiting).tickets;
        f.debug_struct("Turns")
            .field("tickets", &tickets)
            .field("tickets_max", &self.tickets_max)
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use std::{pin::pin, task::Poll};

    use futures_util::poll;

    use super::*;

    #[watertight::test]
    async fn orders_take_turns_and_leave_nothing_behind() {
        let turns = Turns::new(10);
        let (one, other) = (OrderId::at(1), OrderId::at(2));
        let first = turns.take(one).await.unwrap();
        let _other = turns.take(other).await.unwrap();
        assert!(turns.try_take(one).is_none());
        let mut second = pin!(turns.take(one));
        assert!(poll!(second.as_mut()).is_pending());
        drop(first);
        let Poll::Ready(Ok(second)) = poll!(second.as_mut()) else {
            panic!("it is the second one's turn");
        };
        assert_eq!(turns.lines(), 2);
        drop(second);
        assert_eq!(turns.lines(), 1);
    }

    #[watertight::test]
    async fn who_leaves_the_line_gives_the_place_back() {
        let turns = Turns::new(2);
        let order = OrderId::at(1);
        let first = turns.take(order).await.unwrap();
        {
            let mut second = pin!(turns.take(order));
            assert!(poll!(second.as_mut()).is_pending());
            assert!(matches!(turns.take(OrderId::at(2)).await, Err(TooMany)));
        }
        assert!(turns.take(OrderId::at(2)).await.is_ok());
        drop(first);
        assert_eq!(turns.lines(), 0);
    }
}
