//! What every store of payments must do, whatever it is made of.
//!
//! A new backend adds one line to [`BACKENDS`] and no test.

#![expect(clippy::unwrap_used, clippy::panic, reason = "tests")]

use std::{any::Any, collections::BTreeMap, sync::Arc, time::Duration};

use payments::{
    Account, Ask, Change, Check, Decision, Entry, Payment, PaymentStore, Pruned, Refusal, Reply,
    SqliteStore, Standing, State, Status, Verdict, View, What, settle,
};
use shop_types::{Currency, Money, OrderId, PaymentMethod};
use testkit::at_once;
use watertight_core::{Clock, Deadline};
use watertight_store::StoreError;

/// A fresh store, its clock, and what has to outlive it.
struct Backend {
    store: Arc<dyn PaymentStore>,
    clock: Clock,
    reopen: Box<dyn Fn() -> Arc<dyn PaymentStore>>,
    _keep: Box<dyn Any>,
}

const BACKENDS: &[fn() -> Backend] = &[sqlite];

fn sqlite() -> Backend {
    let dir = testkit::temp_dir();
    let clock = Clock::manual(1_000_000);
    let (path, time) = (dir.path().to_owned(), clock.clone());
    let open = move || -> Arc<dyn PaymentStore> {
        Arc::new(SqliteStore::open_at(&path, time.clone()).unwrap())
    };
    Backend {
        store: open(),
        clock,
        reopen: Box::new(open),
        _keep: Box::new(dir),
    }
}

/// Runs `test` on a fresh store of each backend.
async fn on_each<F: AsyncFn(&Backend)>(test: F) {
    for make in BACKENDS {
        test(&make()).await;
    }
}

fn later() -> Deadline {
    Deadline::after(Duration::from_secs(30))
}

fn authorize(order: OrderId, minor: i64, currency: Currency) -> Ask {
    let amount = Money::new(minor, currency);
    let method = PaymentMethod::new("pm_card_ok").unwrap();
    let what = What::Authorize { amount, method };
    Ask { order, what }
}

fn ask(order: OrderId, what: What) -> Ask {
    Ask { order, what }
}

/// What the provider shows once an intent of 500 is done as asked.
fn done(intent: &Payment) -> Change {
    let due = intent.amount.map_or(0, Money::minor);
    let (status, captured, refunded) = match intent.state {
        State::Authorizing => (Status::Authorized, 0, 0),
        State::Capturing => (Status::Captured, due, 0),
        State::Voiding => (Status::Voided, 0, 0),
        State::Refunding => (Status::Refunded, due, due),
        State::Authorized | State::Declined | State::Captured | State::Voided | State::Refunded => {
            panic!("{intent:?} is no intent")
        }
    };
    let view = View {
        status,
        amount: due,
        currency: intent.amount.map(Money::currency),
        captured,
        refunded,
    };
    let Verdict::Clear(after) = settle(intent, &Reply::Shown(view)) else {
        panic!("the answer is as it should be");
    };
    let entry = Entry::between(intent, &after);
    Change { after, entry }
}

impl Backend {
    async fn begin(&self, ask: Ask) -> Payment {
        let decision = self.store.decide(later(), ask).await.unwrap();
        let Decision::Begin(intent) = decision else {
            panic!("expected an intent, got {decision:?}");
        };
        intent
    }

    async fn complete(&self, ask: Ask) -> Payment {
        let intent = self.begin(ask).await;
        self.store.settle(later(), done(&intent)).await.unwrap()
    }

    async fn sums(&self) -> BTreeMap<(Currency, Account), i128> {
        let balances = self.store.balances(later()).await.unwrap();
        let sums: BTreeMap<_, _> = balances
            .iter()
            .map(|b| ((b.currency, b.account), b.minor))
            .collect();
        for currency in Currency::ALL {
            let of = |b: &&payments::Balance| b.currency == *currency;
            let sum: i128 = balances.iter().filter(of).map(|b| b.minor).sum();
            assert_eq!(sum, 0, "{currency} does not sum to zero");
        }
        sums
    }
}

#[watertight::test]
async fn an_intent_is_written_down_as_it_is_decided() {
    on_each(async |backend| {
        let order = OrderId::at(1);
        let intent = backend.begin(authorize(order, 500, Currency::EUR)).await;
        assert_eq!(intent.created_ms, 1_000_000);
        let stored = backend.store.get(later(), order).await.unwrap();
        assert_eq!(stored.as_ref(), Some(&intent));
        let again = backend
            .store
            .decide(later(), authorize(order, 500, Currency::EUR));
        assert_eq!(again.await.unwrap(), Decision::Resume(intent));
    })
    .await;
}

#[watertight::test]
async fn a_refusal_writes_nothing() {
    on_each(async |backend| {
        let order = OrderId::at(1);
        for (what, refusal) in [
            (What::Capture, Refusal::NotAuthorized),
            (What::Refund, Refusal::NotFound),
        ] {
            let decided = backend.store.decide(later(), ask(order, what)).await;
            assert_eq!(decided.unwrap(), Decision::Refused(refusal));
        }
        assert_eq!(backend.store.get(later(), order).await.unwrap(), None);
    })
    .await;
}

#[watertight::test]
async fn every_field_comes_back() {
    on_each(async |backend| {
        let order = OrderId::at(1);
        backend.complete(authorize(order, 500, Currency::KWD)).await;
        let intent = backend.begin(ask(order, What::Capture)).await;
        backend.clock.advance(Duration::from_secs(1));
        let odd = Payment {
            state: State::Captured,
            method: None,
            held: 0,
            captured: 1_000,
            refunded: 200,
            surplus: 300,
            discrepancies: 7,
            version: intent.version + 1,
            ..intent.clone()
        };
        let entry = Entry::between(&intent, &odd);
        let change = Change {
            after: odd.clone(),
            entry,
        };
        let written = backend.store.settle(later(), change).await.unwrap();
        let expected = Payment {
            updated_ms: 1_001_000,
            ..odd
        };
        assert_eq!(written, expected);
        let stored = backend.store.get(later(), order).await.unwrap();
        assert_eq!(stored, Some(expected));
        assert_eq!(
            backend.sums().await,
            BTreeMap::from([
                ((Currency::KWD, Account::ProviderReceivable), 800),
                ((Currency::KWD, Account::Revenue), -500),
                ((Currency::KWD, Account::Discrepancies), -300),
            ])
        );
    })
    .await;
}

#[watertight::test]
async fn a_tombstone_has_no_amount() {
    on_each(async |backend| {
        let order = OrderId::at(1);
        let voided = backend.complete(ask(order, What::Void)).await;
        assert_eq!((voided.state, voided.amount), (State::Voided, None));
        let stored = backend.store.get(later(), order).await.unwrap();
        assert_eq!(stored, Some(voided));
        let late = backend
            .store
            .decide(later(), authorize(order, 5, Currency::EUR));
        assert_eq!(late.await.unwrap(), Decision::Refused(Refusal::Closed));
    })
    .await;
}

#[watertight::test]
async fn who_is_late_conflicts_and_books_nothing() {
    on_each(async |backend| {
        let order = OrderId::at(1);
        let intent = backend.begin(authorize(order, 500, Currency::EUR)).await;
        let change = done(&intent);
        backend.store.settle(later(), change.clone()).await.unwrap();
        let sums = backend.sums().await;
        let stored = backend.store.get(later(), order).await.unwrap();
        let late = backend.store.settle(later(), change).await;
        assert!(matches!(late, Err(StoreError::Conflict(_))), "{late:?}");
        assert_eq!(backend.sums().await, sums);
        assert_eq!(backend.store.get(later(), order).await.unwrap(), stored);
    })
    .await;
}

#[watertight::test]
async fn a_payment_that_cannot_be_is_refused() {
    on_each(async |backend| {
        let order = OrderId::at(1);
        let intent = backend.begin(authorize(order, 500, Currency::EUR)).await;
        let impossible = Payment {
            version: 2,
            method: None,
            refunded: 1,
            ..intent.clone()
        };
        let entry = Entry::between(&intent, &impossible);
        let change = Change {
            after: impossible,
            entry,
        };
        let refused = backend.store.settle(later(), change).await;
        assert!(
            matches!(refused, Err(StoreError::Corrupt(_))),
            "{refused:?}"
        );
        let stored = backend.store.get(later(), order).await.unwrap();
        assert_eq!(stored, Some(intent));
        assert_eq!(backend.sums().await, BTreeMap::new());
    })
    .await;
}

#[watertight::test]
async fn of_fifty_twins_one_begins() {
    on_each(async |backend| {
        let order = OrderId::at(1);
        let twins = (0..50).map(|_| {
            backend
                .store
                .decide(later(), authorize(order, 500, Currency::EUR))
        });
        let decisions = at_once(twins).await;
        let begun = decisions
            .iter()
            .filter(|d| matches!(d, Ok(Decision::Begin(_))));
        assert_eq!(begun.count(), 1);
        let resumed = decisions
            .iter()
            .filter(|d| matches!(d, Ok(Decision::Resume(_))));
        assert_eq!(resumed.count(), 49);
    })
    .await;
}

#[watertight::test]
async fn pages_cover_everything_once_in_order() {
    on_each(async |backend| {
        let mut orders: Vec<_> = (1..=25).map(OrderId::at).collect();
        for order in orders.iter().rev() {
            backend.begin(authorize(*order, 1, Currency::EUR)).await;
        }
        orders.sort();
        let (mut seen, mut after) = (Vec::new(), None);
        loop {
            let page = backend.store.list(later(), after, 7).await.unwrap();
            assert!(page.len() <= 7);
            let Some(last) = page.last() else { break };
            after = Some(last.order);
            seen.extend(page.iter().map(|payment| payment.order));
        }
        assert_eq!(seen, orders);
    })
    .await;
}

#[watertight::test]
async fn standing_intents_are_walked_oldest_first() {
    on_each(async |backend| {
        let (first, second, third) = (OrderId::at(9), OrderId::at(5), OrderId::at(1));
        for order in [first, second, third] {
            backend.begin(authorize(order, 1, Currency::EUR)).await;
            backend.clock.advance(Duration::from_millis(10));
        }
        // Held money doesn't stand; an intent on it does, since it was written.
        let held = OrderId::at(3);
        backend.complete(authorize(held, 1, Currency::EUR)).await;
        let walk = async |before_ms, after, limit| -> Vec<Standing> {
            let step = backend.store.standing(later(), before_ms, after, limit);
            step.await.unwrap()
        };
        let all = walk(i64::MAX, None, 10).await;
        let orders: Vec<_> = all.iter().map(|standing| standing.order).collect();
        assert_eq!(orders, [first, second, third]);
        assert_eq!(walk(1_000_020, None, 10).await, all[..2]);
        assert_eq!(walk(i64::MAX, Some(all[0]), 1).await, all[1..2]);
        assert_eq!(walk(i64::MAX, Some(all[2]), 10).await, []);
        backend.begin(ask(held, What::Void)).await;
        assert_eq!(walk(i64::MAX, Some(all[2]), 10).await[0].order, held);
    })
    .await;
}

#[watertight::test]
async fn pruning_is_bounded_and_keeps_the_sums() {
    on_each(async |backend| {
        let held = OrderId::at(100);
        backend.complete(authorize(held, 9, Currency::USD)).await;
        let orders: Vec<_> = (1..=5).map(OrderId::at).collect();
        for (minor, order) in (1..).zip(&orders) {
            backend
                .complete(authorize(*order, minor, Currency::EUR))
                .await;
            backend.complete(ask(*order, What::Capture)).await;
        }
        backend.complete(ask(orders[4], What::Refund)).await;
        let sums = backend.sums().await;
        assert_eq!(sums[&(Currency::EUR, Account::Revenue)], -15);
        assert_eq!(sums[&(Currency::EUR, Account::Refunds)], 5);
        let early = backend
            .store
            .prune(later(), backend.store.now_ms(), 3)
            .await;
        assert_eq!(early.unwrap(), Pruned::default());
        backend.clock.advance(Duration::from_secs(1));
        let young = OrderId::at(200);
        backend.complete(ask(young, What::Void)).await;
        let mut total = Pruned::default();
        loop {
            let before_ms = backend.store.now_ms();
            let step = backend.store.prune(later(), before_ms, 3).await.unwrap();
            assert!(step.payments <= 3 && step.entries <= 3);
            assert_eq!(backend.sums().await, sums);
            if step == Pruned::default() {
                break;
            }
            total.payments += step.payments;
            total.entries += step.entries;
        }
        let expected = Pruned {
            payments: 5,
            entries: 12,
        };
        assert_eq!(total, expected);
        let left = backend.store.list(later(), None, 10).await.unwrap();
        let left: Vec<_> = left.iter().map(|payment| payment.order).collect();
        assert_eq!(left, [held, young]);
    })
    .await;
}

#[watertight::test]
async fn sums_may_exceed_sixty_four_bits() {
    on_each(async |backend| {
        let most = payments::AMOUNT_MAX;
        let orders = 100;
        for n in 1..=orders {
            let order = OrderId::at(n);
            backend
                .complete(authorize(order, most, Currency::EUR))
                .await;
            backend.complete(ask(order, What::Capture)).await;
        }
        let revenue = -i128::from(most) * i128::from(orders);
        assert!(i64::try_from(revenue).is_err());
        let key = (Currency::EUR, Account::Revenue);
        assert_eq!(backend.sums().await[&key], revenue);
        backend.clock.advance(Duration::from_secs(1));
        let before_ms = backend.store.now_ms();
        backend
            .store
            .prune(later(), before_ms, 1_000)
            .await
            .unwrap();
        assert_eq!(backend.sums().await[&key], revenue);
    })
    .await;
}

#[watertight::test]
async fn what_is_in_doubt_is_listed_when_it_is_due_and_kept() {
    on_each(async |backend| {
        let order = OrderId::at(1);
        backend.complete(authorize(order, 500, Currency::EUR)).await;
        let taken = backend.complete(ask(order, What::Capture)).await;
        let doubted = async |now_ms| backend.store.doubted(later(), now_ms, 10).await.unwrap();
        assert_eq!(doubted(i64::MAX).await, []);
        let entry = Entry::between(&taken, &taken);
        let check = Some(Check {
            due_ms: 2_000_000,
            looks: 3,
            agreed: 1,
        });
        let version = taken.version + 1;
        let after = Payment {
            check,
            version,
            ..taken
        };
        let kept = backend.store.settle(later(), Change { after, entry });
        let kept = kept.await.unwrap();
        assert_eq!(doubted(1_999_999).await, []);
        assert_eq!(doubted(2_000_000).await, [order]);
        let read = backend.store.get(later(), order).await.unwrap();
        assert_eq!(read.as_ref(), Some(&kept));
        backend.clock.advance(Duration::from_secs(1));
        let now_ms = backend.store.now_ms();
        let pruned = backend.store.prune(later(), now_ms, 10).await.unwrap();
        assert_eq!(pruned.payments, 0);
        let version = kept.version + 1;
        let after = Payment {
            check: None,
            version,
            ..kept
        };
        let settled = backend.store.settle(later(), Change { after, entry });
        settled.await.unwrap();
        assert_eq!(doubted(i64::MAX).await, []);
    })
    .await;
}

#[watertight::test]
async fn what_was_answered_survives_a_restart() {
    on_each(async |backend| {
        let order = OrderId::at(1);
        let payment = backend.complete(authorize(order, 500, Currency::EUR)).await;
        backend.store.close().await;
        let closed = backend.store.get(later(), order).await;
        assert!(closed.is_err(), "{closed:?}");
        let again = (backend.reopen)();
        assert_eq!(again.get(later(), order).await.unwrap(), Some(payment));
        again.close().await;
    })
    .await;
}
