//! After the load: resolve what is unknown, wait for what is under way.

use std::{num::NonZeroUsize, sync::Arc, time::Duration};

use shop_proto::inventory::Stock;
use tokio::time::Instant;
use watertight_core::{Deadline, join_all};

use crate::{
    check::{Answer, Slot, Status},
    load::{Session, deliver, open_receipts},
    rest::rest,
};

/// Acknowledged orders reach an end state within this time.
pub(crate) const SETTLE_MAX: Duration = Duration::from_secs(60);

/// Questions asked at a time.
const AT_A_TIME: NonZeroUsize = NonZeroUsize::new(32).unwrap();

/// The wait between two rounds of questions.
const ROUND: Duration = Duration::from_millis(50);

/// How settling went.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Settled {
    /// Unknown outcomes that repeating the call has made known.
    pub(crate) unknown_resolved: u64,
    /// From `since` until nothing was under way.
    pub(crate) took: Duration,
}

/// Repeats every order and delivery whose outcome is unknown, asks after every
/// order that isn't at its end, and waits until no stock is held; for at most
/// [`SETTLE_MAX`] after `since`. What is still open then is for the audit to
/// find.
///
/// # Cancel safety
///
/// Safe: all of it may be repeated.
pub(crate) async fn settle(session: &Arc<Session>, since: Instant) -> Settled {
    let mut settled = Settled::default();
    let end = since + SETTLE_MAX;
    loop {
        let round = async {
            let open = round(session, &mut settled.unknown_resolved).await;
            open == 0 && !is_stock_held(session).await
        };
        // A service that is there but mute must not hold up the verdict.
        let quiet = Deadline::at(end).run(round).await;
        settled.took = since.elapsed();
        if !matches!(quiet, Ok(false)) {
            return settled;
        }
        rest(ROUND).await;
    }
}

/// One question about each thing that is open; gives how many still are.
async fn round(session: &Arc<Session>, resolved: &mut u64) -> usize {
    for (id, receipt) in open_receipts(session) {
        // An error leaves it open for the next round.
        deliver(session, &id, receipt).await.unwrap_or_default();
    }
    let unknowns = session.keeper.book().unknowns();
    *resolved += each(session, unknowns, async |session, slot| {
        session.resolve(slot).await
    })
    .await;
    let uncancelled = session.keeper.book().uncancelled();
    each(session, uncancelled, async |session, slot| {
        matches!(session.cancel_again(slot).await, Ok(true))
    })
    .await;
    let unsettled = session.keeper.book().unsettled();
    each(session, unsettled, async |session, slot| {
        ask(session, slot).await
    })
    .await;
    let book = session.keeper.book();
    book.open_receipts().len()
        + book.unknowns().len()
        + book.uncancelled().len()
        + book.unsettled().len()
}

/// Asks about many orders, a few at a time; gives how many answers were yes.
async fn each(
    session: &Session,
    slots: Vec<Slot>,
    ask: impl AsyncFn(&Session, Slot) -> bool,
) -> u64 {
    let asks = slots.into_iter().map(|slot| ask(session, slot));
    let answers = join_all(AT_A_TIME, asks).await;
    answers.into_iter().map(u64::from).sum()
}

/// Asks where an order stands.
async fn ask(session: &Session, slot: Slot) -> bool {
    let order = session.keeper.book().get(slot);
    let (Answer::Order(id, _), door) = (order.answer, order.door) else {
        return false;
    };
    let Ok(order) = session.shop().order(door, id.to_string()).await else {
        return false;
    };
    session
        .keeper
        .book()
        .reached(slot, Status::of(order.status()));
    true
}

/// Whether any stock is held, as far as it can be seen.
async fn is_stock_held(session: &Session) -> bool {
    let mut token = String::new();
    loop {
        let Ok(page) = session.shop().stocks(token).await else {
            return true;
        };
        if page.stock.iter().any(|stock: &Stock| stock.reserved != 0) {
            return true;
        }
        if page.next_page_token.is_empty() {
            return false;
        }
        token = page.next_page_token;
    }
}
