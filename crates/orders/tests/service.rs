//! The service with a real store, and inventory and payments that misbehave.

#![expect(clippy::unwrap_used, reason = "a test may stop where it can't go on")]

#[path = "common/fake.rs"]
#[expect(dead_code, reason = "each test uses a part of it")]
mod fake;
#[path = "common/world.rs"]
#[expect(dead_code, reason = "each test uses a part of it")]
mod world;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use fake::{Fake, Fate};
use futures_core::future::BoxFuture;
use futures_util::future::join_all;
use orders::model::{Line, NewOrder, Order, Reason, State};
use orders::service::{Call, Orders, Parts, Refused, Settings};
use orders::store::{
    Advance, Advanced, Answer, Cancel, Cancelled, Claim, Claimed, DeleteBefore, Kept, Listing,
    OrderStore, Owner, Record, Recorded, SqliteOrders, StoreError, Unfinished,
};
use shop_types::{CustomerId, IdempotencyKey, OrderId, PaymentMethod, Quantity, Sku};
use testkit::{LIVENESS, TempDir, wait_until_async};
use tokio::sync::Semaphore;
use watertight_core::{Clock, Deadline, Faults, Scope};
use watertight_store::{Options, RetryReason};
use world::{Goods, Purse};

const START_MS: i64 = 1_763_675_000_000;

struct Shop {
    orders: Orders,
    fake: Fake,
    store: Arc<Gated>,
    clock: Clock,
    scope: Scope,
    _dir: Option<TempDir>,
}

impl Shop {
    fn new() -> Self {
        Self::with(Settings::default())
    }

    fn with(settings: Settings) -> Self {
        let dir = testkit::temp_dir();
        let mut shop = Self::open(dir.path(), Fake::new(1_000), settings, START_MS);
        shop._dir = Some(dir);
        shop
    }

    /// A process on `dir` whose machine says that it is `now_ms`.
    fn open(dir: &Path, fake: Fake, settings: Settings, now_ms: i64) -> Self {
        Self::start(Options::new(dir), fake, settings, now_ms)
    }

    fn start(options: Options, fake: Fake, settings: Settings, now_ms: i64) -> Self {
        let clock = Clock::manual(now_ms);
        let options = Options {
            clock: Some(clock.clone()),
            ..options
        };
        let store = Arc::new(Gated::new(SqliteOrders::open(options).unwrap()));
        let scope = Scope::root("orders");
        let orders = Orders::new(Parts {
            store: store.clone(),
            stock: Arc::new(fake.clone()),
            till: Arc::new(fake.clone()),
            scope: scope.clone(),
            settings,
            faults: Faults::none(),
        });
        Self {
            orders,
            fake,
            store,
            clock,
            scope,
            _dir: None,
        }
    }

    async fn place(&self, key: &str) -> Result<Arc<Order>, Refused> {
        self.orders
            .place(soon(), new_order(key, "tea", "pm_card_ok"))
            .await
    }

    /// Places an order and doesn't wait for its end.
    async fn pending(&self, key: &str) -> OrderId {
        let margin = Settings::default().answer_margin;
        let deadline = Deadline::after(margin + Duration::from_millis(500));
        let order = self
            .orders
            .place(deadline, new_order(key, "tea", "pm_card_ok"))
            .await
            .unwrap();
        assert!(!order.state.is_end());
        order.id
    }

    async fn get(&self, id: OrderId) -> Order {
        self.orders.get(soon(), id).await.unwrap()
    }

    async fn until(&self, id: OrderId, state: State) {
        wait_until_async(LIVENESS, || async { self.get(id).await.state == state }).await;
    }

    /// Ends the process: cancels what runs, gives the directory back.
    async fn stop(self) -> Option<TempDir> {
        self.scope.close(Duration::ZERO).await;
        self.store.close().await;
        self._dir
    }

    /// Sweeps, as the chassis does once a second, until the order is at its end.
    async fn sweep_until_end(&self, id: OrderId) -> Order {
        wait_until_async(LIVENESS, || async {
            self.orders.tend().await;
            self.get(id).await.state.is_end()
        })
        .await;
        self.get(id).await
    }
}

fn soon() -> Deadline {
    Deadline::after(LIVENESS)
}

fn new_order(key: &str, sku: &str, method: &str) -> NewOrder {
    NewOrder {
        key: IdempotencyKey::new(key).unwrap(),
        customer: CustomerId::new("ada").unwrap(),
        lines: Arc::from([Line {
            sku: Sku::new(sku).unwrap(),
            quantity: Quantity::new(2).unwrap(),
            unit_price: None,
        }]),
        payment_method: PaymentMethod::new(method).unwrap(),
    }
}

/// A store whose record can be held up or made to fail.
struct Gated {
    inner: SqliteOrders,
    gate: Semaphore,
    waiting: AtomicBool,
    lose_steps: AtomicBool,
    steps: AtomicU32,
}

impl Gated {
    fn new(inner: SqliteOrders) -> Self {
        Self {
            inner,
            gate: Semaphore::new(Semaphore::MAX_PERMITS),
            waiting: AtomicBool::new(false),
            lose_steps: AtomicBool::new(false),
            steps: AtomicU32::new(0),
        }
    }

    /// From now on records wait before they get to the store.
    fn shut(&self) {
        while self.gate.available_permits() > 0 {
            self.gate.forget_permits(usize::MAX);
        }
    }

    fn open(&self) {
        self.gate.add_permits(1);
    }

    /// How many orders there are.
    async fn len(&self) -> usize {
        let listing = Listing {
            customer: None,
            after: None,
            limit: 10_000,
        };
        self.list(soon(), listing).await.unwrap().len()
    }
}

impl OrderStore for Gated {
    fn record(&self, deadline: Deadline, step: Record) -> Answer<'_, Recorded> {
        Box::pin(async move {
            self.waiting.store(true, Ordering::Release);
            let permit = self.gate.acquire().await.unwrap();
            drop(permit);
            self.inner.record(deadline, step).await
        })
    }

    fn advance(&self, deadline: Deadline, step: Advance) -> Answer<'_, Advanced> {
        Box::pin(async move {
            let answer = self.inner.advance(deadline, step).await;
            // Every other step answers that nobody knows, though it was done.
            let steps = self.steps.fetch_add(1, Ordering::AcqRel);
            if self.lose_steps.load(Ordering::Acquire) && steps.is_multiple_of(2) {
                return Err(StoreError::Unknown("the test says so".into()));
            }
            answer
        })
    }

    fn cancel(&self, deadline: Deadline, step: Cancel) -> Answer<'_, Cancelled> {
        self.inner.cancel(deadline, step)
    }

    fn claim(&self, deadline: Deadline, step: Claim) -> Answer<'_, Vec<Claimed>> {
        self.inner.claim(deadline, step)
    }

    fn expire_leases(&self, deadline: Deadline, owner: Owner, limit: u32) -> Answer<'_, usize> {
        self.inner.expire_leases(deadline, owner, limit)
    }

    fn delete_keys(&self, deadline: Deadline, step: DeleteBefore) -> Answer<'_, usize> {
        self.inner.delete_keys(deadline, step)
    }

    fn delete_orders(&self, deadline: Deadline, step: DeleteBefore) -> Answer<'_, usize> {
        self.inner.delete_orders(deadline, step)
    }

    fn order(&self, deadline: Deadline, id: OrderId) -> Answer<'_, Option<Order>> {
        self.inner.order(deadline, id)
    }

    fn by_key(&self, deadline: Deadline, key: IdempotencyKey) -> Answer<'_, Option<Kept>> {
        self.inner.by_key(deadline, key)
    }

    fn list(&self, deadline: Deadline, listing: Listing) -> Answer<'_, Vec<Order>> {
        self.inner.list(deadline, listing)
    }

    fn unfinished(&self, deadline: Deadline, limit: u32) -> Answer<'_, Unfinished> {
        self.inner.unfinished(deadline, limit)
    }

    fn now_ms(&self) -> i64 {
        self.inner.now_ms()
    }

    fn health(&self) -> Result<(), String> {
        self.inner.health()
    }

    fn close(&self) -> BoxFuture<'_, ()> {
        self.inner.close()
    }
}

#[tokio::test]
async fn an_order_is_confirmed_paid_and_sold() {
    let shop = Shop::new();
    let order = shop.place("k").await.unwrap();
    assert_eq!(order.state, State::Confirmed);
    assert_eq!(shop.get(order.id).await, *order);
    let books = shop.fake.world().books(order.id);
    assert_eq!(
        (books.goods, books.purse),
        (Some(Goods::Committed), Some(Purse::Captured))
    );
    assert_eq!(order.total.unwrap().minor(), 200);
    wait_until_async(LIVENESS, || async { shop.orders.jobs() == 0 }).await;
}

#[tokio::test]
async fn a_hundred_twins_are_one_order_with_one_effect() {
    let shop = Shop::new();
    let twins = join_all((0..100).map(|_| shop.place("k"))).await;
    let first = twins[0].as_ref().unwrap();
    for twin in &twins {
        let twin = twin.as_ref().unwrap();
        assert_eq!((twin.id, twin.state), (first.id, State::Confirmed));
    }
    assert_eq!(shop.store.len().await, 1);
    let world = shop.fake.world();
    assert_eq!(world.books.len(), 1);
    for call in [Call::Reserve, Call::Authorize, Call::Capture, Call::Commit] {
        assert_eq!(world.calls(call), 1, "{call:?}");
    }
}

#[tokio::test]
async fn a_twin_in_flight_waits_for_the_first() {
    let shop = Shop::new();
    shop.fake.hold(Call::Capture);
    let both = async { tokio::join!(shop.place("k"), shop.place("k")) };
    let release = async {
        wait_until_async(LIVENESS, || async { shop.store.len().await == 1 }).await;
        shop.fake.let_go(Call::Capture);
    };
    let ((first, twin), ()) = tokio::join!(both, release);
    assert_eq!(first.unwrap(), twin.unwrap());
}

#[tokio::test]
async fn another_body_under_the_same_key_is_refused() {
    let shop = Shop::new();
    shop.place("k").await.unwrap();
    let other = shop
        .orders
        .place(soon(), new_order("k", "jam", "pm_card_ok"))
        .await;
    assert!(matches!(other, Err(Refused::KeyReused)), "{other:?}");
    assert_eq!(shop.store.len().await, 1);
}

#[tokio::test]
async fn final_errors_are_repeated_too() {
    let shop = Shop::new();
    let unknown = || {
        shop.orders
            .place(soon(), new_order("k1", "none", "pm_card_ok"))
    };
    let declined = || {
        shop.orders
            .place(soon(), new_order("k2", "tea", "pm_card_declined"))
    };
    let Err(Refused::BadOrder(first)) = unknown().await else {
        panic!()
    };
    assert_eq!(first.rejection.as_ref().unwrap().reason, Reason::UnknownSku);
    let Err(Refused::BadOrder(again)) = unknown().await else {
        panic!()
    };
    assert_eq!(first, again);
    let (first, again) = (declined().await.unwrap(), declined().await.unwrap());
    assert_eq!((first.state, first.id), (State::Rejected, again.id));
    assert_eq!(
        first.rejection.as_ref().unwrap().reason,
        Reason::PaymentDeclined
    );
    assert!(!shop.fake.world().books(first.id).holds_something());
    assert_eq!(shop.fake.world().calls(Call::Authorize), 1);
}

#[tokio::test]
async fn lost_requests_and_replies_are_repeated_until_it_is_done_once() {
    let shop = Shop::new();
    for call in [Call::Reserve, Call::Authorize, Call::Capture, Call::Commit] {
        shop.fake.script(call, [Fate::ReplyLost, Fate::RequestLost]);
    }
    let order = shop.place("k").await.unwrap();
    assert_eq!(order.state, State::Confirmed);
    assert_eq!(shop.fake.world().books(order.id).captures, 1);
    assert_eq!(shop.fake.world().calls(Call::Capture), 2);
}

#[tokio::test]
async fn a_silent_service_costs_a_call_its_deadline_and_no_more() {
    let shop = Shop::with(Settings {
        stock_call_max: Duration::from_millis(20),
        till_call_max: Duration::from_millis(20),
        ..Settings::default()
    });
    shop.fake.script(Call::Reserve, [Fate::Silent]);
    shop.fake
        .script(Call::Capture, [Fate::Silent, Fate::Silent]);
    assert_eq!(shop.place("k").await.unwrap().state, State::Confirmed);
}

#[tokio::test]
async fn a_store_that_answers_unknown_is_asked_again() {
    let shop = Shop::new();
    shop.store.lose_steps.store(true, Ordering::Release);
    let order = shop.place("k").await.unwrap();
    assert_eq!((order.state, order.version), (State::Confirmed, 5));
    assert_eq!(shop.store.steps.load(Ordering::Acquire), 8);
    assert_eq!(shop.fake.world().books(order.id).captures, 1);
}

#[tokio::test]
async fn near_the_deadline_the_answer_is_the_order_as_it_stands() {
    let shop = Shop::new();
    shop.fake.hold(Call::Authorize);
    let id = shop.pending("k").await;
    shop.fake.let_go(Call::Authorize);
    shop.until(id, State::Confirmed).await;
    assert_eq!(shop.place("k").await.unwrap().id, id);
}

#[tokio::test]
async fn a_caller_that_leaves_before_the_record_cancels_everything() {
    let shop = Shop::new();
    shop.store.shut();
    {
        let place = shop.place("k");
        tokio::pin!(place);
        let waiting = wait_until_async(LIVENESS, || async {
            shop.store.waiting.load(Ordering::Acquire)
        });
        tokio::select! {
            _ = &mut place => panic!("the gate is shut"),
            () = waiting => {}
        }
        // Here the caller leaves.
    }
    shop.store.open();
    wait_until_async(LIVENESS, || async { shop.orders.jobs() == 0 }).await;
    assert_eq!(shop.store.len().await, 0);
    assert_eq!(shop.fake.world().calls(Call::Reserve), 0);
}

#[tokio::test]
async fn a_caller_that_leaves_after_the_record_changes_nothing() {
    let shop = Shop::new();
    shop.fake.hold(Call::Authorize);
    {
        let place = shop.place("k");
        tokio::pin!(place);
        tokio::select! {
            _ = &mut place => panic!("the call is held"),
            () = shop.fake.called(Call::Reserve, 1) => {}
        }
    }
    shop.fake.let_go(Call::Authorize);
    let order = shop.place("k").await.unwrap();
    assert_eq!(order.state, State::Confirmed);
    assert_eq!(shop.fake.world().books.len(), 1);
}

#[tokio::test]
async fn a_full_service_refuses_before_it_records_but_knows_its_keys() {
    let shop = Shop::with(Settings {
        jobs_max: 1,
        ..Settings::default()
    });
    let done = shop.place("done").await.unwrap();
    wait_until_async(LIVENESS, || async { shop.orders.jobs() == 0 }).await;
    shop.fake.hold(Call::Authorize);
    let running = shop.pending("running").await;
    let refused = shop.place("one more").await;
    assert!(
        matches!(refused, Err(Refused::TooManyOrdersInFlight)),
        "{refused:?}"
    );
    let cancel = shop.orders.cancel(soon(), running).await;
    assert!(
        matches!(cancel, Err(Refused::TooManyOrdersInFlight)),
        "{cancel:?}"
    );
    assert_eq!(shop.store.len().await, 2);
    assert_eq!(shop.place("done").await.unwrap().id, done.id);
    let (twin, ()) = tokio::join!(shop.place("running"), async {
        shop.fake.let_go(Call::Authorize);
    });
    assert_eq!(twin.unwrap().id, running);
}

#[tokio::test]
async fn cancelling_during_the_saga_gives_everything_back() {
    for held in [Call::Reserve, Call::Authorize, Call::Capture, Call::Commit] {
        let shop = Shop::new();
        shop.fake.hold(held);
        let id = shop.pending("k").await;
        let (cancelled, ()) = tokio::join!(shop.orders.cancel(soon(), id), async {
            wait_until_async(LIVENESS, || async { shop.get(id).await.cancel_requested }).await;
            shop.fake.let_go(held);
        });
        assert_eq!(cancelled.unwrap().state, State::Cancelled, "{held:?}");
        let books = shop.fake.world().books(id);
        assert!(!books.holds_something(), "{held:?} {books:?}");
        assert_eq!(books.captures, books.refunds);
    }
}

#[tokio::test]
async fn cancelling_reaches_a_saga_that_makes_no_progress() {
    let shop = Shop::with(Settings {
        stock_call_max: Duration::from_millis(20),
        ..Settings::default()
    });
    shop.fake.script(Call::Reserve, [Fate::RequestLost; 10_000]);
    let id = shop.pending("k").await;
    assert_eq!(
        shop.orders.cancel(soon(), id).await.unwrap().state,
        State::Cancelled
    );
    assert_eq!(
        shop.fake.world().books(id).goods,
        Some(Goods::Released),
        "closed over there"
    );
}

#[tokio::test]
async fn a_confirmed_order_is_refunded_and_its_goods_return() {
    let shop = Shop::new();
    let id = shop.place("k").await.unwrap().id;
    let first = shop.orders.cancel(soon(), id).await.unwrap();
    assert_eq!(first.state, State::Cancelled);
    assert_eq!(
        *shop.orders.cancel(soon(), id).await.unwrap(),
        *first,
        "twice, the same"
    );
    let books = shop.fake.world().books(id);
    assert_eq!((books.captures, books.refunds), (1, 1));
    assert_eq!(books.goods, Some(Goods::Released));
    assert_eq!(shop.fake.world().shelves["tea"].available, 1_000);
}

#[tokio::test]
async fn what_was_rejected_or_never_was_can_not_be_cancelled() {
    let shop = Shop::new();
    let declined = new_order("k", "tea", "pm_card_declined");
    let id = shop.orders.place(soon(), declined).await.unwrap().id;
    let refused = shop.orders.cancel(soon(), id).await;
    assert!(
        matches!(refused, Err(Refused::AlreadyRejected(_))),
        "{refused:?}"
    );
    let unknown = shop.orders.cancel(soon(), OrderId::at(1)).await;
    assert!(matches!(unknown, Err(Refused::NotFound(_))), "{unknown:?}");
}

#[tokio::test]
async fn an_order_that_can_not_be_paid_in_time_turns_back() {
    let shop = Shop::new();
    shop.fake.script(Call::Authorize, [Fate::ReplyLost; 3]);
    shop.fake
        .script(Call::Authorize, [Fate::RequestLost; 10_000]);
    let id = shop.pending("k").await;
    shop.clock.advance(Duration::from_secs(120));
    shop.until(id, State::Rejected).await;
    let order = shop.get(id).await;
    assert_eq!(order.rejection.unwrap().reason, Reason::TimedOut);
    let books = shop.fake.world().books(id);
    assert_eq!(
        (books.goods, books.purse),
        (Some(Goods::Released), Some(Purse::Voided))
    );
}

#[tokio::test]
async fn a_try_that_is_over_is_followed_by_the_next() {
    let shop = Shop::with(Settings {
        try_max: Duration::from_millis(50),
        ..Settings::default()
    });
    shop.fake.hold(Call::Capture);
    let id = shop.pending("k").await;
    wait_until_async(LIVENESS, || async { shop.orders.jobs() == 0 }).await;
    assert_eq!(shop.get(id).await.state, State::Authorized);
    shop.fake.let_go(Call::Capture);
    assert_eq!(shop.sweep_until_end(id).await.state, State::Confirmed);
    assert_eq!(shop.fake.world().books(id).captures, 1);
}

#[tokio::test]
async fn whoever_waits_stays_attached_from_one_try_to_the_next() {
    let settings = Settings {
        try_max: Duration::from_millis(50),
        // Nothing is found by looking: only what is published counts.
        look_every: LIVENESS,
        ..Settings::default()
    };
    let shop = Shop::with(settings);
    shop.fake.hold(Call::Capture);
    let next_try = async {
        shop.fake.called(Call::Authorize, 1).await;
        wait_until_async(LIVENESS, || async { shop.orders.jobs() == 0 }).await;
        shop.fake.let_go(Call::Capture);
        shop.orders.sweep().await.unwrap();
    };
    let (placed, ()) = tokio::join!(shop.place("k"), next_try);
    assert_eq!(placed.unwrap().state, State::Confirmed);
}

#[tokio::test]
async fn another_process_waits_for_the_lease_and_a_stale_fence_stops() {
    let dir = testkit::temp_dir();
    let fake = Fake::new(1_000);
    let first = Shop::open(dir.path(), fake.clone(), Settings::default(), START_MS);
    fake.hold(Call::Capture);
    let id = first.pending("k").await;
    // Somebody else on the same store, as it would be with a server's database.
    let second = Orders::new(Parts {
        store: first.store.clone(),
        stock: Arc::new(fake.clone()),
        till: Arc::new(fake.clone()),
        scope: first.scope.clone(),
        settings: Settings::default(),
        faults: Faults::none(),
    });
    second.sweep().await.unwrap();
    assert_eq!(second.jobs(), 0, "the lease runs");
    first.clock.advance(Settings::default().lease());
    second.sweep().await.unwrap();
    assert_eq!(second.jobs(), 1);
    fake.let_go(Call::Capture);
    first.until(id, State::Confirmed).await;
    wait_until_async(LIVENESS, || async {
        first.orders.jobs() + second.jobs() == 0
    })
    .await;
    assert_eq!(first.get(id).await.version, 5, "each step was made once");
    assert_eq!(fake.world().books(id).captures, 1);
}

#[tokio::test]
async fn a_restart_takes_everything_over_though_the_clock_went_back_an_hour() {
    let dir = testkit::temp_dir();
    let fake = Fake::new(1_000);
    let first = Shop::open(dir.path(), fake.clone(), Settings::default(), START_MS);
    fake.hold(Call::Authorize);
    let mut ids = Vec::new();
    for i in 0..5 {
        let deadline = Deadline::after(Duration::from_millis(100));
        let new = new_order(&format!("k{i}"), "tea", "pm_card_ok");
        ids.push(first.orders.place(deadline, new).await.unwrap().id);
    }
    let before_ms = first.store.now_ms();
    first.stop().await;

    let hour_ago = START_MS - 3_600_000;
    let second = Shop::open(dir.path(), fake.clone(), Settings::default(), hour_ago);
    assert!(
        second.store.now_ms() >= before_ms,
        "the store's clock never goes back"
    );
    fake.let_go(Call::Authorize);
    second.orders.tend().await;
    for id in ids {
        second.until(id, State::Confirmed).await;
        let order = second.get(id).await;
        assert!(order.updated_ms >= order.created_ms);
        assert_eq!(fake.world().books(id).captures, 1);
    }
    assert_eq!(
        second.place("k0").await.unwrap().state,
        State::Confirmed,
        "keys are kept"
    );
    assert_eq!(second.store.len().await, 5);
}

#[tokio::test]
async fn watching_shows_the_order_now_and_at_its_end() {
    let shop = Shop::new();
    shop.fake.hold(Call::Authorize);
    let id = shop.pending("k").await;
    let mut watch = shop.orders.watch(soon(), id).await.unwrap();
    let first = watch.next().await.unwrap().unwrap();
    assert_eq!(first.state, State::Reserved);
    shop.fake.let_go(Call::Authorize);
    let (mut last, mut versions) = (first, vec![]);
    while let Some(order) = watch.next().await.unwrap() {
        assert!(order.version > last.version);
        versions.push(order.version);
        last = order;
    }
    assert_eq!(last.state, State::Confirmed);
    assert!(!versions.is_empty());
}

#[tokio::test]
async fn watchers_are_bounded_by_number_and_by_deadline() {
    let shop = Shop::with(Settings {
        watchers_max: 1,
        ..Settings::default()
    });
    shop.fake.hold(Call::Authorize);
    let id = shop.pending("k").await;
    let mut watch = shop
        .orders
        .watch(Deadline::after(Duration::from_millis(100)), id)
        .await
        .unwrap();
    let second = shop.orders.watch(soon(), id).await;
    assert!(
        matches!(second, Err(Refused::TooManyWatchers)),
        "{second:?}"
    );
    watch.next().await.unwrap().unwrap();
    let late = watch.next().await;
    assert!(matches!(late, Err(Refused::Deadline)), "{late:?}");
    drop(watch);
    let unknown = shop.orders.watch(soon(), OrderId::at(1)).await;
    assert!(matches!(unknown, Err(Refused::NotFound(_))), "{unknown:?}");
}

#[tokio::test]
async fn pages_end_early_when_their_orders_have_many_lines() {
    let shop = Shop::with(Settings {
        page_lines_max: 2,
        ..Settings::default()
    });
    for i in 0..5 {
        shop.place(&format!("k{i}")).await.unwrap();
    }
    let (mut sizes, mut token) = (vec![], None);
    loop {
        let page = shop
            .orders
            .list(soon(), None, token.as_deref(), 100)
            .await
            .unwrap();
        sizes.push(page.0.len());
        token = page.1;
        if token.is_none() {
            break;
        }
    }
    assert_eq!(sizes, [2, 2, 1]);
}

#[tokio::test]
async fn what_is_old_is_deleted_and_a_key_never_outlives_its_order() {
    const DAY: Duration = Duration::from_secs(86_400);
    let shop = Shop::with(Settings {
        keys_for: 7 * DAY,
        // Less than keys: raised.
        orders_for: DAY,
        delete_batch: 2,
        ..Settings::default()
    });
    let mut first = Vec::new();
    for i in 0..5 {
        first.push(shop.place(&format!("k{i}")).await.unwrap().id);
    }
    shop.clock.advance(6 * DAY);
    shop.orders.delete_old().await.unwrap();
    assert_eq!(shop.place("k0").await.unwrap().id, first[0]);
    shop.clock.advance(DAY + Duration::from_millis(1));
    shop.orders.delete_old().await.unwrap();
    assert_eq!(shop.store.len().await, 0);
    assert_ne!(
        shop.place("k0").await.unwrap().id,
        first[0],
        "the key is free again"
    );
}

#[tokio::test]
async fn a_store_that_is_closed_refuses_and_says_why() {
    let shop = Shop::new();
    shop.store.close().await;
    let refused = shop.place("k").await;
    let surely_not_done = matches!(
        refused,
        Err(Refused::Store(
            StoreError::Unavailable(_) | StoreError::Retry(RetryReason::QueueFull)
        ))
    );
    assert!(surely_not_done, "{refused:?}");
    assert_eq!(shop.fake.world().calls(Call::Reserve), 0);
}

#[tokio::test]
async fn a_full_store_refuses_and_nothing_that_was_promised_is_lost() {
    let dir = testkit::temp_dir();
    let fake = Fake::new(1_000_000);
    let small = Options {
        store_bytes_max: Some(192 * 1024),
        ..Options::new(dir.path())
    };
    let full = Shop::start(small, fake.clone(), Settings::default(), START_MS);
    let mut promised = Vec::new();
    let refused = loop {
        let deadline = Deadline::after(Duration::from_millis(200));
        let new = new_order(&format!("k{}", promised.len()), "tea", "pm_card_ok");
        match full.orders.place(deadline, new).await {
            Ok(order) => promised.push(order.id),
            Err(refused) => break refused,
        }
        assert!(promised.len() < 100_000, "it never gets full");
    };
    assert!(
        matches!(refused, Refused::Store(StoreError::Unavailable(_))),
        "{refused:?}"
    );
    assert!(full.orders.health().is_err(), "not ready");
    full.get(promised[0]).await;
    full.stop().await;

    let roomy = Shop::open(dir.path(), fake.clone(), Settings::default(), START_MS);
    roomy.orders.tend().await;
    for id in &promised {
        roomy.until(*id, State::Confirmed).await;
        assert_eq!(fake.world().books(*id).captures, 1);
    }
    roomy.orders.health().unwrap();
    assert_eq!(
        roomy.store.len().await,
        promised.len(),
        "what was refused isn't there"
    );
}
