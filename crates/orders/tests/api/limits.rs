//! Callers that go too far, or go away.

use super::shop::*;

#[watertight::test(flavor = "multi_thread")]
async fn a_caller_that_hangs_up_after_the_record_changes_nothing() {
    let shop = Shop::start().await;
    shop.fake.hold(Call::Authorize);
    let place = shop.place(order("k", &[("tea", 2)]));
    if let Either::Left(placed) = race(place, shop.fake.called(Call::Reserve, 1)).await {
        panic!("the call is held: {placed:?}");
    }
    shop.fake.let_go(Call::Authorize);
    wait_until_async(LIVENESS, || async {
        let all = shop.all().await;
        all.len() == 1 && all[0].status() == OrderStatus::Confirmed
    })
    .await;
}

#[watertight::test(flavor = "multi_thread")]
async fn a_full_service_says_when_to_come_back() {
    let shop = Shop::start_with(&["--jobs-max", "1"]).await;
    shop.fake.hold(Call::Authorize);
    let pending = shop.pending("k", SagaState::Reserved).await;
    let status = shop.place(order("k2", &[("tea", 2)])).await.unwrap_err();
    assert_error(
        &status,
        Code::ResourceExhausted,
        "TOO_MANY_ORDERS_IN_FLIGHT",
    );
    assert!(
        status
            .get_details_retry_info()
            .unwrap()
            .retry_delay
            .is_some()
    );
    assert_eq!(shop.all().await.len(), 1);
    shop.fake.let_go(Call::Authorize);
    assert_eq!(
        shop.place(order("k", &[("tea", 2)])).await.unwrap().id,
        pending.id
    );
}

#[watertight::test(flavor = "multi_thread")]
async fn a_message_beyond_four_mebibytes_is_refused() {
    let shop = Shop::start().await;
    let mut huge = order("k", &[("tea", 1)]);
    huge.customer_id = "a".repeat(shop_proto::MESSAGE_BYTES_MAX + 1);
    let status = shop.place(huge).await.unwrap_err();
    assert!(
        matches!(status.code(), Code::OutOfRange | Code::ResourceExhausted),
        "{status:?}"
    );
    shop.nothing_happened().await;
    // The connection still works.
    shop.place(order("k", &[("tea", 1)])).await.unwrap();
}

#[watertight::test(flavor = "multi_thread")]
async fn negative_and_malformed_timeouts_are_refused_and_absurd_ones_cut_down() {
    let shop = Shop::start().await;
    for bad in ["-1S", "S", "1", "1x", "123456789S"] {
        let mut request = Request::new(order("k", &[("tea", 1)]));
        request
            .metadata_mut()
            .insert("grpc-timeout", bad.parse().unwrap());
        let status = shop.send(request).await.unwrap_err();
        assert_eq!(status.code(), Code::InvalidArgument, "{bad}: {status:?}");
    }
    let mut request = Request::new(order("k", &[("tea", 1)]));
    request
        .metadata_mut()
        .insert("grpc-timeout", "0n".parse().unwrap());
    let status = shop.send(request).await.unwrap_err();
    assert!(is_late(&status), "{status:?}");
    shop.nothing_happened().await;
    let mut request = Request::new(order("k", &[("tea", 1)]));
    request
        .metadata_mut()
        .insert("grpc-timeout", "99999999H".parse().unwrap());
    assert_eq!(
        shop.send(request).await.unwrap().status(),
        OrderStatus::Confirmed
    );
}
