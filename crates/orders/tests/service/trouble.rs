//! Dependencies and stores that misbehave.

use super::shop::*;

#[watertight::test]
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

#[watertight::test]
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

#[watertight::test]
async fn a_store_that_answers_unknown_is_asked_again() {
    let shop = Shop::new();
    shop.store.lose_steps.store(true, Ordering::Release);
    let order = shop.place("k").await.unwrap();
    assert_eq!((order.state, order.version), (State::Confirmed, 5));
    assert_eq!(shop.store.steps.load(Ordering::Acquire), 8);
    assert_eq!(shop.fake.world().books(order.id).captures, 1);
}

#[watertight::test]
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

#[watertight::test]
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

#[watertight::test]
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
            Err(late) if is_late(&late) => {}
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
