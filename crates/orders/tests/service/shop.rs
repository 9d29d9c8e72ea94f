//! A service with a real store, and what it needs to be tried.

pub(super) use std::path::Path;
pub(super) use std::sync::Arc;
pub(super) use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
pub(super) use std::time::Duration;

pub(super) use super::counter::OneCounter;
pub(super) use super::fake::{Fake, Fate};
pub(super) use super::world::{Goods, Purse};
pub(super) use futures_core::future::BoxFuture;
pub(super) use orders::audit::Audit;
pub(super) use orders::model::{Line, NewOrder, Order, Reason, State};
pub(super) use orders::service::{Call, Orders, Parts, Refused, Settings};
pub(super) use orders::store::{
    Advance, Advanced, Answer, Cancel, Cancelled, Claim, Claims, DeleteBefore, Kept, Listing,
    OrderStore, Owner, Record, Recorded, SqliteOrders, StoreError, Unfinished,
};
pub(super) use shop_types::{CustomerId, IdempotencyKey, OrderId, PaymentMethod, Quantity, Sku};
pub(super) use testkit::{LIVENESS, TempDir, at_once, wait_until_async};
pub(super) use tokio::sync::Semaphore;
pub(super) use watertight_core::{Clock, Deadline, Either, Faults, Scope, join, race};
pub(super) use watertight_store::{Options, RetryReason};

pub(super) const START_MS: i64 = 1_763_675_000_000;

pub(super) struct Shop {
    pub(super) orders: Orders,
    pub(super) fake: Fake,
    pub(super) store: Arc<Gated>,
    pub(super) clock: Clock,
    pub(super) scope: Scope,
    dir: Option<TempDir>,
}

impl Shop {
    pub(super) fn new() -> Self {
        Self::with(Settings::default())
    }

    pub(super) fn with(settings: Settings) -> Self {
        let dir = testkit::temp_dir();
        let mut shop = Self::open(dir.path(), Fake::new(1_000), settings, START_MS);
        shop.dir = Some(dir);
        shop
    }

    /// A process on `dir` whose machine says that it is `now_ms`.
    pub(super) fn open(dir: &Path, fake: Fake, settings: Settings, now_ms: i64) -> Self {
        Self::start(Options::new(dir), fake, settings, now_ms)
    }

    pub(super) fn start(options: Options, fake: Fake, settings: Settings, now_ms: i64) -> Self {
        Self::start_on(Clock::manual(now_ms), options, fake, settings)
    }

    pub(super) fn start_on(clock: Clock, options: Options, fake: Fake, settings: Settings) -> Self {
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
            audit: Audit::off(),
            faults: Faults::none(),
        });
        Self {
            orders,
            fake,
            store,
            clock,
            scope,
            dir: None,
        }
    }

    pub(super) async fn place(&self, key: &str) -> Result<Arc<Order>, Refused> {
        self.orders
            .place(soon(), new_order(key, "tea", "pm_card_ok"))
            .await
    }

    /// Places an order and doesn't wait for its end.
    ///
    /// A slow machine may miss the deadline; the same key finds the same order.
    pub(super) async fn pending(&self, key: &str) -> OrderId {
        loop {
            let deadline = Deadline::after(Duration::from_millis(150));
            let new = new_order(key, "tea", "pm_card_ok");
            match self.orders.place(deadline, new).await {
                Ok(order) => {
                    assert!(!order.state.is_end());
                    return order.id;
                }
                Err(refused) => assert!(is_late(&refused), "{refused:?}"),
            }
        }
    }

    pub(super) async fn get(&self, id: OrderId) -> Order {
        self.orders.get(soon(), id).await.unwrap()
    }

    pub(super) async fn until(&self, id: OrderId, state: State) {
        wait_until_async(LIVENESS, || async { self.get(id).await.state == state }).await;
    }

    /// Ends the process: cancels what runs, gives the directory back.
    pub(super) async fn stop(mut self) -> Option<TempDir> {
        self.scope.close(Duration::ZERO).await;
        self.store.close().await;
        self.dir.take()
    }

    /// Sweeps, as the chassis does once a second, until the order is at its end.
    pub(super) async fn sweep_until_end(&self, id: OrderId) -> Order {
        wait_until_async(LIVENESS, || async {
            self.orders.tend().await;
            self.get(id).await.state.is_end()
        })
        .await;
        self.get(id).await
    }
}

/// As with its process: the jobs that still run end with the service.
impl Drop for Shop {
    fn drop(&mut self) {
        self.scope.cancel();
    }
}

/// The deadline came before anything was clear.
pub(super) fn is_late(refused: &Refused) -> bool {
    matches!(
        refused,
        Refused::Deadline | Refused::Store(StoreError::Retry(_))
    )
}

pub(super) fn soon() -> Deadline {
    Deadline::after(LIVENESS)
}

pub(super) fn new_order(key: &str, sku: &str, method: &str) -> NewOrder {
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
pub(super) struct Gated {
    inner: SqliteOrders,
    pub(super) gate: Semaphore,
    pub(super) waiting: AtomicBool,
    pub(super) lose_steps: AtomicBool,
    pub(super) steps: AtomicU32,
    pub(super) claims: AtomicU32,
}

impl Gated {
    pub(super) fn new(inner: SqliteOrders) -> Self {
        Self {
            inner,
            gate: Semaphore::new(Semaphore::MAX_PERMITS),
            waiting: AtomicBool::new(false),
            lose_steps: AtomicBool::new(false),
            steps: AtomicU32::new(0),
            claims: AtomicU32::new(0),
        }
    }

    /// From now on records wait before they get to the store.
    pub(super) fn shut(&self) {
        while self.gate.available_permits() > 0 {
            self.gate.forget_permits(usize::MAX);
        }
    }

    pub(super) fn open(&self) {
        self.gate.add_permits(1);
    }

    /// How many orders there are.
    pub(super) async fn len(&self) -> usize {
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

    fn claim(&self, deadline: Deadline, step: Claim) -> Answer<'_, Claims> {
        self.claims.fetch_add(1, Ordering::AcqRel);
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
