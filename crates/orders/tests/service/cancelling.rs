//! Cancelling, at any time.

use super::shop::*;

#[watertight::test]
async fn cancelling_during_the_saga_gives_everything_back() {
    for held in [Call::Reserve, Call::Authorize, Call::Capture, Call::Commit] {
        let shop = Shop::new();
        shop.fake.hold(held);
        let id = shop.pending("k").await;
        let (cancelled, ()) = join(shop.orders.cancel(soon(), id), async {
            wait_until_async(LIVENESS, || async { shop.get(id).await.cancel_requested }).await;
            shop.fake.let_go(held);
        })
        .await;
        assert_eq!(cancelled.unwrap().state, State::Cancelled, "{held:?}");
        let books = shop.fake.world().books(id);
        assert!(!books.holds_something(), "{held:?} {books:?}");
        assert_eq!(books.captures, books.refunds);
    }
}

#[watertight::test]
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

#[watertight::test]
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

#[watertight::test]
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

#[watertight::test]
async fn a_repeat_tells_the_first_end_while_the_order_goes_on() {
    let shop = Shop::new();
    let first = shop.place("k").await.unwrap();
    shop.clock.advance(Duration::from_millis(7));
    shop.fake.hold(Call::Refund);
    let cancel = shop.orders.cancel(soon(), first.id);
    let meanwhile = async {
        shop.until(first.id, State::Refunding).await;
        // At once: nobody lets the refund go before this is answered.
        assert_eq!(shop.place("k").await.unwrap(), first, "on its way back");
        shop.fake.let_go(Call::Refund);
    };
    let (cancelled, ()) = join(cancel, meanwhile).await;
    let cancelled = cancelled.unwrap();
    assert_eq!(cancelled.state, State::Cancelled);
    assert_eq!(shop.place("k").await.unwrap(), first, "cancelled");
    // All others see the order as it stands.
    assert_eq!(shop.get(first.id).await, *cancelled);
    let listed = shop.orders.list(soon(), None, None, 10).await.unwrap().0;
    assert_eq!(listed, [(*cancelled).clone()]);
    let mut watch = shop.orders.watch(soon(), first.id).await.unwrap();
    assert_eq!(watch.next().await.unwrap(), cancelled);
    // Also for a process that only has the rows.
    let fake = shop.fake.clone();
    let dir = shop.stop().await.unwrap();
    let later = Shop::open(dir.path(), fake, Settings::default(), START_MS);
    assert_eq!(later.place("k").await.unwrap(), first, "after a restart");
}

#[watertight::test]
async fn a_repeat_without_a_free_job_tells_the_first_end_too() {
    let shop = Shop::with(Settings {
        jobs_max: 1,
        ..Settings::default()
    });
    let first = shop.place("k").await.unwrap();
    wait_until_async(LIVENESS, || async { shop.orders.jobs() == 0 }).await;
    shop.fake.hold(Call::Refund);
    let cancel = shop.orders.cancel(soon(), first.id);
    let meanwhile = async {
        shop.until(first.id, State::Refunding).await;
        assert_eq!(shop.orders.jobs(), 1, "full");
        assert_eq!(shop.place("k").await.unwrap(), first);
        shop.fake.let_go(Call::Refund);
    };
    assert_eq!(
        join(cancel, meanwhile).await.0.unwrap().state,
        State::Cancelled
    );
}

#[watertight::test]
async fn cancelled_before_any_other_end_is_the_first_end() {
    let shop = Shop::new();
    shop.fake.hold(Call::Capture);
    let id = shop.pending("k").await;
    let waiting = shop.place("k");
    let cancel = async {
        let cancel = shop.orders.cancel(soon(), id);
        let (cancelled, ()) = join(cancel, async {
            wait_until_async(LIVENESS, || async { shop.get(id).await.cancel_requested }).await;
            shop.fake.let_go(Call::Capture);
        })
        .await;
        cancelled.unwrap()
    };
    let (waited, cancelled) = join(waiting, cancel).await;
    assert_eq!(cancelled.state, State::Cancelled);
    assert_eq!(waited.unwrap(), cancelled);
    assert_eq!(shop.place("k").await.unwrap(), cancelled);
}

#[watertight::test]
async fn a_refund_without_a_payment_is_counted_once_and_asked_for_until_there_is_one() {
    let counter = OneCounter::new("orders_refund_without_payment_total");
    let shop = metrics::with_local_recorder(&counter, Shop::new);
    let id = shop.place("k").await.unwrap().id;
    let purse = shop.fake.world().swap_purse(id, None);
    let cancel = shop.orders.cancel(soon(), id);
    let meanwhile = async {
        shop.fake.called(Call::Refund, 3).await;
        assert_eq!(shop.get(id).await.state, State::Refunding);
        assert_eq!(counter.get(), 1);
        shop.fake.world().swap_purse(id, purse);
    };
    assert_eq!(
        join(cancel, meanwhile).await.0.unwrap().state,
        State::Cancelled
    );
    let books = shop.fake.world().books(id);
    assert_eq!((books.captures, books.refunds), (1, 1));
}
