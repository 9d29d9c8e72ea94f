//! The saga of one order as a pure state machine: no clock, no store, no wire.

use std::time::Duration;

use crate::model::{Order, Priced, Reason, Rejection, State};

/// Carries one order to its end, one durable step after the other.
///
/// Forward, each arrow a call that is idempotent by order id, then a step:
///
/// ```text
/// Recorded ─reserve→ Reserved ─authorize→ Authorized ─capture→ Captured ─commit→ Confirmed
/// ```
///
/// Going back, because of a refusal, a cancellation, or because the time for
/// going forward is over (which counts until the capture, not after it):
///
/// ```text
/// Recorded ──────────────→ end, or Releasing when a reserve is in doubt
/// Reserved ──────────────→ Releasing, or Voiding when an authorize is in doubt
/// Authorized ────────────→ Voiding
/// Captured, Confirmed ───→ Refunding
/// Refunding ─refund→ Releasing      (not captured after all → Voiding)
/// Voiding ─void→ Releasing          (captured after all → Refunding)
/// Releasing ─release→ Rejected, or Cancelled when there is no rejection
/// ```
///
/// *In doubt* means that a call of the present state may have been made whose
/// answer isn't known: by this job, or by one that held the lease before. Void
/// and Release close the order over there even if they find nothing, so that a
/// call which is still on its way is refused when it arrives.
///
/// Its owner asks [`Saga::next`] what to do, hands replies to [`Saga::reply`],
/// makes the step durable, and only then tells [`Saga::moved`].
#[derive(Clone, Debug)]
pub struct Saga {
    state: State,
    rejection: Option<Rejection>,
    in_doubt: bool,
    cancel: bool,
    forward_until_ms: i64,
}

/// A call to another service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Call {
    /// Reserve and price the lines.
    Reserve,
    /// Hold the money.
    Authorize,
    /// Take the money.
    Capture,
    /// Sell the stock.
    Commit,
    /// Return the money that was taken.
    Refund,
    /// Let go of the money that is held.
    Void,
    /// Give the stock back.
    Release,
}

impl Call {
    /// All calls.
    pub const ALL: [Self; 7] = [
        Self::Reserve,
        Self::Authorize,
        Self::Capture,
        Self::Commit,
        Self::Refund,
        Self::Void,
        Self::Release,
    ];

    /// Its name in metrics and logs.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Reserve => "reserve",
            Self::Authorize => "authorize",
            Self::Capture => "capture",
            Self::Commit => "commit",
            Self::Refund => "refund",
            Self::Void => "void",
            Self::Release => "release",
        }
    }
}

/// What came back from a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// Reserve worked.
    Reserved(Priced),
    /// Any other call worked.
    Done,
    /// Surely not done, and repeating doesn't help.
    Refused(Refusal),
    /// Lost, late, or something nobody can make sense of: done or not.
    Unknown,
}

/// Final refusals, by the stable reasons of inventory and payments.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The order itself can't be served: out of stock, unknown SKU, mixed
    /// currency, overflow, declined.
    Business(Rejection),
    /// Reserve, Commit: the reservation is gone and can't come back.
    ReservationLost,
    /// Authorize, Capture: payments has closed the payment or doesn't hold it.
    PaymentClosed(Box<str>),
    /// Void: the money was taken.
    AlreadyCaptured,
    /// Refund: the money was not taken.
    NotCaptured,
    /// Refund: payments has no payment of the order, which doesn't say that no
    /// money was taken. Somebody must look; until then the saga asks again.
    PaymentMissing,
}

/// A change that must be durable before anything else happens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// Where the saga goes.
    pub to: State,
    /// Prices, with the step to [`State::Reserved`].
    pub priced: Option<Priced>,
    /// Why it goes back; kept until the end.
    pub rejection: Option<Rejection>,
    /// Whether to pause first: payments contradicts itself, and two services
    /// that do could otherwise have us run in a circle at full speed.
    pub pause: bool,
}

/// What to do now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Next {
    /// Make this call and hand the answer to [`Saga::reply`].
    Call(Call),
    /// Make this step durable and tell [`Saga::moved`].
    Step(Step),
    /// Nothing is left to do.
    End,
}

/// What follows from a reply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum After {
    /// Make this step durable and tell [`Saga::moved`].
    Step(Step),
    /// Pause, then ask [`Saga::next`] again.
    Again,
}

impl Saga {
    /// The saga of `order`, which may go forward for `forward_max` after it was
    /// recorded. `resumed` unless this job recorded the order itself: an earlier
    /// one may have made a call and not lived to see its answer.
    #[must_use]
    pub fn new(order: &Order, resumed: bool, forward_max: Duration) -> Self {
        let forward_ms = i64::try_from(forward_max.as_millis()).unwrap_or(i64::MAX);
        Self {
            state: order.state,
            rejection: order.rejection.clone(),
            in_doubt: resumed,
            cancel: order.cancel_requested,
            forward_until_ms: order.created_ms.saturating_add(forward_ms),
        }
    }

    /// Where it stands.
    #[must_use]
    pub fn state(&self) -> State {
        self.state
    }

    /// Whether it knows that the customer wants to cancel.
    #[must_use]
    pub fn knows_of_cancel(&self) -> bool {
        self.cancel
    }

    /// The customer wants to cancel. Counts from the next step on.
    pub fn cancel(&mut self) {
        self.cancel = true;
    }

    /// What to do at `now_ms`.
    #[must_use]
    pub fn next(&self, now_ms: i64) -> Next {
        let may_turn = matches!(
            self.state,
            State::Recorded | State::Reserved | State::Authorized
        );
        if may_turn && now_ms >= self.forward_until_ms && !self.cancel {
            let why = format!("no answer in time while {}", self.state.name());
            return Next::Step(self.back(Some(Rejection::new(Reason::TimedOut, why))));
        }
        if self.cancel && (may_turn || matches!(self.state, State::Captured | State::Confirmed)) {
            return Next::Step(self.back(None));
        }
        match self.state {
            State::Recorded => Next::Call(Call::Reserve),
            State::Reserved => Next::Call(Call::Authorize),
            State::Authorized => Next::Call(Call::Capture),
            State::Captured => Next::Call(Call::Commit),
            State::Refunding => Next::Call(Call::Refund),
            State::Voiding => Next::Call(Call::Void),
            State::Releasing => Next::Call(Call::Release),
            State::Confirmed | State::Rejected | State::Cancelled => Next::End,
        }
    }

    /// What follows from the reply to the call that [`Saga::next`] asked for.
    ///
    /// An answer that doesn't fit the call is as good as none: unknown.
    pub fn reply(&mut self, reply: Reply) -> After {
        let step = match (self.state, reply) {
            (State::Recorded, Reply::Reserved(priced)) => Step {
                priced: Some(priced),
                ..self.to(State::Reserved)
            },
            (State::Reserved, Reply::Done) => self.to(State::Authorized),
            (State::Authorized, Reply::Done) => self.to(State::Captured),
            // If a cancellation came meanwhile, the store refuses this step.
            (State::Captured, Reply::Done) => self.to(State::Confirmed),
            (State::Refunding | State::Voiding, Reply::Done) => self.to(State::Releasing),
            (State::Releasing, Reply::Done) => self.to(end(self.rejection.as_ref())),
            (_, Reply::Refused(refusal)) => match self.refused(refusal) {
                Some(step) => step,
                None => return self.doubt(),
            },
            (_, Reply::Unknown | Reply::Done | Reply::Reserved(_)) => return self.doubt(),
        };
        After::Step(step)
    }

    /// The step is durable.
    pub fn moved(&mut self, step: &Step) {
        self.state = step.to;
        self.rejection.clone_from(&step.rejection);
        self.in_doubt = false;
    }

    fn doubt(&mut self) -> After {
        self.in_doubt = true;
        After::Again
    }

    /// The step that a final refusal leads to; `None` if it makes no sense here.
    fn refused(&self, refusal: Refusal) -> Option<Step> {
        let lost = |detail: &str| Some(Rejection::new(Reason::ReservationLost, detail));
        let step = match (self.state, refusal) {
            (State::Recorded, Refusal::Business(why)) => self.back(Some(why)),
            (State::Recorded, Refusal::ReservationLost) => {
                self.back(lost("the reservation was closed"))
            }
            // A declined payment is an end over there: nothing is held.
            (State::Reserved, Refusal::Business(why)) => self.towards(State::Releasing, Some(why)),
            (State::Reserved | State::Authorized, Refusal::PaymentClosed(detail)) => {
                let why = Rejection::new(Reason::PaymentDeclined, detail);
                self.towards(State::Voiding, Some(why))
            }
            (State::Captured, Refusal::ReservationLost) => {
                self.back(lost("the stock was gone when the payment came"))
            }
            (State::Voiding, Refusal::AlreadyCaptured) => Step {
                pause: true,
                ..self.to(State::Refunding)
            },
            (State::Refunding, Refusal::NotCaptured) => Step {
                pause: true,
                ..self.to(State::Voiding)
            },
            _ => return None,
        };
        Some(step)
    }

    /// A step that keeps what is known of the rejection.
    fn to(&self, to: State) -> Step {
        self.towards(to, self.rejection.clone())
    }

    fn towards(&self, to: State, rejection: Option<Rejection>) -> Step {
        Step {
            to,
            priced: None,
            rejection,
            pause: false,
        }
    }

    /// Turns back: what is held, or may be, decides where to.
    fn back(&self, rejection: Option<Rejection>) -> Step {
        let to = match self.state {
            State::Recorded if !self.in_doubt => end(rejection.as_ref()),
            State::Reserved if self.in_doubt => State::Voiding,
            State::Recorded | State::Reserved => State::Releasing,
            State::Authorized => State::Voiding,
            State::Captured | State::Confirmed => State::Refunding,
            // Already on the way back, or at its end.
            State::Refunding
            | State::Voiding
            | State::Releasing
            | State::Rejected
            | State::Cancelled => self.state,
        };
        self.towards(to, rejection)
    }
}

fn end(rejection: Option<&Rejection>) -> State {
    rejection.map_or(State::Cancelled, |_| State::Rejected)
}
