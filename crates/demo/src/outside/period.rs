//! One period: a fresh memory of the checker, customers until it is over, and
//! what is left open settled at its end.

use std::{sync::Arc, time::Duration};

use tokio::time::Instant;
use watertight_core::{Deadline, Scope, race};

use super::series::Series;
use crate::{
    check::{Book, CallError, Invariant, JournalError},
    load::{Keeper, OpenLoop, Session},
    run::Customers,
    settle::settle,
    shop::{self, Shop},
};

/// How often counts go to the metrics.
const PUBLISH: Duration = Duration::from_secs(1);

/// Why a period came to nothing; the next one tries again.
#[derive(Debug, thiserror::Error)]
pub(super) enum PeriodError {
    #[error("the shop doesn't answer: {0}")]
    Shop(CallError),
    #[error("the checker has no memory")]
    Memory(#[from] JournalError),
}

/// Puts the catalogue in, sells for `time` or until `scope` closes, settles.
///
/// Nothing of an earlier period is remembered: what is on the shelves at the
/// start is where the checker begins. So it finds what goes wrong from then on:
/// stock that doesn't add up or that nobody sent in, charges that don't fit the
/// last orders, orders that are gone or have no end, keys with two effects.
///
/// # Errors
///
/// [`PeriodError`] before the first order.
///
/// # Cancel safety
///
/// Dropped, calls in flight are cancelled; orders of which nobody knows the end
/// are finished by the shop, and nobody compares them.
pub(super) async fn period(
    scope: &Scope,
    shops: &[Shop],
    load: OpenLoop,
    time: Duration,
    series: &mut Series,
    ready: &(dyn Fn() + Sync),
) -> Result<(), PeriodError> {
    let session = begin(shops, load.seed).await?;
    series.begin();
    ready();
    let customers = Customers::start(scope, &session, load);
    let end = Instant::now() + time;
    while Instant::now() < end && !scope.is_closed() && !session.stop.is_cancelled() {
        let tick = Deadline::at(end.min(Instant::now() + PUBLISH));
        let over = race(scope.closing(), session.stop.cancelled());
        // Either it is over, which the loop's head sees, or it is time to publish.
        let _ticked = tick.run(over).await;
        publish(&session, series);
    }
    customers.stop().await;
    close(&session).await;
    publish(&session, series);
    Ok(())
}

/// A session on a shop that has the catalogue.
async fn begin(shops: &[Shop], seed: u64) -> Result<Arc<Session>, PeriodError> {
    let shop = &shops[0];
    shop::import_catalog(shop)
        .await
        .map_err(PeriodError::Shop)?;
    let stock = shop
        .stocks(String::new())
        .await
        .map_err(PeriodError::Shop)?;
    let mut book = Book::default();
    book.adopt(&stock.stock);
    let keeper = Keeper::begin(None, book, seed).await?;
    Ok(Arc::new(Session::new(shops.to_vec(), keeper)))
}

/// Waits until nothing is open; what stays open is a finding.
async fn close(session: &Arc<Session>) {
    let settled = settle(session, Instant::now()).await;
    let book = session.keeper.book();
    let (unknown, unsettled) = (book.unknowns().len(), book.unsettled().len());
    drop(book);
    let mut findings = session.keeper.findings();
    let took = settled.took.as_secs();
    let count = |n: usize| u64::try_from(n).unwrap_or(u64::MAX);
    findings.add_many(
        Invariant::Unresolved,
        count(unknown),
        format_args!("{unknown} orders unknown after {took} s"),
    );
    findings.add_many(
        Invariant::Unsettled,
        count(unsettled),
        format_args!("{unsettled} orders without an end after {took} s"),
    );
}

fn publish(session: &Session, series: &mut Series) {
    Series::calls(&session.stats().turn());
    Series::seen(std::mem::take(&mut *session.seen()));
    let findings = session.keeper.findings();
    let new = series.violations(&findings);
    if new > 0 {
        let last = findings.examples().last().map_or("", String::as_str);
        tracing::error!(new, example = last, "an invariant of the shop is broken");
    }
}
