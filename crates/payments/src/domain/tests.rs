//! Property tests of the decisions: an order's payment is driven through random
//! asks, lost requests, lost replies and lies, against the provider's own rules.

use proptest::prelude::*;
use provider::{Act, Authorization, apply};
use shop_types::{Currency, Money, OrderId, PaymentMethod};

use super::*;

/// What befalls one call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Answered,
    RequestLost,
    ReplyLost,
}

#[derive(Clone, Debug)]
struct Asked {
    what: What,
    fate: Fate,
    twice: bool,
}

/// Payments and the provider, without anything in between.
struct World {
    order: OrderId,
    payment: Option<Payment>,
    books: [i64; 6],
    authorization: Option<Authorization>,
}

impl World {
    fn new() -> Self {
        Self {
            order: OrderId::at(1),
            payment: None,
            books: [0; 6],
            authorization: None,
        }
    }

    /// One call of the service: decide, call, settle, until it is answered or
    /// the outcome is unknown.
    fn ask(&mut self, asked: &Asked) -> Result<Option<Decision>, TestCaseError> {
        let ask = Ask {
            order: self.order,
            what: asked.what.clone(),
        };
        for _ in 0..4 {
            let before = self.payment.clone();
            let decision = decide(&ask, before.clone(), 5);
            match &decision {
                Decision::Done(_) | Decision::Refused(_) => return Ok(Some(decision)),
                Decision::Begin(intent) => self.write(before.as_ref(), intent.clone())?,
                Decision::Resume(intent) => prop_assert_eq!(Some(intent), before.as_ref()),
            }
            if !self.resume(asked.fate, asked.twice)? {
                return Ok(None);
            }
        }
        Err(TestCaseError::fail("the call leads in circles"))
    }

    /// Makes the call of the standing intent; false if its outcome is unknown.
    fn resume(&mut self, fate: Fate, twice: bool) -> Result<bool, TestCaseError> {
        let intent = self.payment.clone().unwrap();
        let Some(call) = intent.call() else {
            return Err(TestCaseError::fail("an intent without a call"));
        };
        if fate == Fate::RequestLost {
            return Ok(false);
        }
        let reply = self.provider(&call, twice);
        if fate == Fate::ReplyLost {
            return Ok(false);
        }
        let mut verdict = settle(&intent, &reply);
        if matches!(verdict, Verdict::Open(_)) {
            verdict = settle(&intent, &self.provider(&Call::Look, false));
        }
        let after = match verdict {
            Verdict::Clear(after) => after,
            Verdict::Odd { mut after, .. } => {
                after.discrepancies += 1;
                after
            }
            Verdict::Open(_) => return Ok(false),
        };
        self.write(Some(&intent), after)?;
        Ok(true)
    }

    /// Writes a payment down, books it, and checks what must always hold.
    fn write(&mut self, before: Option<&Payment>, after: Payment) -> Result<(), TestCaseError> {
        prop_assert_eq!(after.version, before.map_or(0, |before| before.version) + 1);
        prop_assert_eq!(after.phase() == Phase::Standing, after.call().is_some());
        prop_assert!(after.method.is_none() || after.state == State::Authorizing);
        if let Some(before) = before {
            let entry = Entry::between(before, &after);
            prop_assert_eq!(entry.postings().iter().sum::<i64>(), 0);
            for (book, posting) in self.books.iter_mut().zip(entry.postings()) {
                *book += posting;
            }
            let ended = [State::Declined, State::Voided, State::Refunded];
            prop_assert!(
                !ended.contains(&before.state),
                "{:?} moved on",
                before.state
            );
        }
        self.payment = Some(after);
        Ok(())
    }

    fn provider(&mut self, call: &Call, twice: bool) -> Reply {
        let act = match call {
            Call::Look => return self.authorization.as_ref().map_or(Reply::Absent, shown),
            Call::Authorize { amount, method } => Act::Authorize {
                amount: amount.minor(),
                currency: amount.currency().code().to_owned(),
                payment_method: method.as_str().to_owned(),
            },
            Call::Capture { amount } => Act::Capture {
                amount: Some(*amount),
                twice,
            },
            Call::Void => Act::Void,
            Call::Refund { total } => Act::Refund { total: *total },
        };
        match apply(self.authorization.as_ref(), "r", &act) {
            Ok(after) => shown(self.authorization.insert(after)),
            Err(provider::Refusal::Closed) => Reply::Closed,
            Err(provider::Refusal::NotFound) => Reply::Absent,
            Err(why) => Reply::Refused(why.to_string()),
        }
    }
}

fn shown(a: &Authorization) -> Reply {
    Reply::Shown(View {
        status: match a.status {
            provider::Status::Authorized => Status::Authorized,
            provider::Status::Declined => Status::Declined,
            provider::Status::Captured => Status::Captured,
            provider::Status::Voided => Status::Voided,
            provider::Status::Refunded => Status::Refunded,
        },
        amount: a.amount,
        currency: a.currency.parse().ok(),
        captured: a.captured,
        refunded: a.refunded,
    })
}

fn asked(twice: impl Strategy<Value = bool> + 'static) -> impl Strategy<Value = Asked> {
    let what = prop_oneof![
        3 => (0_i64..3, prop_oneof![4 => Just("pm_card_ok"), 1 => Just("pm_card_declined")])
            .prop_map(|(amount, method)| What::Authorize {
                amount: Money::new(amount, Currency::EUR),
                method: PaymentMethod::new(method).unwrap(),
            }),
        3 => Just(What::Capture),
        1 => Just(What::Void),
        1 => Just(What::Refund),
    ];
    let fate = prop_oneof![
        3 => Just(Fate::Answered),
        1 => Just(Fate::RequestLost),
        1 => Just(Fate::ReplyLost),
    ];
    (what, fate, twice).prop_map(|(what, fate, twice)| Asked { what, fate, twice })
}

/// Drives a world through `asks` and lets the sweeper finish.
fn live(asks: &[Asked]) -> Result<World, TestCaseError> {
    let mut world = World::new();
    for asked in asks {
        let answer = world.ask(asked)?;
        if let Some(Decision::Done(_)) = &answer {
            // Asked again, the answer is the same and nothing is called.
            prop_assert_eq!(world.ask(asked)?, answer);
        }
    }
    for _ in 0..4 {
        if world
            .payment
            .as_ref()
            .is_some_and(|p| p.phase() == Phase::Standing)
        {
            world.resume(Fate::Answered, false)?;
        }
    }
    Ok(world)
}

/// What must hold in the end, lies or not.
fn agree(world: &World) -> Result<(), TestCaseError> {
    let Some(payment) = &world.payment else {
        return Ok(());
    };
    prop_assert!(
        payment.phase() != Phase::Standing,
        "{:?} still stands",
        payment
    );
    let Some(theirs) = &world.authorization else {
        return Err(TestCaseError::fail("settled without the provider"));
    };
    prop_assert_eq!(
        (payment.captured, payment.refunded),
        (theirs.captured, theirs.refunded)
    );
    let net = payment.captured - payment.refunded;
    let only_in = |state| {
        if payment.state == state {
            payment.due()
        } else {
            0
        }
    };
    let (due, held) = (only_in(State::Captured), only_in(State::Authorized));
    prop_assert_eq!((net, payment.held), (due, held));
    // Booked over many entries, and yet what the figures say.
    let [holds, offset, receivable, revenue, refunds, discrepancies] = world.books;
    prop_assert_eq!((holds, offset), (held, -held));
    prop_assert_eq!(receivable, net);
    prop_assert_eq!(revenue + refunds, -net);
    prop_assert_eq!(discrepancies, 0);
    Ok(())
}

proptest! {
    #[test]
    fn an_honest_provider_is_charged_once_and_both_books_agree(
        asks in prop::collection::vec(asked(Just(false)), 1..14)
    ) {
        let world = live(&asks)?;
        agree(&world)?;
        prop_assert_eq!(world.payment.map_or(0, |p| p.discrepancies), 0);
        prop_assert!(world.authorization.is_none_or(|theirs| theirs.captures <= 1));
    }

    #[test]
    fn a_provider_that_takes_twice_ends_up_with_what_was_asked(
        asks in prop::collection::vec(asked(any::<bool>()), 1..14)
    ) {
        let world = live(&asks)?;
        agree(&world)?;
        if let (Some(payment), Some(theirs)) = (&world.payment, &world.authorization) {
            let noticed = payment.discrepancies > 0 || payment.state == State::Refunded;
            prop_assert!(theirs.captured <= theirs.amount || noticed);
        }
    }

    #[test]
    fn whatever_is_shown_is_settled_without_losing_the_sum(
        state in prop::sample::select(State::ALL.to_vec()),
        status in prop::sample::select(vec![
            Status::Authorized, Status::Declined, Status::Captured, Status::Voided, Status::Refunded,
        ]),
        (due, amount) in (0..=AMOUNT_MAX, 0..=FIGURE_MAX),
        (captured, back) in (0..=FIGURE_MAX, 0..=FIGURE_MAX),
        surplus in 0..=FIGURE_MAX,
    ) {
        let refunded = back.min(captured);
        let before = Payment {
            amount: Some(Money::new(due, Currency::EUR)),
            surplus: if state == State::Captured { surplus } else { 0 },
            ..Payment::begin(OrderId::at(1), state, 1)
        };
        let view = View { status, amount, currency: Some(Currency::EUR), captured, refunded };
        match settle(&before, &Reply::Shown(view)) {
            Verdict::Clear(after) | Verdict::Odd { after, .. } => {
                let entry = Entry::between(&before, &after);
                let sum: i128 = entry.postings().iter().map(|&minor| i128::from(minor)).sum();
                prop_assert_eq!(sum, 0);
                prop_assert_eq!((after.captured, after.refunded), (captured, refunded));
                prop_assert!(after.surplus >= 0);
            }
            Verdict::Open(_) => {}
        }
    }
}

#[test]
fn codes_of_states_are_their_own_inverse() {
    for state in State::ALL {
        assert_eq!(State::from_code(state.code()), Some(state));
    }
    assert_eq!(State::from_code(0), None);
}

#[test]
fn another_currency_settles_nothing() {
    let before = Payment {
        amount: Some(Money::new(5, Currency::EUR)),
        ..Payment::begin(OrderId::at(1), State::Capturing, 1)
    };
    let view = View {
        status: Status::Captured,
        amount: 5,
        currency: Some(Currency::USD),
        captured: 5,
        refunded: 0,
    };
    assert!(matches!(
        settle(&before, &Reply::Shown(view)),
        Verdict::Open(_)
    ));
}
