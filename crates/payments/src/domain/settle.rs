//! From the provider's answer to the payment's next state.
//!
//! Two rules: the *money* follows what the provider shows, the *state* follows
//! the table in [`next`].

use shop_types::{Currency, Money};

use super::payment::{Payment, State};

/// The largest figure that is believed, in minor units; an answer with a larger
/// one is malformed. Sums and differences of a few of them fit 64 bits.
pub const FIGURE_MAX: i64 = 1_000_000_000_000_000_000;

/// Where the provider says an authorisation stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// The money is held.
    Authorized,
    /// Refused.
    Declined,
    /// Taken; part of it may be back.
    Captured,
    /// Let go, or closed before it began.
    Voided,
    /// Everything is back.
    Refunded,
}

/// An authorisation as the provider shows it, checked for sanity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct View {
    /// Where it stands.
    pub status: Status,
    /// Minor units that are or were held, 0 to [`FIGURE_MAX`].
    pub amount: i64,
    /// In which currency; `None` on a tombstone.
    pub currency: Option<Currency>,
    /// Minor units taken, 0 to [`FIGURE_MAX`].
    pub captured: i64,
    /// Minor units returned, 0 to `captured`.
    pub refunded: i64,
}

/// What the provider answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// The authorisation as it stands.
    Shown(View),
    /// It won't hold the money.
    Declined,
    /// It was voided before.
    Closed,
    /// It knows nothing under this reference.
    Absent,
    /// It says no for a reason of its own.
    Refused(String),
}

/// What an answer comes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// As it should be: this stands now.
    Clear(Payment),
    /// Not as it should be. Believed only if a second look says so too.
    Odd {
        /// What stands if it is believed.
        after: Payment,
        /// What is wrong, for people.
        what: &'static str,
    },
    /// It settles nothing: the intent stands.
    Open(&'static str),
}

/// Turns an answer to the call of `before`'s intent, or a look at the
/// authorisation, into what shall stand.
///
/// The result's version is one more than `before`'s; its time is for the store
/// to set.
#[must_use]
pub fn settle(before: &Payment, reply: &Reply) -> Verdict {
    let view = match reply {
        Reply::Shown(view) => Some(*view),
        Reply::Declined => Some(bare(before, Status::Declined)),
        Reply::Closed => Some(bare(before, Status::Voided)),
        Reply::Absent => None,
        Reply::Refused(_) => return Verdict::Open("the provider refused"),
    };
    if currency_differs(before, view) {
        return Verdict::Open("the provider shows another currency");
    }
    if let Some(view) = view
        && matches!(
            before.state,
            State::Capturing | State::Captured | State::Refunding
        )
        && is_taken(view)
        && !is_believable(before, view)
    {
        return Verdict::Open(ANOTHER_AMOUNT);
    }
    match next(before, view) {
        Next::Go(state) => Verdict::Clear(stand(before, state, view)),
        Next::Odd(state, what) => Verdict::Odd {
            after: stand(before, state, view),
            what,
        },
        Next::Stay(why) => Verdict::Open(why),
    }
}

/// Why figures aren't believed, see `is_believable`.
pub const ANOTHER_AMOUNT: &str = "the provider shows another amount than it held";

/// Whether the figures of `view` may be those of the money that was taken for
/// `payment`. The amount was agreed on when it was held and never changes: an
/// answer that gets it wrong is wrong about the rest, too.
pub(super) fn is_believable(payment: &Payment, view: View) -> bool {
    is_taken(view) && view.amount == payment.due() && !currency_differs(payment, Some(view))
}

/// What a word without figures shows.
fn bare(before: &Payment, status: Status) -> View {
    View {
        status,
        amount: before.due(),
        currency: before.amount.map(Money::currency),
        captured: 0,
        refunded: 0,
    }
}

fn currency_differs(before: &Payment, view: Option<View>) -> bool {
    let ours = before.amount.map(Money::currency);
    let theirs = view.and_then(|view| view.currency);
    matches!((ours, theirs), (Some(ours), Some(theirs)) if ours != theirs)
}

/// Where the table leads.
enum Next {
    Go(State),
    Odd(State, &'static str),
    Stay(&'static str),
}

fn next(before: &Payment, view: Option<View>) -> Next {
    match before.state {
        State::Authorizing => authorized(before, view),
        State::Capturing => captured(before, view),
        State::Voiding => voided(before, view),
        State::Refunding => refunded(view),
        State::Captured => match view {
            Some(view) if is_taken(view) => surplus_returned(before, view),
            Some(_) | None => refunded(view),
        },
        State::Authorized | State::Declined | State::Voided | State::Refunded => {
            Next::Stay("no intent stands")
        }
    }
}

fn is_taken(view: View) -> bool {
    matches!(view.status, Status::Captured | Status::Refunded)
}

/// For people: they have to find out whether it is in the balances already.
const TAKEN_UNKNOWN: &str = "taken before it was asked for; not booked, it may be already";

fn authorized(before: &Payment, view: Option<View>) -> Next {
    let Some(view) = view else {
        return Next::Stay("the provider has not heard of it yet");
    };
    match view.status {
        Status::Authorized if view.amount == before.due() => Next::Go(State::Authorized),
        // What is held is not what was asked for: let go of it.
        Status::Authorized => Next::Odd(State::Voiding, "another amount is held"),
        Status::Declined => Next::Go(State::Declined),
        Status::Voided => Next::Go(State::Voided),
        Status::Captured => Next::Odd(State::Captured, TAKEN_UNKNOWN),
        Status::Refunded => Next::Odd(State::Refunded, TAKEN_UNKNOWN),
    }
}

fn captured(before: &Payment, view: Option<View>) -> Next {
    let Some(view) = view else {
        return Next::Odd(State::Voiding, "the provider knows nothing of the hold");
    };
    let net = view.captured - view.refunded;
    match view.status {
        Status::Captured if net == before.due() => Next::Go(State::Captured),
        Status::Captured if net > before.due() => Next::Odd(State::Captured, "too much was taken"),
        Status::Captured => Next::Odd(State::Captured, "too little was taken"),
        Status::Refunded => Next::Odd(State::Refunded, "returned though nobody asked"),
        Status::Authorized => Next::Stay("not taken yet"),
        Status::Voided => Next::Odd(State::Voided, "let go though nobody asked"),
        Status::Declined => Next::Odd(State::Declined, "declined after it was held"),
    }
}

fn voided(before: &Payment, view: Option<View>) -> Next {
    let Some(view) = view else {
        return Next::Stay("not closed yet");
    };
    match view.status {
        Status::Voided => Next::Go(State::Voided),
        Status::Declined => Next::Go(State::Declined),
        Status::Authorized => Next::Stay("not let go yet"),
        Status::Captured if before.is_unanswered() => Next::Odd(State::Captured, TAKEN_UNKNOWN),
        Status::Refunded if before.is_unanswered() => Next::Odd(State::Refunded, TAKEN_UNKNOWN),
        Status::Captured => Next::Odd(State::Captured, "taken in place of let go"),
        Status::Refunded => Next::Odd(State::Refunded, "taken and returned in place of let go"),
    }
}

fn refunded(view: Option<View>) -> Next {
    let Some(view) = view else {
        return Next::Odd(State::Voided, "the provider knows nothing of what it took");
    };
    match view.status {
        Status::Refunded if view.refunded == view.captured => Next::Go(State::Refunded),
        Status::Refunded => Next::Stay("said to be returned, but is not"),
        Status::Captured => Next::Stay("not returned yet"),
        Status::Authorized => Next::Odd(State::Voiding, "held, though it was taken"),
        Status::Voided => Next::Odd(State::Voided, "let go, though it was taken"),
        Status::Declined => Next::Odd(State::Declined, "declined, though it was taken"),
    }
}

fn surplus_returned(before: &Payment, view: View) -> Next {
    let net = view.captured - view.refunded;
    match net.cmp(&before.due()) {
        std::cmp::Ordering::Equal => Next::Go(State::Captured),
        std::cmp::Ordering::Greater => Next::Stay("the surplus is not returned yet"),
        std::cmp::Ordering::Less if view.status == Status::Refunded => {
            Next::Odd(State::Refunded, "everything was returned, not the surplus")
        }
        std::cmp::Ordering::Less => Next::Odd(State::Captured, "too much was returned"),
    }
}

/// The payment in its next state, with the money that the provider shows.
fn stand(before: &Payment, state: State, view: Option<View>) -> Payment {
    let (captured, refunded) = view.map_or((0, 0), |view| (view.captured, view.refunded));
    let held = match view {
        Some(view) if view.status == Status::Authorized => view.amount,
        Some(_) | None => 0,
    };
    let shown = view.and_then(|view| Some(Money::new(view.amount, view.currency?)));
    let amount = before.amount.or(shown);
    let beyond = captured - refunded - amount.map_or(0, Money::minor);
    let agreed_on = view.is_none_or(|view| Some(view.amount) == amount.map(Money::minor));
    let surplus = if state == State::Captured && agreed_on {
        beyond.max(0)
    } else {
        0
    };
    Payment {
        state,
        amount,
        method: None,
        held,
        captured,
        refunded,
        surplus,
        version: before.version + 1,
        ..before.clone()
    }
}
