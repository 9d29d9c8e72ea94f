//! An order and its parts.

use std::sync::Arc;

use shop_types::{CustomerId, IdempotencyKey, Money, OrderId, PaymentMethod, Quantity, Sku};

use super::{Reason, State};

/// One line: what is asked for, and what inventory says that it costs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// Stock keeping unit.
    pub sku: Sku,
    /// Pieces.
    pub quantity: Quantity,
    /// Price of one piece; `None` until the stock is reserved.
    pub unit_price: Option<Money>,
}

/// Why an order goes, or went, back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rejection {
    /// The reason, for programs.
    pub reason: Reason,
    /// More for people: the SKU at fault, or what the provider said.
    pub detail: Box<str>,
}

impl Rejection {
    /// A rejection.
    #[must_use]
    pub fn new(reason: Reason, detail: impl Into<Box<str>>) -> Self {
        Self {
            reason,
            detail: detail.into(),
        }
    }
}

/// What a reservation brought: the lines with prices, and their sum.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Priced {
    /// The lines, each with its price.
    pub lines: Arc<[Line]>,
    /// Their sum.
    pub total: Money,
}

/// The end that an order came to first. A confirmed order may go on from there,
/// when it is cancelled; no other does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FirstEnd {
    /// Confirmed, rejected or cancelled.
    pub state: State,
    /// The order's version there.
    pub version: i64,
    /// When it came there, in milliseconds since 1970.
    pub updated_ms: i64,
}

/// An order as it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Order {
    /// Its name everywhere.
    pub id: OrderId,
    /// Whose it is.
    pub customer: CustomerId,
    /// What was asked for.
    pub lines: Arc<[Line]>,
    /// Sum of the lines; `None` until the stock is reserved.
    pub total: Option<Money>,
    /// How far its saga has come.
    pub state: State,
    /// Why it goes, or went, back; `None` if nobody but the customer wants that.
    pub rejection: Option<Rejection>,
    /// Whether the customer wants it cancelled.
    pub cancel_requested: bool,
    /// When it was recorded, in milliseconds since 1970.
    pub created_ms: i64,
    /// When it last changed, in milliseconds since 1970.
    pub updated_ms: i64,
    /// Grows by one with every durable step.
    pub version: i64,
    /// Where it ended first; never changes once it is set.
    pub first_end: Option<FirstEnd>,
}

impl Order {
    /// The order as it was at its first end; `None` if it stands there still, or
    /// has not come to an end.
    #[must_use]
    pub fn at_first_end(&self) -> Option<Self> {
        let first = self
            .first_end
            .filter(|first| first.version != self.version)?;
        Some(Self {
            state: first.state,
            version: first.version,
            updated_ms: first.updated_ms,
            // Only a confirmed order goes on, and none is confirmed that was
            // refused or that somebody had asked to cancel.
            rejection: None,
            cancel_requested: false,
            ..self.clone()
        })
    }
}

/// A checked wish for an order.
#[derive(Clone, Debug)]
pub struct NewOrder {
    /// Names this order for as long as keys are kept.
    pub key: IdempotencyKey,
    /// Whose it is.
    pub customer: CustomerId,
    /// What is asked for: 1 to 100 lines, no SKU twice, without prices.
    pub lines: Arc<[Line]>,
    /// The provider's token.
    pub payment_method: PaymentMethod,
}
