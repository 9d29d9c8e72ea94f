//! Calls to the others, bounded.

use super::shop::*;
use orders::service::{Reply, Stock, Till};
use shop_types::Money;

/// Counts the calls that are under way at once.
#[derive(Default)]
struct Crowd {
    now: AtomicU32,
    most: AtomicU32,
}

impl Crowd {
    async fn count<T>(&self, call: impl Future<Output = T>) -> T {
        let now = self.now.fetch_add(1, Ordering::AcqRel) + 1;
        self.most.fetch_max(now, Ordering::AcqRel);
        // Lets the others come in, if they may.
        for _ in 0..10 {
            tokio::task::yield_now().await;
        }
        let answer = call.await;
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
        Box::pin(self.stock.count(self.fake.reserve(by, id, lines)))
    }
    fn commit(&self, by: Deadline, id: OrderId) -> BoxFuture<'_, Reply> {
        Box::pin(self.stock.count(self.fake.commit(by, id)))
    }
    fn release(&self, by: Deadline, id: OrderId) -> BoxFuture<'_, Reply> {
        Box::pin(self.stock.count(self.fake.release(by, id)))
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
        Box::pin(self.till.count(self.fake.authorize(by, id, total, method)))
    }
    fn capture(&self, by: Deadline, id: OrderId) -> BoxFuture<'_, Reply> {
        Box::pin(self.till.count(self.fake.capture(by, id)))
    }
    fn void(&self, by: Deadline, id: OrderId) -> BoxFuture<'_, Reply> {
        Box::pin(self.till.count(self.fake.void(by, id)))
    }
    fn refund(&self, by: Deadline, id: OrderId) -> BoxFuture<'_, Reply> {
        Box::pin(self.till.count(self.fake.refund(by, id)))
    }
}

#[tokio::test]
async fn calls_at_once_are_bounded() {
    let shop = Shop::new();
    let counted = Arc::new(Counted {
        fake: shop.fake.clone(),
        stock: Crowd::default(),
        till: Crowd::default(),
    });
    let orders = Orders::new(Parts {
        store: shop.store.clone(),
        stock: counted.clone(),
        till: counted.clone(),
        scope: shop.scope.clone(),
        settings: Settings {
            calls_max: 2,
            try_max: LIVENESS,
            ..Settings::default()
        },
        faults: Faults::none(),
    });
    let placing = (0..50).map(|i| {
        let new = new_order(&format!("k{i}"), "tea", "pm_card_ok");
        orders.place(soon(), new)
    });
    for placed in join_all(placing).await {
        assert_eq!(placed.unwrap().state, State::Confirmed);
    }
    for crowd in [&counted.stock, &counted.till] {
        assert_eq!(crowd.most.load(Ordering::Acquire), 2);
    }
}
