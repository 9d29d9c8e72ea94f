//! Looking again at payments that the provider told stories about.
//!
//! A discrepancy means that some answer was wrong, and nobody knows which. So
//! what was believed is looked at again, with growing waits, until the provider
//! says the same twice in a row and it is what customers should have paid.

use std::{cmp::Ordering, time::Duration};

use super::{
    payment::{Payment, State},
    settle::{Reply, Status, View, is_believable},
};

/// Looks in a row that have to say the same.
const LOOKS_AGREEING: i64 = 2;
/// Looks at one payment; after them people have to see to it. With the longest
/// wait between most of them: some two days.
pub const LOOKS_MAX: i64 = 64;
/// The longest wait between two looks.
const WAIT_MAX: Duration = Duration::from_hours(1);
/// Looks left at least after a surplus was returned.
const LOOKS_AFTER_RETURN: i64 = 4;

/// Looks that are due at a payment which is in doubt.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Check {
    /// When the next look is due, in milliseconds since 1970.
    pub due_ms: i64,
    /// Looks so far.
    pub looks: i64,
    /// The last of them that said what our book says.
    pub agreed: i64,
}

/// What a look came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Finding {
    /// Another look is due later.
    Again,
    /// The provider's ledger and ours agree, on what was asked for.
    Agreed,
    /// Both say that too much was taken: the rest is to be returned.
    Surplus,
    /// Both say that less is left than was asked for; it can't be taken again.
    Short,
    /// The provider never said the same twice: people have to find out.
    GivenUp,
}

impl Check {
    /// The first check of what has just been settled, or the next if one was
    /// under way; `None` if there is nothing to doubt.
    #[must_use]
    pub fn of(settled: &Payment, now_ms: i64, wait_min: Duration) -> Option<Self> {
        if settled.state != State::Captured || settled.discrepancies == 0 {
            return None;
        }
        let looks = settled.check.map_or(0, |check| check.looks);
        let looks = looks.min(LOOKS_MAX - LOOKS_AFTER_RETURN);
        Some(Self::later(looks, 0, now_ms, wait_min))
    }

    fn later(looks: i64, agreed: i64, now_ms: i64, wait_min: Duration) -> Self {
        let doublings = u32::try_from(looks).unwrap_or(u32::MAX).min(20);
        let wait = wait_min.saturating_mul(1 << doublings).min(WAIT_MAX);
        Self {
            due_ms: now_ms.saturating_add(i64::try_from(wait.as_millis()).unwrap_or(i64::MAX)),
            looks,
            agreed,
        }
    }
}

/// What stands after one more look at a captured payment; `reply` is `None` if
/// the look had no answer.
///
/// Our book follows what is shown, if it can be believed at all; money moves
/// only after two looks in a row that showed the same.
#[must_use]
pub fn look_again(
    before: &Payment,
    reply: Option<&Reply>,
    now_ms: i64,
    wait_min: Duration,
) -> (Payment, Finding) {
    let seen = before.check.unwrap_or_default();
    let looks = seen.looks + 1;
    let view = reply.and_then(|reply| believed(before, reply));
    let mut after = Payment {
        check: None,
        version: before.version + 1,
        ..before.clone()
    };
    let mut agreed = 0;
    if let Some(view) = view {
        let same = (view.captured, view.refunded) == (before.captured, before.refunded);
        agreed = if same { seen.agreed + 1 } else { 1 };
        after.discrepancies += i64::from(!same);
        (after.captured, after.refunded) = (view.captured, view.refunded);
        if agreed >= LOOKS_AGREEING {
            let finding = conclude(&mut after, view, looks);
            return (after, finding);
        }
    }
    if looks >= LOOKS_MAX {
        return (after, Finding::GivenUp);
    }
    after.check = Some(Check::later(looks, agreed, now_ms, wait_min));
    (after, Finding::Again)
}

fn believed(before: &Payment, reply: &Reply) -> Option<View> {
    let Reply::Shown(view) = reply else {
        return None;
    };
    Some(*view).filter(|view| is_believable(before, *view))
}

fn conclude(after: &mut Payment, view: View, looks: i64) -> Finding {
    let net = view.captured - view.refunded;
    match net.cmp(&after.due()) {
        Ordering::Equal => Finding::Agreed,
        Ordering::Greater => {
            after.surplus = net - after.due();
            // Kept for the check that follows the return.
            after.check = Some(Check {
                looks,
                ..Check::default()
            });
            Finding::Surplus
        }
        Ordering::Less => {
            if view.status == Status::Refunded {
                after.state = State::Refunded;
            }
            Finding::Short
        }
    }
}
