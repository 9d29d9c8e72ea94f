//! Cancelling, at any time.

use super::shop::*;

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
