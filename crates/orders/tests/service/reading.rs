//! Watching, listing, and what is kept.

use super::shop::*;

#[watertight::test]
async fn watching_shows_the_order_now_and_at_its_end() {
    let shop = Shop::new();
    shop.fake.hold(Call::Authorize);
    let id = shop.pending("k").await;
    shop.until(id, State::Reserved).await;
    let mut watch = shop.orders.watch(soon(), id).await.unwrap();
    let first = watch.next().await.unwrap();
    assert_eq!(first.state, State::Reserved);
    shop.fake.let_go(Call::Authorize);
    let (mut last, mut versions) = (first, vec![]);
    while let Some(order) = watch.next().await {
        assert!(order.version > last.version);
        versions.push(order.version);
        last = order;
    }
    assert_eq!(last.state, State::Confirmed);
    assert!(!versions.is_empty());
}

#[watertight::test]
async fn watchers_are_bounded_by_number() {
    let shop = Shop::with(Settings {
        watchers_max: 1,
        ..Settings::default()
    });
    shop.fake.hold(Call::Authorize);
    let id = shop.pending("k").await;
    let watch = shop.orders.watch(soon(), id).await.unwrap();
    let second = shop.orders.watch(soon(), id).await;
    assert!(
        matches!(second, Err(Refused::TooManyWatchers)),
        "{second:?}"
    );
    drop(watch);
    let unknown = shop.orders.watch(soon(), OrderId::at(1)).await;
    assert!(matches!(unknown, Err(Refused::NotFound(_))), "{unknown:?}");
}

#[watertight::test]
async fn pages_end_early_when_their_orders_have_many_lines() {
    let shop = Shop::with(Settings {
        page_lines_max: 2,
        ..Settings::default()
    });
    for i in 0..5 {
        shop.place(&format!("k{i}")).await.unwrap();
    }
    let (mut sizes, mut after) = (vec![], None);
    loop {
        let page = shop.orders.list(soon(), None, after, 100).await.unwrap();
        sizes.push(page.0.len());
        after = page.1;
        if after.is_none() {
            break;
        }
    }
    assert_eq!(sizes, [2, 2, 1]);
}
