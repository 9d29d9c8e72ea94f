//! Placing: keys, twins, refusals, callers that leave, a service that is full.

use super::shop::*;

#[watertight::test]
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

#[watertight::test]
async fn a_hundred_twins_are_one_order_with_one_effect() {
    let shop = Shop::new();
    let twins = at_once((0..100).map(|_| shop.place("k"))).await;
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

#[watertight::test]
async fn a_twin_in_flight_waits_for_the_first() {
    let shop = Shop::new();
    shop.fake.hold(Call::Capture);
    let both = async { join(shop.place("k"), shop.place("k")).await };
    let release = async {
        wait_until_async(LIVENESS, || async { shop.store.len().await == 1 }).await;
        shop.fake.let_go(Call::Capture);
    };
    let ((first, twin), ()) = join(Box::pin(both), release).await;
    assert_eq!(first.unwrap(), twin.unwrap());
}

#[watertight::test]
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

#[watertight::test]
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

#[watertight::test]
async fn near_the_deadline_the_answer_is_the_order_as_it_stands() {
    let shop = Shop::new();
    shop.fake.hold(Call::Authorize);
    let id = shop.pending("k").await;
    shop.fake.let_go(Call::Authorize);
    shop.until(id, State::Confirmed).await;
    assert_eq!(shop.place("k").await.unwrap().id, id);
}

#[watertight::test]
async fn a_caller_that_leaves_before_the_record_cancels_everything() {
    let shop = Shop::new();
    shop.store.shut();
    {
        let place = shop.place("k");
        let waiting = wait_until_async(LIVENESS, || async {
            shop.store.waiting.load(Ordering::Acquire)
        });
        let first = race(place, waiting).await;
        assert!(matches!(first, Either::Right(())), "the gate is shut");
        // Here the caller leaves.
    }
    shop.store.open();
    wait_until_async(LIVENESS, || async { shop.orders.jobs() == 0 }).await;
    assert_eq!(shop.store.len().await, 0);
    assert_eq!(shop.fake.world().calls(Call::Reserve), 0);
}

#[watertight::test]
async fn a_caller_that_leaves_after_the_record_changes_nothing() {
    let shop = Shop::new();
    shop.fake.hold(Call::Authorize);
    {
        let place = shop.place("k");
        let first = race(place, shop.fake.called(Call::Reserve, 1)).await;
        assert!(matches!(first, Either::Right(())), "the call is held");
    }
    shop.fake.let_go(Call::Authorize);
    let order = shop.place("k").await.unwrap();
    assert_eq!(order.state, State::Confirmed);
    assert_eq!(shop.fake.world().books.len(), 1);
}

#[watertight::test]
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
    let (twin, ()) = join(shop.place("running"), async {
        shop.fake.let_go(Call::Authorize);
    })
    .await;
    assert_eq!(twin.unwrap().id, running);
}
