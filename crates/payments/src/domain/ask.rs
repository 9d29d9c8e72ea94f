//! What callers ask for, and what is decided on it.

use shop_types::{Money, OrderId, PaymentMethod};

use super::payment::{MethodMark, Payment, State};

/// What is asked about one order's payment.
#[derive(Clone, Debug)]
pub struct Ask {
    /// Whose payment.
    pub order: OrderId,
    /// What shall be done.
    pub what: What,
}

/// What shall be done.
#[derive(Clone, Debug)]
pub enum What {
    /// Have the money held.
    Authorize {
        /// How much, 0 to [`super::AMOUNT_MAX`].
        amount: Money,
        /// The provider's token of the payment method.
        method: PaymentMethod,
    },
    /// Have the held money taken.
    Capture,
    /// Have the held money let go, or the order closed before it begins.
    Void,
    /// Have the taken money returned.
    Refund,
}

/// Why an ask is refused. Final, unless the payment moves on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Refusal {
    /// The provider declined the payment method.
    #[error("the payment was declined")]
    Declined,
    /// It was voided before.
    #[error("the payment was voided before")]
    Closed,
    /// The order has a payment of another amount or method.
    #[error("the order has a payment of another amount or method")]
    Mismatch,
    /// Nothing is held that could be taken.
    #[error("no money is held")]
    NotAuthorized,
    /// The money was taken; it can only be returned.
    #[error("the money was taken already")]
    Captured,
    /// Nothing was taken that could be returned.
    #[error("no money was taken")]
    NotCaptured,
    /// The order has no payment, or none any more. Money may well have been
    /// taken: what is past its retention is not known here.
    #[error("the order has no payment, or none any more")]
    NotFound,
}

/// What to do about an ask.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// It is done already; this is the answer.
    Done(Payment),
    /// It can't be done.
    Refused(Refusal),
    /// Write this intent down, then call the provider.
    Begin(Payment),
    /// An intent stands already, this one's or another one's: bring it to its
    /// end, then decide again.
    Resume(Payment),
}

/// Decides on `ask`, given the payment that stands, if any.
///
/// Idempotent: asked again after it was done, it is [`Decision::Done`].
#[must_use]
pub fn decide(ask: &Ask, standing: Option<Payment>, now_ms: i64) -> Decision {
    match (&ask.what, standing) {
        (What::Authorize { amount, method }, standing) => {
            authorize(ask.order, *amount, method, standing, now_ms)
        }
        (What::Capture, None) => Decision::Refused(Refusal::NotAuthorized),
        (What::Capture, Some(payment)) => capture(payment, now_ms),
        (What::Void, None) => Decision::Begin(Payment::begin(ask.order, State::Voiding, now_ms)),
        (What::Void, Some(payment)) => void(payment, now_ms),
        (What::Refund, None) => Decision::Refused(Refusal::NotFound),
        (What::Refund, Some(payment)) => refund(payment, now_ms),
    }
}

fn authorize(
    order: OrderId,
    amount: Money,
    method: &PaymentMethod,
    standing: Option<Payment>,
    now_ms: i64,
) -> Decision {
    let mark = Some(MethodMark::of(order, method));
    let Some(payment) = standing else {
        return Decision::Begin(Payment {
            amount: Some(amount),
            mark,
            method: Some(method.clone()),
            ..Payment::begin(order, State::Authorizing, now_ms)
        });
    };
    // Closed comes before mismatch: a tombstone has no amount to compare.
    if matches!(payment.state, State::Voiding | State::Voided) {
        return Decision::Refused(Refusal::Closed);
    }
    if payment.amount != Some(amount) || payment.mark != mark {
        return Decision::Refused(Refusal::Mismatch);
    }
    match payment.state {
        State::Authorizing => Decision::Resume(payment),
        State::Declined => Decision::Refused(Refusal::Declined),
        State::Voiding | State::Voided => Decision::Refused(Refusal::Closed),
        State::Authorized
        | State::Capturing
        | State::Captured
        | State::Refunding
        | State::Refunded => Decision::Done(payment),
    }
}

fn capture(payment: Payment, now_ms: i64) -> Decision {
    match payment.state {
        State::Authorized => Decision::Begin(payment.intend(State::Capturing, now_ms)),
        State::Authorizing | State::Capturing => Decision::Resume(payment),
        State::Captured | State::Refunding | State::Refunded => Decision::Done(payment),
        State::Voiding | State::Voided => Decision::Refused(Refusal::Closed),
        State::Declined => Decision::Refused(Refusal::NotAuthorized),
    }
}

fn void(payment: Payment, now_ms: i64) -> Decision {
    match payment.state {
        // The hold need not be known to be let go: the provider closes the
        // reference, whether our authorisation has reached it or not.
        State::Authorizing | State::Authorized => {
            Decision::Begin(payment.intend(State::Voiding, now_ms))
        }
        State::Voiding | State::Capturing => Decision::Resume(payment),
        State::Voided | State::Declined => Decision::Done(payment),
        State::Captured | State::Refunding | State::Refunded => {
            Decision::Refused(Refusal::Captured)
        }
    }
}

fn refund(payment: Payment, now_ms: i64) -> Decision {
    match payment.state {
        State::Captured => Decision::Begin(payment.intend(State::Refunding, now_ms)),
        State::Capturing | State::Refunding => Decision::Resume(payment),
        State::Refunded => Decision::Done(payment),
        State::Authorizing
        | State::Authorized
        | State::Declined
        | State::Voiding
        | State::Voided => Decision::Refused(Refusal::NotCaptured),
    }
}
