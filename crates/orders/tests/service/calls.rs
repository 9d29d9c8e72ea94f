//! Calls to the others, bounded.

use super::shop::*;
use orders::service::{Reply, Stock, Till};
use shop_types::Money;
use std::sync::Mutex;
use tokio::time::Instant;

/// Watches the calls that are under way at once.
struct Crowd {
    call_max: Duration,
    now: AtomicU32,
    most: AtomicU32,
    /// When a call ended last.
    ended: Mutex<Instant>,
    /// Calls whose deadline began before another had ended.
    early: AtomicU32,
}

impl Crowd {
    fn new(call_max: Duration) -> Self {
        Self {
            call_max,
            now: AtomicU32::new(0),
            most: AtomicU32::new(0),
            ended: Mutex::new(Instant::now()),
            early: AtomicU32::new(0),
        }
    }

    async fn count<T>(&self, by: Deadline, call: impl Future<Output = T>) -> T {
        if by.instant() < *self.ended.lock().unwrap() + self.call_max {
            self.early.fetch_add(1, Ordering::AcqRel);
        }
        let now = self.now.fetch_add(1, Ordering::AcqRel) + 1;
        self.most.fetch_max(now, Ordering::AcqRel);
        // Lets the others come in, if they may.
        for _ in 0..10 {
            tokio::task::yield_now().await;
        }
        let answer = call.await;
        *self.ended.lock().unwrap() = Instant::now();
        self.now.fetch_sub(1, Ordering::AcqRel);
        answer
    }
}

struct Counted {
    fake: Fake,
    stock: Crowd,
    till: Crowd,
}

impl Stock for Counted {
    fn reserve<'a>(&'a self, by: Deadline, id: OrderId, lines: &'a [Line]) -> BoxFuture<'a, Reply> {
        Box::pin(self.stock.count(by, self.fake.reserve(by, id, lines)))
    }
    fn commit(&self, by: Deadline, id: OrderId) -> BoxFuture<'_, Reply> {
        Box::pin(self.stock.count(by, self.fake.commit(by, id)))
    }
    fn release(&self, by: Deadline, id: OrderId) -> BoxFuture<'_, Reply> {
        Box::pin(self.stock.count(by, self.fake.release(by, id)))
    }
}

impl Till for Counted {
    fn authorize<'a>(
        &'a self,
        by: Deadline,
        id: OrderId,
        total: Money,
        method: &'a PaymentMethod,
    ) -> BoxFuture<'a, Reply> {
        Box::pin(
            self.till
                .count(by, self.fake.authorize(by, id, total, method)),
        )
    }
    fn capture(&self, by: Deadline, id: OrderId) -> BoxFuture<'_, Reply> {
        Box::pin(self.till.count(by, self.fake.capture(by, id)))
    }
    fn void(&self, by: Deadline, id: OrderId) -> BoxFuture<'_, Reply> {
        Box::pin(self.till.count(by, self.fake.void(by, id)))
    }
    fn refund(&self, by: Deadline, id: OrderId) -> BoxFuture<'_, Reply> {
        Box::pin(self.till.count(by, self.fake.refund(by, id)))
    }
}

/// Places fifty orders at once, with so many calls at most to each of the others.
async fn place_many(calls_max: usize) -> Arc<Counted> {
    let settings = Settings {
        calls_max,
        try_max: LIVENESS,
        ..Settings::default()
    };
    let shop = Shop::with(settings);
    let counted = Arc::new(Counted {
        fake: shop.fake.clone(),
        stock: Crowd::new(settings.stock_call_max),
        till: Crowd::new(settings.till_call_max),
    });
    let orders = Orders::new(Parts {
        store: shop.store.clone(),
        stock: counted.clone(),
        till: counted.clone(),
        scope: shop.scope.clone(),
        settings,
        audit: Audit::off(),
        faults: Faults::none(),
    });
    let placing = (0..50).map(|i| {
        let new = new_order(&format!("k{i}"), "tea", "pm_card_ok");
        orders.place(soon(), new)
    });
    for placed in at_once(placing).await {
        assert_eq!(placed.unwrap().state, State::Confirmed);
    }
    counted
}

#[watertight::test]
async fn calls_at_once_are_bounded() {
    let counted = place_many(2).await;
    for crowd in [&counted.stock, &counted.till] {
        assert_eq!(crowd.most.load(Ordering::Acquire), 2);
    }
}

#[watertight::test]
async fn the_deadline_of_a_call_begins_when_its_turn_comes() {
    let counted = place_many(1).await;
    for crowd in [&counted.stock, &counted.till] {
        assert_eq!(crowd.early.load(Ordering::Acquire), 0);
    }
}
