//! The service: what can be asked of orders.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use shop_types::{CustomerId, OrderId};
use tokio::sync::Semaphore;
use watertight_core::{Deadline, Faults, Scope};

use super::desk::Desk;
use super::meters::Meters;
use super::places::Places;
use super::trouble::{Failing, Told};
use super::{Bounds, Refused, Settings, Stock, Till};
use crate::audit::Audit;
use crate::model::Order;
use crate::store::{Listing, OrderStore, Owner};

/// What the service is made of; everything comes in from outside.
pub struct Parts {
    /// Where orders are durable.
    pub store: Arc<dyn OrderStore>,
    /// Inventory.
    pub stock: Arc<dyn Stock>,
    /// Payments.
    pub till: Arc<dyn Till>,
    /// Owns the jobs: they outlive the requests that caused them, not this.
    pub scope: Scope,
    /// Bounds and times; see [`Orders::set_bounds`] for those that change.
    pub settings: Settings,
    /// Told of each order that comes to an end.
    pub audit: Audit,
    /// Crash points of tests.
    pub faults: Faults,
}

/// Takes orders and carries each one to an end.
///
/// Cloning is cheap and gives the same service.
#[derive(Clone)]
pub struct Orders {
    pub(super) inner: Arc<Inner>,
}

pub(super) struct Inner {
    pub(super) parts: Parts,
    pub(super) owner: Owner,
    pub(super) desk: Desk,
    pub(super) watchers: Places,
    pub(super) meters: Meters,
    /// Whether leases of an earlier process have been dealt with.
    pub(super) taken_over: AtomicBool,
    /// Calls that may be under way to inventory, and to payments.
    pub(super) stock_calls: Semaphore,
    pub(super) till_calls: Semaphore,
    /// Orders that no job can work on.
    pub(super) corrupt: Told,
    /// Orders whose refund found no payment.
    pub(super) payment_missing: Told,
    pub(super) tend_fails: Failing,
    pub(super) clean_fails: Failing,
}

impl Orders {
    /// A service of these parts. It does nothing by itself until it is asked:
    /// see [`Orders::tend`] and [`Orders::clean`], which must be called from
    /// time to time.
    #[must_use]
    pub fn new(parts: Parts) -> Self {
        let settings = parts.settings;
        let calls_max = settings.calls_max.clamp(1, Semaphore::MAX_PERMITS);
        Self {
            inner: Arc::new(Inner {
                owner: Owner::random(),
                desk: Desk::new(settings.jobs_max),
                watchers: Places::new(settings.watchers_max),
                meters: Meters::new(settings.jobs_max),
                taken_over: AtomicBool::new(false),
                stock_calls: Semaphore::new(calls_max),
                till_calls: Semaphore::new(calls_max),
                corrupt: Told::default(),
                payment_missing: Told::default(),
                tend_fails: Failing::default(),
                clean_fails: Failing::default(),
                parts,
            }),
        }
    }

    /// One order.
    ///
    /// # Errors
    ///
    /// [`Refused::NotFound`], and [`Refused::Store`], which may be retried.
    ///
    /// # Cancel safety
    ///
    /// Safe: it only reads.
    pub async fn get(&self, deadline: Deadline, id: OrderId) -> Result<Order, Refused> {
        let order = self.inner.parts.store.order(deadline, id).await?;
        order.ok_or(Refused::NotFound(id))
    }

    /// A page of up to `limit` orders after the order `after`, newest first, and
    /// the order after which the next page begins, `None` at the end.
    ///
    /// # Limits
    ///
    /// Pages of many lines are shorter than `limit`, see [`Settings::page_lines_max`].
    ///
    /// # Errors
    ///
    /// [`Refused::Store`], which may be retried.
    ///
    /// # Cancel safety
    ///
    /// Safe: it only reads.
    pub async fn list(
        &self,
        deadline: Deadline,
        customer: Option<CustomerId>,
        after: Option<OrderId>,
        limit: u32,
    ) -> Result<(Vec<Order>, Option<OrderId>), Refused> {
        // One more than asked for says whether there is a next page.
        let listing = Listing {
            customer,
            after,
            limit: limit.saturating_add(1),
        };
        let mut orders = self.inner.parts.store.list(deadline, listing).await?;
        let fitting = fitting(&orders, limit, self.inner.parts.settings.page_lines_max);
        let has_more = orders.len() > fitting;
        orders.truncate(fitting);
        let last = orders.last().filter(|_| has_more).map(|last| last.id);
        Ok((orders, last))
    }

    /// Whether new orders can be recorded.
    ///
    /// # Errors
    ///
    /// The reason, for people, if the store can't work.
    pub fn health(&self) -> Result<(), String> {
        self.inner.parts.store.health()
    }

    /// Sagas that run at the moment.
    #[must_use]
    pub fn jobs(&self) -> usize {
        self.inner.desk.jobs()
    }

    /// Changes the bounds that may change while the service works; what is
    /// under way goes on, also where there is less room from now on.
    pub fn set_bounds(&self, bounds: Bounds) {
        self.inner.desk.set_jobs_max(bounds.jobs_max);
        self.inner.watchers.set_max(bounds.watchers_max);
        self.inner.meters.jobs_max(bounds.jobs_max);
    }
}

/// How many of `orders` fit a page: at most `limit`, and as many as have no more
/// than `lines_max` lines together, but one at least.
fn fitting(orders: &[Order], limit: u32, lines_max: usize) -> usize {
    let lines = orders.iter().scan(0_usize, |lines, order| {
        *lines += order.lines.len();
        Some(*lines)
    });
    let fitting = lines.take_while(|lines| *lines <= lines_max).count().max(1);
    fitting
        .min(usize::try_from(limit).unwrap_or(usize::MAX))
        .min(orders.len())
}

impl Inner {
    pub(super) fn now_ms(&self) -> i64 {
        self.parts.store.now_ms()
    }

    /// Leaves an order that can't be read alone from now on.
    pub(super) fn leave_alone(&self, order: OrderId, why: &str) {
        if self.corrupt.add(order) {
            tracing::error!(%order, why, "order is corrupt, left as it is");
        }
        self.meters.corrupt(self.corrupt.len());
    }

    /// Money is owed that payments knows nothing of: people must look into it.
    pub(super) fn note_missing_payment(&self, order: OrderId) {
        if self.payment_missing.add(order) {
            self.meters.refunds_without_payment.increment(1);
            tracing::error!(%order, "payments has no payment to refund, asked again until it has");
        }
    }
}

impl std::fmt::Debug for Orders {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Orders")
            .field("jobs", &self.jobs())
            .finish_non_exhaustive()
    }
}

impl std::fmt::Debug for Parts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Parts")
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}
