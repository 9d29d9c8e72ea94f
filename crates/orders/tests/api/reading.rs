//! Getting, listing and watching over the wire.

use super::shop::*;

#[watertight::test(flavor = "multi_thread")]
async fn orders_that_are_not_there_are_not_found_and_nonsense_is_invalid() {
    let shop = Shop::start().await;
    let status = shop
        .get("0199a000-0000-7000-8000-000000000000")
        .await
        .unwrap_err();
    assert_error(&status, Code::NotFound, "ORDER_NOT_FOUND");
    for nonsense in ["", "7", "not-a-uuid"] {
        let status = shop.get(nonsense).await.unwrap_err();
        assert_error(&status, Code::InvalidArgument, "INVALID_REQUEST");
        assert_eq!(errors::fields(&status), ["order_id"]);
        let watch = WatchOrderRequest {
            order_id: nonsense.to_owned(),
        };
        let status = shop.client.clone().watch_order(watch).await.unwrap_err();
        assert_eq!(errors::fields(&status), ["order_id"]);
    }
}

#[watertight::test(flavor = "multi_thread")]
async fn pages_follow_each_other_and_take_only_their_own_tokens() {
    let shop = Shop::start().await;
    for i in 0..5 {
        let customer = if i == 4 { "bob" } else { "ada" };
        let request = order(&format!("k{i}"), &[("tea", 1)]);
        shop.place(PlaceOrderRequest {
            customer_id: customer.into(),
            ..request
        })
        .await
        .unwrap();
    }
    let page = |customer: &str, size: i32, token: &str| ListOrdersRequest {
        customer_id: customer.to_owned(),
        page_size: size,
        page_token: token.to_owned(),
    };
    let first = shop.list(page("ada", 3, "")).await.unwrap();
    let second = shop
        .list(page("ada", 3, &first.next_page_token))
        .await
        .unwrap();
    assert_eq!((first.orders.len(), second.orders.len()), (3, 1));
    assert_eq!(second.next_page_token, "");
    let ids = first
        .orders
        .iter()
        .chain(&second.orders)
        .map(|order| order.id.clone());
    let ids: Vec<_> = ids.collect();
    assert!(
        ids.is_sorted_by(|a, b| a > b),
        "newest first, none twice: {ids:?}"
    );

    for foreign in [
        "x",
        "not ours",
        &"A".repeat(38),
        &first.next_page_token[1..],
    ] {
        let status = shop.list(page("ada", 3, foreign)).await.unwrap_err();
        assert_eq!(
            (status.code(), errors::fields(&status)),
            (Code::InvalidArgument, vec!["page_token".to_owned()])
        );
    }
    let of_ada = shop
        .list(page("bob", 3, &first.next_page_token))
        .await
        .unwrap_err();
    assert_eq!(errors::fields(&of_ada), ["page_token"]);
    for size in [-1, 1_001] {
        let status = shop.list(page("", size, "")).await.unwrap_err();
        assert_eq!(errors::fields(&status), ["page_size"]);
    }
}

#[watertight::test(flavor = "multi_thread")]
async fn a_watch_shows_the_order_until_its_end() {
    let shop = Shop::start().await;
    shop.fake.hold(Call::Authorize);
    let pending = shop.pending("k", SagaState::Reserved).await;
    let watch = WatchOrderRequest {
        order_id: pending.id.clone(),
    };
    let mut stream = shop
        .client
        .clone()
        .watch_order(watch)
        .await
        .unwrap()
        .into_inner();
    let first = stream.message().await.unwrap().unwrap().order.unwrap();
    assert_eq!(first.saga_state(), SagaState::Reserved);
    shop.fake.let_go(Call::Authorize);
    let mut last = first;
    while let Some(message) = stream.message().await.unwrap() {
        let order = message.order.unwrap();
        assert!(order.version > last.version);
        last = order;
    }
    assert_eq!(last.status(), OrderStatus::Confirmed);
}

#[watertight::test(flavor = "multi_thread")]
async fn a_watch_ends_with_its_deadline() {
    let shop = Shop::start().await;
    shop.fake.hold(Call::Authorize);
    let pending = shop.pending("k", SagaState::Reserved).await;
    let mut watch = Request::new(WatchOrderRequest {
        order_id: pending.id,
    });
    watch.set_timeout(Duration::from_secs(1));
    let mut stream = shop
        .client
        .clone()
        .watch_order(watch)
        .await
        .unwrap()
        .into_inner();
    stream.message().await.unwrap().unwrap();
    let status = stream.message().await.unwrap_err();
    assert_eq!(status.code(), Code::DeadlineExceeded, "{status:?}");
}

#[watertight::test(flavor = "multi_thread")]
async fn a_watch_without_a_deadline_outlives_that_of_other_requests() {
    let shop = Shop::start_with(&["--request-timeout", "1s"]).await;
    shop.fake.hold(Call::Authorize);
    let pending = shop.pending("k", SagaState::Reserved).await;
    let watch = WatchOrderRequest {
        order_id: pending.id,
    };
    let watched = shop.client.clone().watch_order(watch).await.unwrap();
    let mut stream = watched.into_inner();
    stream.message().await.unwrap().unwrap();
    let silence = Deadline::after(Duration::from_secs(2))
        .run(stream.message())
        .await;
    assert!(silence.is_err(), "it ended or told no news: {silence:?}");
    shop.fake.let_go(Call::Authorize);
    let mut last = None;
    while let Some(message) = stream.message().await.unwrap() {
        last = message.order;
    }
    assert_eq!(last.unwrap().status(), OrderStatus::Confirmed);
}
