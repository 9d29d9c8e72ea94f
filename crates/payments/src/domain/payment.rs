//! One payment: its state, its money, its method.

use sha2::{Digest, Sha256};
use shop_types::{Money, OrderId, PaymentMethod};

use super::check::Check;

/// The most that one payment may be asked for, in minor units: a hundred lines
/// of a million pieces at a price of a billion.
pub const AMOUNT_MAX: i64 = 100_000_000_000_000_000;

/// Where a payment stands.
///
/// ```text
/// (new) ── Authorize ──► Authorizing ─┬─► Authorized ── Capture ──► Capturing ──► Captured
///   │                        │        └─► Declined                                  │
///   │                      Void                │ Void                             Refund
///   │                        ▼                 │                                    ▼
///   └─────── Void ──────► Voiding ◄── Void ────┤                                Refunding
///                            │                 ▼                                    ▼
///                            └─► Voided     (stays)                             Refunded
/// ```
///
/// States in *-ing* are intents: they were written down before the provider
/// was called, and stand until its answer is written down. A caller's ask
/// begins one; the provider's answer, brought by a caller or by the sweeper,
/// ends one. `Captured` with a surplus is an intent too: to return it.
///
/// An answer that contradicts the table is looked up at the provider, counted
/// as a discrepancy, and followed: the provider's ledger says what customers
/// were charged, ours has to agree with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum State {
    /// The provider was asked to hold the money; its answer isn't known.
    Authorizing,
    /// The provider holds the money.
    Authorized,
    /// The provider refused. End.
    Declined,
    /// The provider was asked to take the money.
    Capturing,
    /// The provider took the money.
    Captured,
    /// The provider was asked to let go.
    Voiding,
    /// Nothing is held, and nothing will be. End.
    Voided,
    /// The provider was asked to return the money.
    Refunding,
    /// The money is back. End.
    Refunded,
}

impl State {
    /// All states.
    pub const ALL: [Self; 9] = [
        Self::Authorizing,
        Self::Authorized,
        Self::Declined,
        Self::Capturing,
        Self::Captured,
        Self::Voiding,
        Self::Voided,
        Self::Refunding,
        Self::Refunded,
    ];

    /// The number that stands for it in a database; never changes.
    #[must_use]
    pub const fn code(self) -> i64 {
        match self {
            Self::Authorizing => 1,
            Self::Authorized => 2,
            Self::Declined => 3,
            Self::Capturing => 4,
            Self::Captured => 5,
            Self::Voiding => 6,
            Self::Voided => 7,
            Self::Refunding => 8,
            Self::Refunded => 9,
        }
    }

    /// The state that a number stands for.
    #[must_use]
    pub fn from_code(code: i64) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.code() == code)
    }
}

/// What time does to a payment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// An intent stands: the sweeper resumes it.
    Standing,
    /// Money is held; somebody will come and say what for.
    Held,
    /// Nothing more happens by itself: deleted after the retention.
    Finished,
}

impl Phase {
    /// The number that stands for it in a database; never changes.
    #[must_use]
    pub const fn code(self) -> i64 {
        match self {
            Self::Standing => 1,
            Self::Held => 2,
            Self::Finished => 3,
        }
    }
}

/// Tells whether two payment methods of one order are the same, without
/// keeping either: a hash salted with the order's id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MethodMark(pub [u8; 16]);

impl MethodMark {
    /// The mark of `method` for `order`.
    #[must_use]
    pub fn of(order: OrderId, method: &PaymentMethod) -> Self {
        let mut hash = Sha256::new();
        hash.update(order.as_bytes());
        hash.update(method.as_str());
        let mut mark = [0; 16];
        mark.copy_from_slice(&hash.finalize()[..16]);
        Self(mark)
    }
}

/// One payment as it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Payment {
    /// The order it belongs to.
    pub order: OrderId,
    /// Where it stands.
    pub state: State,
    /// What the order costs; `None` if it was voided before anybody said.
    pub amount: Option<Money>,
    /// Tells the payment method from others.
    pub mark: Option<MethodMark>,
    /// The method itself, kept only while [`State::Authorizing`], so that the
    /// call can be repeated after a crash.
    pub method: Option<PaymentMethod>,
    /// Minor units the provider holds, as far as we know.
    pub held: i64,
    /// Minor units taken, all captures together.
    pub captured: i64,
    /// Minor units returned, all refunds together.
    pub refunded: i64,
    /// Minor units taken beyond the amount that are still to be returned.
    pub surplus: i64,
    /// How often the provider's answers differed from what was asked.
    pub discrepancies: i64,
    /// Looks that are due, because there were discrepancies.
    pub check: Option<Check>,
    /// Counts the writes, from 1; a write names the version it is based on.
    pub version: i64,
    /// When it began, in milliseconds since 1970.
    pub created_ms: i64,
    /// When it last changed, in milliseconds since 1970.
    pub updated_ms: i64,
}

/// A call to the provider.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Call {
    /// Hold the money.
    Authorize {
        /// How much.
        amount: Money,
        /// Whose.
        method: PaymentMethod,
    },
    /// Take what is held.
    Capture {
        /// Minor units.
        amount: i64,
    },
    /// Let go, or never begin.
    Void,
    /// Return what was taken.
    Refund {
        /// How much shall be back *in all*, so that repeating the call returns
        /// nothing more; `None`: everything.
        total: Option<i64>,
    },
    /// Only look.
    Look,
}

impl Payment {
    /// The first record of an order's payment.
    pub(super) fn begin(order: OrderId, state: State, now_ms: i64) -> Self {
        Self {
            order,
            state,
            amount: None,
            mark: None,
            method: None,
            held: 0,
            captured: 0,
            refunded: 0,
            surplus: 0,
            discrepancies: 0,
            check: None,
            version: 1,
            created_ms: now_ms,
            updated_ms: now_ms,
        }
    }

    /// This payment with an intent written on it.
    pub(super) fn intend(self, state: State, now_ms: i64) -> Self {
        Self {
            state,
            // Whatever comes next, the hold is not asked for again, and a
            // refund returns the surplus with everything else.
            method: None,
            surplus: 0,
            check: None,
            version: self.version + 1,
            updated_ms: now_ms,
            ..self
        }
    }

    /// What the order costs, in minor units; 0 if nobody said.
    #[must_use]
    pub fn due(&self) -> i64 {
        self.amount.map_or(0, Money::minor)
    }

    /// Whether no answer of the provider has been written down yet: for all we
    /// know, the order may have had a payment before that was deleted since.
    #[must_use]
    pub fn is_unanswered(&self) -> bool {
        let asked = matches!(self.state, State::Authorizing | State::Voiding);
        // A third version, or a hold, comes of an answer only.
        asked && self.version <= 2 && self.held == 0
    }

    /// What time does to it.
    #[must_use]
    pub fn phase(&self) -> Phase {
        match self.state {
            State::Authorizing | State::Capturing | State::Voiding | State::Refunding => {
                Phase::Standing
            }
            State::Captured if self.surplus > 0 => Phase::Standing,
            State::Authorized => Phase::Held,
            State::Declined | State::Captured | State::Voided | State::Refunded => Phase::Finished,
        }
    }

    /// The call that the standing intent stands for; `None` if none stands.
    #[must_use]
    pub fn call(&self) -> Option<Call> {
        match self.state {
            State::Authorizing => Some(Call::Authorize {
                amount: self.amount?,
                method: self.method.clone()?,
            }),
            State::Capturing => Some(Call::Capture { amount: self.due() }),
            State::Voiding => Some(Call::Void),
            State::Refunding => Some(Call::Refund { total: None }),
            State::Captured if self.surplus > 0 => Some(Call::Refund {
                total: Some(self.refunded.saturating_add(self.surplus)),
            }),
            State::Authorized
            | State::Declined
            | State::Captured
            | State::Voided
            | State::Refunded => None,
        }
    }
}
