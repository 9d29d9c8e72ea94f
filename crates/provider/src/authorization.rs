//! One authorisation and what may become of it. Pure: no clock, no store.
//!
//! Everything is idempotent by reference: an act that has been done answers
//! with the authorisation as it stands and changes nothing.

use serde::{Deserialize, Serialize};

/// The largest amount that is held, in minor units. Twice as much still fits
/// 64 bits, which a provider that captures twice needs.
pub const AMOUNT_MAX: i64 = 1_000_000_000_000_000_000;

/// Where an authorisation stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// The money is held.
    Authorized,
    /// Refused, for ever.
    Declined,
    /// Taken; part of it may have been returned.
    Captured,
    /// Nothing is held, and nothing will be.
    Voided,
    /// Everything that was taken is back.
    Refunded,
}

impl Status {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::Authorized,
        Self::Declined,
        Self::Captured,
        Self::Voided,
        Self::Refunded,
    ];

    /// The number that stands for it in the database.
    pub(crate) const fn code(self) -> i64 {
        match self {
            Self::Authorized => 1,
            Self::Declined => 2,
            Self::Captured => 3,
            Self::Voided => 4,
            Self::Refunded => 5,
        }
    }
}

/// One authorisation, as it goes over the wire and stands in the ledger.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Authorization {
    /// The caller's name for it; for the shop, the order's id.
    pub reference: String,
    /// Where it stands.
    pub status: Status,
    /// Minor units that are, or were, held; 0 if it was voided before.
    pub amount: i64,
    /// ISO 4217 code; empty if it was voided before it was known.
    pub currency: String,
    /// Minor units taken, all captures together.
    pub captured: i64,
    /// Minor units returned, all refunds together.
    pub refunded: i64,
    /// How often money was taken.
    pub captures: i64,
    /// How often money was returned.
    pub refunds: i64,
}

impl Authorization {
    fn new(reference: &str, status: Status, amount: i64, currency: &str) -> Self {
        Self {
            reference: reference.to_owned(),
            status,
            amount,
            currency: currency.to_owned(),
            captured: 0,
            refunded: 0,
            captures: 0,
            refunds: 0,
        }
    }
}

/// What is asked of the provider.
#[derive(Clone, PartialEq, Eq)]
pub enum Act {
    /// Hold this much.
    Authorize {
        /// Minor units, 0 to [`AMOUNT_MAX`].
        amount: i64,
        /// ISO 4217 code.
        currency: String,
        /// Decides whether it is declined. Not kept.
        payment_method: String,
    },
    /// Take what is held.
    Capture {
        /// Minor units; everything if not given.
        amount: Option<i64>,
        /// The lie: takes the amount twice.
        twice: bool,
    },
    /// Let go of what is held, or close a reference that is not known yet.
    Void,
    /// Return what was taken.
    Refund {
        /// How much shall be back *in all*, so that a repeat returns nothing
        /// more; everything if not given.
        total: Option<i64>,
    },
}

// The payment method is a secret.
impl std::fmt::Debug for Act {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Authorize { .. } => "Authorize",
            Self::Capture { .. } => "Capture",
            Self::Void => "Void",
            Self::Refund { .. } => "Refund",
        })
    }
}

/// Why the provider says no. Final: the same act is refused again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The payment method was, or is, declined.
    #[error("declined")]
    Declined,
    /// It was voided before.
    #[error("closed")]
    Closed,
    /// The reference stands for another amount or currency, or more is asked
    /// than there is.
    #[error("mismatch")]
    Mismatch,
    /// Nothing is known under this reference.
    #[error("not_found")]
    NotFound,
    /// The money was taken already; it can only be returned.
    #[error("captured")]
    Captured,
    /// No money was taken.
    #[error("not_captured")]
    NotCaptured,
}

/// Does `act` to what stands under `reference`, and returns what stands there
/// afterwards.
///
/// # Errors
///
/// [`Refusal`]; nothing has changed then, except that a declined authorisation
/// is remembered, which is why that is an answer with status `declined` here.
pub fn apply(
    existing: Option<&Authorization>,
    reference: &str,
    act: &Act,
) -> Result<Authorization, Refusal> {
    match act {
        Act::Authorize {
            amount,
            currency,
            payment_method,
        } => authorize(existing, reference, *amount, currency, payment_method),
        Act::Capture { amount, twice } => {
            capture(existing.ok_or(Refusal::NotFound)?, *amount, *twice)
        }
        Act::Void => match existing {
            Some(known) => void(known),
            None => Ok(Authorization::new(reference, Status::Voided, 0, "")),
        },
        Act::Refund { total } => refund(existing.ok_or(Refusal::NotFound)?, *total),
    }
}

fn authorize(
    existing: Option<&Authorization>,
    reference: &str,
    amount: i64,
    currency: &str,
    payment_method: &str,
) -> Result<Authorization, Refusal> {
    let Some(known) = existing else {
        let status = match payment_method {
            "pm_card_declined" | "pm_card_insufficient" => Status::Declined,
            _ => Status::Authorized,
        };
        return Ok(Authorization::new(reference, status, amount, currency));
    };
    if known.status == Status::Voided {
        return Err(Refusal::Closed);
    }
    if known.amount != amount || known.currency != currency {
        return Err(Refusal::Mismatch);
    }
    Ok(known.clone())
}

fn capture(
    known: &Authorization,
    amount: Option<i64>,
    twice: bool,
) -> Result<Authorization, Refusal> {
    match known.status {
        Status::Captured | Status::Refunded => Ok(known.clone()),
        Status::Declined => Err(Refusal::Declined),
        Status::Voided => Err(Refusal::Closed),
        Status::Authorized => {
            let amount = amount.unwrap_or(known.amount);
            if amount > known.amount {
                return Err(Refusal::Mismatch);
            }
            let times = if twice { 2 } else { 1 };
            Ok(Authorization {
                status: Status::Captured,
                captured: amount.saturating_mul(times),
                captures: times,
                ..known.clone()
            })
        }
    }
}

fn void(known: &Authorization) -> Result<Authorization, Refusal> {
    match known.status {
        Status::Voided | Status::Declined => Ok(known.clone()),
        Status::Captured | Status::Refunded => Err(Refusal::Captured),
        Status::Authorized => Ok(Authorization {
            status: Status::Voided,
            ..known.clone()
        }),
    }
}

fn refund(known: &Authorization, total: Option<i64>) -> Result<Authorization, Refusal> {
    match known.status {
        Status::Refunded => Ok(known.clone()),
        Status::Authorized | Status::Declined | Status::Voided => Err(Refusal::NotCaptured),
        Status::Captured => {
            let total = total.unwrap_or(known.captured);
            if total > known.captured {
                return Err(Refusal::Mismatch);
            }
            // An amount of 0 may be returned too, once and only as a whole.
            if total <= known.refunded && total < known.captured {
                return Ok(known.clone());
            }
            let status = match total == known.captured {
                true => Status::Refunded,
                false => Status::Captured,
            };
            Ok(Authorization {
                status,
                refunded: total,
                refunds: known.refunds + 1,
                ..known.clone()
            })
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn ask(amount: i64, method: &str) -> Act {
        Act::Authorize {
            amount,
            currency: String::from("EUR"),
            payment_method: method.to_owned(),
        }
    }

    fn done(known: Option<&Authorization>, act: &Act) -> Authorization {
        apply(known, "r", act).unwrap()
    }

    const CAPTURE: Act = Act::Capture {
        amount: None,
        twice: false,
    };
    const REFUND: Act = Act::Refund { total: None };

    #[test]
    fn a_void_closes_what_is_not_known_yet() {
        let tombstone = done(None, &Act::Void);
        assert_eq!(tombstone.status, Status::Voided);
        let late = apply(Some(&tombstone), "r", &ask(5, "pm_card_ok"));
        assert_eq!(late, Err(Refusal::Closed));
        assert_eq!(apply(Some(&tombstone), "r", &CAPTURE), Err(Refusal::Closed));
    }

    #[test]
    fn another_amount_is_a_mismatch_and_a_decline_is_remembered() {
        let held = done(None, &ask(5, "pm_card_ok"));
        assert_eq!(
            apply(Some(&held), "r", &ask(6, "pm_card_ok")),
            Err(Refusal::Mismatch)
        );
        let declined = done(None, &ask(5, "pm_card_insufficient"));
        let again = done(Some(&declined), &ask(5, "pm_card_ok"));
        assert_eq!(again.status, Status::Declined);
    }

    #[test]
    fn money_that_was_taken_can_only_be_returned() {
        let taken = done(Some(&done(None, &ask(5, "pm_card_ok"))), &CAPTURE);
        assert_eq!((taken.captured, taken.captures), (5, 1));
        assert_eq!(apply(Some(&taken), "r", &Act::Void), Err(Refusal::Captured));
        let back = done(Some(&taken), &REFUND);
        assert_eq!(
            (back.status, back.refunded, back.refunds),
            (Status::Refunded, 5, 1)
        );
    }

    #[test]
    fn nothing_can_be_returned_that_was_not_taken() {
        let held = done(None, &ask(5, "pm_card_ok"));
        assert_eq!(apply(Some(&held), "r", &REFUND), Err(Refusal::NotCaptured));
        assert_eq!(apply(None, "r", &REFUND), Err(Refusal::NotFound));
        assert_eq!(apply(None, "r", &CAPTURE), Err(Refusal::NotFound));
    }

    #[test]
    fn a_surplus_is_returned_once() {
        let held = done(None, &ask(5, "pm_card_ok"));
        let twice = Act::Capture {
            amount: Some(5),
            twice: true,
        };
        let taken = done(Some(&held), &twice);
        assert_eq!((taken.captured, taken.captures), (10, 2));
        let surplus = Act::Refund { total: Some(5) };
        let returned = done(Some(&taken), &surplus);
        assert_eq!((returned.status, returned.refunded), (Status::Captured, 5));
        assert_eq!(done(Some(&returned), &surplus), returned);
        assert_eq!(done(Some(&returned), &REFUND).refunded, 10);
    }

    fn any_act() -> impl Strategy<Value = Act> {
        prop_oneof![
            (
                0_i64..3,
                prop_oneof![Just("pm_card_ok"), Just("pm_card_declined")]
            )
                .prop_map(|(amount, method)| ask(amount, method)),
            prop::option::of(0_i64..4).prop_map(|amount| Act::Capture {
                amount,
                twice: false
            }),
            Just(Act::Void),
            prop::option::of(0_i64..4).prop_map(|total| Act::Refund { total }),
        ]
    }

    proptest! {
        #[test]
        fn an_honest_ledger_never_counts_twice(acts in prop::collection::vec(any_act(), 1..12)) {
            let mut known: Option<Authorization> = None;
            for act in acts {
                let Ok(next) = apply(known.as_ref(), "r", &act) else { continue };
                // Whatever was done is the same when it is done again.
                prop_assert_eq!(&apply(Some(&next), "r", &act), &Ok(next.clone()));
                prop_assert!(next.captures <= 1 && next.captured <= next.amount);
                prop_assert!(0 <= next.refunded && next.refunded <= next.captured);
                if let Some(before) = &known {
                    prop_assert!(next.captured >= before.captured);
                    prop_assert!(next.refunded >= before.refunded);
                    let ended = matches!(before.status, Status::Declined | Status::Voided | Status::Refunded);
                    prop_assert!(!ended || *before == next);
                }
                known = Some(next);
            }
        }
    }
}
