//! Tests of the rules against a provider whose answers are written down
//! beforehand, over a real store.

mod odd;

use std::{
    collections::VecDeque,
    sync::{Mutex, PoisonError},
};

use futures_util::future::BoxFuture;
use shop_types::{Currency, Money, PaymentMethod};
use testkit::TempDir;
use watertight_core::{Clock, Either, race};
use watertight_store::Options;

use super::*;
use crate::{
    domain::{Account, LOOKS_MAX, Refusal, Reply, State, Status, View, What},
    store::{Balance, SqliteStore},
};

type Answer = Result<Reply, OutcomeUnknown>;

/// Gives the answers it was told to, in order, and remembers the calls.
#[derive(Debug, Default)]
struct Script {
    answers: Mutex<VecDeque<Answer>>,
    calls: Mutex<Vec<Call>>,
}

impl Script {
    fn then(&self, answers: impl IntoIterator<Item = Answer>) {
        lock(&self.answers).extend(answers);
    }

    fn calls(&self) -> Vec<Call> {
        std::mem::take(&mut lock(&self.calls))
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Provider for Script {
    fn call(&self, _: Deadline, _: OrderId, call: Call) -> BoxFuture<'_, Answer> {
        lock(&self.calls).push(call);
        let answer = lock(&self.answers).pop_front();
        Box::pin(std::future::ready(answer.unwrap_or_else(unknown)))
    }
}

fn unknown() -> Answer {
    Err(OutcomeUnknown(String::from("nobody knows")))
}

fn shown(status: Status, amount: i64, captured: i64, refunded: i64) -> Answer {
    Ok(Reply::Shown(View {
        status,
        amount,
        currency: Some(Currency::EUR),
        captured,
        refunded,
    }))
}

struct Bench {
    payments: Payments,
    sweeper: Sweeper,
    store: Arc<dyn PaymentStore>,
    script: Arc<Script>,
    clock: Clock,
    order: OrderId,
    _dir: TempDir,
}

impl Bench {
    fn new() -> Self {
        Self::with(|_options| {})
    }

    fn with(set: impl FnOnce(&mut Options)) -> Self {
        let dir = testkit::temp_dir();
        let clock = Clock::manual(1_000_000);
        let mut options = Options::new(dir.path());
        options.clock = Some(clock.clone());
        set(&mut options);
        let store = SqliteStore::open_with(options).unwrap();
        let store: Arc<dyn PaymentStore> = Arc::new(store);
        let script = Arc::<Script>::default();
        let provider: Arc<dyn Provider> = script.clone();
        let payments = Payments::new(
            Arc::clone(&store),
            provider,
            Limits::default(),
            Faults::none(),
        );
        Self {
            sweeper: Sweeper::new(payments.clone(), SweeperSettings::default()),
            payments,
            store,
            script,
            clock,
            order: OrderId::at(1),
            _dir: dir,
        }
    }

    async fn ask(&self, what: What) -> Result<Payment, Failure> {
        let ask = Ask {
            order: self.order,
            what,
        };
        self.payments.ask(later(), ask).await
    }

    async fn authorized(&self) {
        self.script.then([shown(Status::Authorized, 500, 0, 0)]);
        let payment = self.ask(authorize(500)).await.unwrap();
        assert_eq!((payment.state, payment.held), (State::Authorized, 500));
        self.script.calls();
    }

    async fn standing(&self) -> Payment {
        self.payments
            .get(later(), self.order)
            .await
            .unwrap()
            .unwrap()
    }

    async fn balance(&self, account: Account) -> i128 {
        let balances = self.store.balances(later()).await.unwrap();
        assert_eq!(balances.iter().map(|b| b.minor).sum::<i128>(), 0);
        let one = |b: &&Balance| b.account == account;
        balances.iter().find(one).map_or(0, |b| b.minor)
    }

    /// Lets intents come of age and sweeps once.
    async fn sweep(&self) -> Resumed {
        self.clock.advance(Duration::from_secs(60));
        self.sweeper.resume_standing().await.unwrap()
    }

    /// Lets checks come due; answers how many were.
    async fn check(&self) -> u32 {
        self.clock.advance(Duration::from_hours(2));
        self.sweeper.check_doubted().await.unwrap().seen
    }
}

fn later() -> Deadline {
    Deadline::after(Duration::from_secs(30))
}

fn authorize(minor: i64) -> What {
    What::Authorize {
        amount: Money::new(minor, Currency::EUR),
        method: PaymentMethod::new("pm_card_secret").unwrap(),
    }
}

#[watertight::test]
async fn an_unknown_outcome_stands_until_somebody_asks_again() {
    let bench = Bench::new();
    bench.script.then([unknown()]);
    let asked = bench.ask(authorize(500)).await;
    assert!(matches!(asked, Err(Failure::Unknown(_))), "{asked:?}");
    assert_eq!(bench.standing().await.state, State::Authorizing);
    bench.script.then([shown(Status::Authorized, 500, 0, 0)]);
    let asked = bench.ask(authorize(500)).await.unwrap();
    assert_eq!(asked.state, State::Authorized);
    assert_eq!(
        asked.method, None,
        "the secret is kept no longer than needed"
    );
    let calls = bench.script.calls();
    assert_eq!(calls.len(), 2);
    assert_eq!(calls[0], calls[1], "the same call again");
}

#[watertight::test]
async fn a_repeat_is_answered_without_the_provider() {
    let bench = Bench::new();
    bench.authorized().await;
    bench.ask(authorize(500)).await.unwrap();
    let other = bench.ask(authorize(501)).await;
    assert_eq!(other, Err(Failure::Refused(Refusal::Mismatch)));
    assert_eq!(bench.script.calls(), []);
}

#[watertight::test]
async fn the_sweeper_resumes_old_intents_and_leaves_young_ones() {
    let bench = Bench::new();
    assert!(bench.ask(authorize(500)).await.is_err());
    bench.script.calls();
    assert_eq!(bench.sweeper.resume_standing().await.unwrap().seen, 0);
    bench.script.then([shown(Status::Authorized, 500, 0, 0)]);
    let swept = bench.sweep().await;
    assert_eq!((swept.seen, swept.settled), (1, 1));
    assert_eq!(bench.standing().await.state, State::Authorized);
    assert_eq!(
        bench.sweep().await.seen,
        0,
        "held money waits for its owner"
    );
}

#[watertight::test]
async fn intents_that_never_settle_do_not_starve_the_others() {
    let mut bench = Bench::new();
    let settings = SweeperSettings {
        intents_max: 1,
        ..SweeperSettings::default()
    };
    bench.sweeper = Sweeper::new(bench.payments.clone(), settings);
    for n in 1..=3 {
        bench.order = OrderId::at(n);
        assert!(bench.ask(authorize(n)).await.is_err());
        bench.clock.advance(Duration::from_millis(1));
    }
    bench.script.calls();
    bench.clock.advance(Duration::from_secs(60));
    let mut tried = Vec::new();
    for _ in 0..4 {
        bench.sweeper.resume_standing().await.unwrap();
        for call in bench.script.calls() {
            let Call::Authorize { amount, .. } = call else {
                panic!("only authorisations stand: {call:?}");
            };
            tried.push(amount.minor());
        }
    }
    // One batch at the end of the walk is empty: it starts anew after it.
    assert_eq!(tried, [1, 2, 3]);
    bench.sweeper.resume_standing().await.unwrap();
    assert_eq!(bench.script.calls().len(), 1);
}

/// A payment is deleted after its retention, its entries are in the balances,
/// and somebody asks for the order once more.
#[watertight::test]
async fn a_void_finds_out_about_a_capture_first() {
    let bench = Bench::new();
    bench.authorized().await;
    bench.script.then([unknown()]);
    assert!(bench.ask(What::Capture).await.is_err());
    bench.script.then([shown(Status::Captured, 500, 500, 0)]);
    let voided = bench.ask(What::Void).await;
    assert_eq!(voided, Err(Failure::Refused(Refusal::Captured)));
    bench.script.then([shown(Status::Refunded, 500, 500, 500)]);
    let refunded = bench.ask(What::Refund).await.unwrap();
    assert_eq!(refunded.state, State::Refunded);
    assert_eq!(bench.balance(Account::ProviderReceivable).await, 0);
    assert_eq!(bench.balance(Account::Refunds).await, 500);
}

#[watertight::test]
async fn an_authorisation_that_is_not_known_can_be_voided() {
    let bench = Bench::new();
    bench.script.then([unknown()]);
    assert!(bench.ask(authorize(500)).await.is_err());
    bench.script.then([shown(Status::Voided, 0, 0, 0)]);
    let voided = bench.ask(What::Void).await.unwrap();
    assert_eq!(voided.state, State::Voided);
    let late = bench.ask(authorize(500)).await;
    assert_eq!(late, Err(Failure::Refused(Refusal::Closed)));
}

#[watertight::test]
async fn a_caller_that_leaves_during_the_call_leaves_the_intent() {
    #[derive(Debug)]
    struct Never;
    impl Provider for Never {
        fn call(&self, _: Deadline, _: OrderId, _: Call) -> BoxFuture<'_, Answer> {
            Box::pin(std::future::pending())
        }
    }
    let bench = Bench::new();
    let limits = Limits::default();
    let stuck = Payments::new(bench.store.clone(), Arc::new(Never), limits, Faults::none());
    let ask = Ask {
        order: bench.order,
        what: authorize(500),
    };
    let written = testkit::wait_until_async(testkit::LIVENESS, || async {
        let standing = bench.payments.get(later(), bench.order).await;
        standing.unwrap().is_some()
    });
    if let Either::Left(asked) = race(stuck.ask(later(), ask), written).await {
        panic!("the call ended: {asked:?}");
    }
    bench.script.then([shown(Status::Authorized, 500, 0, 0)]);
    assert_eq!(
        bench.ask(authorize(500)).await.unwrap().state,
        State::Authorized
    );
}

#[watertight::test]
async fn what_is_old_goes_and_the_sums_stay() {
    let mut bench = Bench::new();
    for n in 1..=5 {
        bench.order = OrderId::at(n);
        bench.authorized().await;
        if n > 1 {
            bench.script.then([shown(Status::Captured, 500, 500, 0)]);
            bench.ask(What::Capture).await.unwrap();
        }
    }
    let before = bench.store.balances(later()).await.unwrap();
    assert_eq!(
        bench.sweeper.prune().await.unwrap(),
        crate::store::Pruned::default()
    );
    bench.clock.advance(Duration::from_hours(101 * 24));
    let pruned = bench.sweeper.prune().await.unwrap();
    assert_eq!((pruned.payments, pruned.entries), (4, 9));
    assert_eq!(bench.store.balances(later()).await.unwrap(), before);
    let left = bench.payments.list(later(), None, 10).await.unwrap();
    assert_eq!(left.len(), 1, "what is still held stays");
}

#[watertight::test]
async fn a_full_store_calls_nobody() {
    let mut bench = Bench::with(|options| options.store_bytes_max = Some(256 << 10));
    for n in 1..100_000 {
        bench.order = OrderId::at(n);
        bench.script.then([shown(Status::Authorized, 500, 0, 0)]);
        match bench.ask(authorize(500)).await {
            Ok(_held) => assert_eq!(bench.script.calls().len(), 1),
            Err(Failure::Store(StoreError::Unavailable(_))) => {
                let standing = bench.payments.get(later(), bench.order).await.unwrap();
                let calls = bench.script.calls().len();
                assert_eq!(calls, usize::from(standing.is_some()), "no intent, no call");
                assert!(bench.store.health().is_err());
                return;
            }
            Err(other) => panic!("{other:?}"),
        }
    }
    panic!("never full");
}
