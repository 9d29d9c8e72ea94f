//! Tries, leases, restarts.

use super::shop::*;

#[watertight::test]
async fn a_try_that_is_over_is_followed_by_the_next() {
    let shop = Shop::with(Settings {
        try_max: Duration::from_millis(50),
        ..Settings::default()
    });
    shop.fake.hold(Call::Capture);
    let id = shop.pending("k").await;
    wait_until_async(LIVENESS, || async {
        shop.orders.tend().await;
        shop.get(id).await.state == State::Authorized
    })
    .await;
    wait_until_async(LIVENESS, || async { shop.orders.jobs() == 0 }).await;
    assert_eq!(shop.get(id).await.state, State::Authorized);
    shop.fake.let_go(Call::Capture);
    assert_eq!(shop.sweep_until_end(id).await.state, State::Confirmed);
    assert_eq!(shop.fake.world().books(id).captures, 1);
}

#[watertight::test]
async fn whoever_waits_stays_attached_from_one_try_to_the_next() {
    let settings = Settings {
        try_max: Duration::from_millis(50),
        // Nothing is found by looking: only what is published counts.
        look_every: LIVENESS,
        ..Settings::default()
    };
    let shop = Shop::with(settings);
    shop.fake.hold(Call::Capture);
    let next_try = async {
        shop.fake.called(Call::Authorize, 1).await;
        wait_until_async(LIVENESS, || async { shop.orders.jobs() == 0 }).await;
        shop.fake.let_go(Call::Capture);
        let id = *shop.fake.world().books.keys().next().unwrap();
        shop.sweep_until_end(id).await;
    };
    let (placed, ()) = join(shop.place("k"), next_try).await;
    assert_eq!(placed.unwrap().state, State::Confirmed);
}

#[watertight::test]
async fn another_process_waits_for_the_lease_and_a_stale_fence_stops() {
    let dir = testkit::temp_dir();
    let fake = Fake::new(1_000);
    let first = Shop::open(dir.path(), fake.clone(), Settings::default(), START_MS);
    fake.hold(Call::Capture);
    let id = first.pending("k").await;
    // Somebody else on the same store, as it would be with a server's database.
    let second = Orders::new(Parts {
        store: first.store.clone(),
        stock: Arc::new(fake.clone()),
        till: Arc::new(fake.clone()),
        scope: first.scope.clone(),
        settings: Settings::default(),
        audit: Audit::off(),
        faults: Faults::none(),
    });
    second.sweep().await.unwrap();
    assert_eq!(second.jobs(), 0, "the lease runs");
    first.clock.advance(Settings::default().lease());
    second.sweep().await.unwrap();
    assert_eq!(second.jobs(), 1);
    fake.let_go(Call::Capture);
    first.until(id, State::Confirmed).await;
    wait_until_async(LIVENESS, || async {
        first.orders.jobs() + second.jobs() == 0
    })
    .await;
    assert_eq!(first.get(id).await.version, 5, "each step was made once");
    assert_eq!(fake.world().books(id).captures, 1);
}

#[watertight::test]
async fn a_restart_takes_everything_over_though_the_clock_went_back_an_hour() {
    let dir = testkit::temp_dir();
    let fake = Fake::new(1_000);
    let first = Shop::open(dir.path(), fake.clone(), Settings::default(), START_MS);
    fake.hold(Call::Authorize);
    let mut ids = Vec::new();
    for i in 0..5 {
        ids.push(first.pending(&format!("k{i}")).await);
    }
    let before_ms = first.store.now_ms();
    first.stop().await;

    let hour_ago = START_MS - 3_600_000;
    let second = Shop::open(dir.path(), fake.clone(), Settings::default(), hour_ago);
    assert!(
        second.store.now_ms() >= before_ms,
        "the store's clock never goes back"
    );
    fake.let_go(Call::Authorize);
    second.orders.tend().await;
    for id in ids {
        second.until(id, State::Confirmed).await;
        let order = second.get(id).await;
        assert!(order.updated_ms >= order.created_ms);
        assert_eq!(fake.world().books(id).captures, 1);
    }
    assert_eq!(
        second.place("k0").await.unwrap().state,
        State::Confirmed,
        "keys are kept"
    );
    assert_eq!(second.store.len().await, 5);
}

#[watertight::test]
async fn sagas_that_do_not_get_on_leave_half_of_the_jobs_to_new_orders() {
    let (dir, fake) = (testkit::temp_dir(), Fake::new(1_000));
    fake.hold(Call::Authorize);
    let first = Shop::open(dir.path(), fake.clone(), Settings::default(), START_MS);
    let mut ids = Vec::new();
    for i in 0..6 {
        ids.push(first.pending(&format!("old{i}")).await);
    }
    first.stop().await;

    let few = Settings {
        jobs_max: 4,
        till_call_max: LIVENESS,
        try_max: LIVENESS,
        ..Settings::default()
    };
    let second = Shop::open(dir.path(), fake.clone(), few, START_MS);
    for _ in 0..3 {
        second.orders.tend().await;
        assert_eq!(second.orders.jobs(), 2);
    }
    for i in 0..2 {
        ids.push(second.pending(&format!("new{i}")).await);
    }
    let full = second.place("one more").await;
    assert!(
        matches!(full, Err(Refused::TooManyOrdersInFlight)),
        "{full:?}"
    );
    fake.let_go(Call::Authorize);
    for id in ids {
        assert_eq!(second.sweep_until_end(id).await.state, State::Confirmed);
    }
}

#[watertight::test]
async fn an_order_that_can_not_be_read_is_claimed_once_and_left_alone() {
    let (dir, fake) = (testkit::temp_dir(), Fake::new(1_000));
    fake.hold(Call::Authorize);
    let first = Shop::open(dir.path(), fake.clone(), Settings::default(), START_MS);
    let (bad, good) = (first.pending("bad").await, first.pending("good").await);
    first.stop().await;
    let database = rusqlite::Connection::open(dir.path().join("orders.db")).unwrap();
    let broken = database.execute(
        "UPDATE orders SET lines = x'010203' WHERE id = ?1",
        [bad.as_bytes()],
    );
    assert_eq!(broken.unwrap(), 1);
    drop(database);

    let second = Shop::open(dir.path(), fake.clone(), Settings::default(), START_MS);
    fake.let_go(Call::Authorize);
    assert_eq!(second.sweep_until_end(good).await.state, State::Confirmed);
    for _ in 0..3 {
        second.orders.tend().await;
    }
    assert_eq!(second.store.claims.load(Ordering::Acquire), 1);
    let read = second.orders.get(soon(), bad).await;
    assert!(
        matches!(read, Err(Refused::Store(StoreError::Corrupt(_)))),
        "{read:?}"
    );
}
