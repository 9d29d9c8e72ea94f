//! Watching, listing, and what is kept.

use super::shop::*;

#[tokio::test]
async fn watching_shows_the_order_now_and_at_its_end() {
    let shop = Shop::new();
    shop.fake.hold(Call::Authorize);
    let id = shop.pending("k").await;
    shop.until(id, State::Reserved).await;
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
        .watch(Deadline::after(Duration::from_secs(1)), id)
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
