//! What is kept, and for how long.

use super::shop::*;

#[watertight::test]
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

#[watertight::test]
async fn a_key_outlives_any_retention_while_its_order_is_under_way() {
    let shop = Shop::with(Settings {
        keys_for: Duration::ZERO,
        orders_for: Duration::ZERO,
        ..Settings::default()
    });
    shop.fake.hold(Call::Capture);
    let id = shop.pending("k").await;
    shop.clock.advance(Duration::from_secs(60));
    shop.orders.delete_old().await.unwrap();
    assert_eq!(shop.pending("k").await, id);
    shop.fake.let_go(Call::Capture);
    shop.until(id, State::Confirmed).await;
    shop.clock.advance(Duration::from_millis(1));
    shop.orders.delete_old().await.unwrap();
    assert_eq!(shop.store.len().await, 0);
}

#[watertight::test]
async fn one_run_deletes_all_that_is_old_if_its_time_suffices() {
    const OLD: usize = 120;
    for (delete_max, left) in [(LIVENESS, 0), (Duration::ZERO, OLD - 1)] {
        let shop = Shop::with(Settings {
            keys_for: Duration::ZERO,
            orders_for: Duration::ZERO,
            delete_batch: 1,
            delete_max,
            ..Settings::default()
        });
        let keys: Vec<_> = (0..OLD).map(|i| format!("k{i}")).collect();
        for placed in at_once(keys.iter().map(|key| shop.place(key))).await {
            placed.unwrap();
        }
        shop.clock.advance(Duration::from_millis(1));
        shop.orders.delete_old().await.unwrap();
        assert_eq!(shop.store.len().await, left);
    }
}

/// Keys and orders go by separate steps, while records are queued and the clock
/// runs: in no order of these is a key ever left that no order can be placed under.
#[watertight::test(flavor = "multi_thread")]
async fn keys_can_be_used_again_while_they_and_their_orders_are_deleted() {
    const KEYS: usize = 8;
    let (dir, fake) = (testkit::temp_dir(), Fake::new(1_000_000));
    let settings = Settings {
        keys_for: Duration::from_millis(2),
        orders_for: Duration::from_millis(2),
        delete_batch: 3,
        ..Settings::default()
    };
    let shop = Shop::start_on(Clock::system(), Options::new(dir.path()), fake, settings);
    let placing = at_once((0..KEYS).map(|i| {
        let (shop, key) = (&shop, format!("k{i}"));
        async move {
            let mut ids = std::collections::HashSet::new();
            while ids.len() < 20 {
                ids.insert(shop.place(&key).await.unwrap().id);
            }
        }
    }));
    let deleting = async {
        loop {
            shop.orders.delete_old().await.unwrap();
            tokio::task::yield_now().await;
        }
    };
    race(placing, deleting).await;
}
