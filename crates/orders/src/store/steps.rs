//! What goes into the durable steps, and what comes out.

use std::sync::Arc;
use std::time::Duration;

use shop_types::{CustomerId, OrderId, PaymentMethod};
use watertight_core::TraceContext;

use super::Ticket;
use crate::model::{NewOrder, Order, Priced, Rejection, State};

/// SHA-256 over the body of an order.
pub type Fingerprint = [u8; 32];

/// One life of a process: who holds a lease. A restart is somebody else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Owner(i64);

impl Owner {
    /// An owner that nobody was before.
    #[must_use]
    pub fn random() -> Self {
        Self(rand::random())
    }

    pub(crate) fn get(self) -> i64 {
        self.0
    }
}

/// Records an order.
#[derive(Clone, Debug)]
pub struct Record {
    /// The name of the order, if it becomes one.
    pub id: OrderId,
    /// What is asked for.
    pub new: NewOrder,
    /// What makes it the same as another under this key.
    pub fingerprint: Fingerprint,
    /// Who gets the lease.
    pub owner: Owner,
    /// For how long.
    pub lease: Duration,
    /// Lets the caller leave until the last moment.
    pub ticket: Ticket,
    /// The trace of the saga, for whoever resumes it.
    pub trace: Option<TraceContext>,
}

/// What became of a record.
#[derive(Clone, Debug)]
pub enum Recorded {
    /// It is an order now. Its fence is [`Recorded::FIRST_FENCE`].
    New(Order),
    /// The key stands for this order already, with the same body.
    Known(Order),
    /// The key stands for an order with another body.
    KeyReused,
    /// The caller left before; nothing happened.
    CallerLeft,
}

impl Recorded {
    /// The fence of a lease that comes with the record.
    pub const FIRST_FENCE: i64 = 1;
}

/// Moves a saga on.
#[derive(Clone, Debug)]
pub struct Advance {
    /// Whose saga.
    pub id: OrderId,
    /// The fence under which the lease was got.
    pub fence: i64,
    /// The version that the order has before the step.
    pub version: i64,
    /// Where the saga goes. An end state gives up the lease, and is the order's
    /// first end if it has none.
    pub to: State,
    /// Prices, if the step brings them.
    pub priced: Option<Priced>,
    /// Why it goes back, as of now.
    pub rejection: Option<Rejection>,
}

/// What became of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Advanced {
    /// It is durable, and the order's version one higher.
    Done {
        /// When, in milliseconds since 1970.
        updated_ms: i64,
        /// Whether the customer has asked to cancel by now.
        cancel_requested: bool,
    },
    /// It would have confirmed an order that is to be cancelled; nothing happened.
    CancelCame,
}

/// Asks to cancel.
#[derive(Clone, Copy, Debug)]
pub struct Cancel {
    /// Which order.
    pub id: OrderId,
    /// Who gets the lease, if the saga must be opened anew.
    pub owner: Owner,
    /// For how long.
    pub lease: Duration,
}

/// What became of a cancellation.
#[derive(Clone, Debug)]
pub enum Cancelled {
    /// There is no such order.
    NotFound,
    /// The saga is over: cancelled before, or rejected.
    Over(Order),
    /// The saga is under way and will see it.
    Noted(Order),
    /// It was confirmed; its saga goes back now, under a new lease.
    Reopened(Claimed),
}

/// Takes over leases.
#[derive(Clone, Debug)]
pub struct Claim {
    /// Of these orders; the caller bounds how many.
    pub ids: Vec<OrderId>,
    /// Who gets them.
    pub owner: Owner,
    /// For how long.
    pub lease: Duration,
}

/// An order with the lease that was got for it.
#[derive(Clone, Debug)]
pub struct Claimed {
    /// The order as it stands.
    pub order: Order,
    /// The fence of the lease.
    pub fence: i64,
    /// The provider's token; `None` once the saga doesn't need it any more.
    pub payment_method: Option<PaymentMethod>,
    /// The trace in which the saga began; `None` if there was none, or it is over.
    pub trace: Option<TraceContext>,
}

/// What a claim took over.
#[derive(Clone, Debug, Default)]
pub struct Claims {
    /// The orders, each under a new lease.
    pub orders: Vec<Claimed>,
    /// Those that can't be read, and what is wrong with each. The lease is the
    /// claimer's, but there is no use in claiming them again.
    pub corrupt: Vec<(OrderId, String)>,
}

/// Bounds a deletion.
#[derive(Clone, Copy, Debug)]
pub struct DeleteBefore {
    /// Only what is older, in milliseconds since 1970.
    pub before_ms: i64,
    /// At most so many.
    pub limit: u32,
}

/// What a key stands for.
#[derive(Clone, Debug)]
pub struct Kept {
    /// The fingerprint that came with it.
    pub fingerprint: Fingerprint,
    /// The order.
    pub order: Order,
}

/// Which orders to list.
#[derive(Clone, Debug)]
pub struct Listing {
    /// Only this customer's; `None`: all.
    pub customer: Option<CustomerId>,
    /// Only those before this one, in the order of the list; `None`: from the top.
    pub after: Option<OrderId>,
    /// At most so many.
    pub limit: u32,
}

/// Orders whose saga is under way.
#[derive(Clone, Debug, Default)]
pub struct Unfinished {
    /// The first of them.
    pub orders: Vec<UnfinishedOrder>,
    /// When the oldest of all was recorded, in milliseconds since 1970.
    pub oldest_ms: Option<i64>,
}

/// An order whose saga is under way.
#[derive(Clone, Copy, Debug)]
pub struct UnfinishedOrder {
    /// Which.
    pub id: OrderId,
    /// Who holds its lease.
    pub owner: Owner,
    /// When the lease ends, in milliseconds since 1970.
    pub lease_until_ms: i64,
}

impl UnfinishedOrder {
    pub(crate) fn new(id: OrderId, owner: i64, lease_until_ms: i64) -> Self {
        Self {
            id,
            owner: Owner(owner),
            lease_until_ms,
        }
    }
}

/// The version of an order that was just recorded.
pub(crate) const FIRST_VERSION: i64 = 1;

impl Record {
    /// The order as it is right after the record at `now_ms`.
    pub(crate) fn order(&self, now_ms: i64) -> Order {
        Order {
            id: self.id,
            customer: self.new.customer.clone(),
            lines: Arc::clone(&self.new.lines),
            total: None,
            state: State::Recorded,
            rejection: None,
            cancel_requested: false,
            created_ms: now_ms,
            updated_ms: now_ms,
            version: FIRST_VERSION,
            first_end: None,
        }
    }
}

/// `now_ms` and `d` later, saturating.
pub(crate) fn later(now_ms: i64, d: Duration) -> i64 {
    now_ms.saturating_add(i64::try_from(d.as_millis()).unwrap_or(i64::MAX))
}
