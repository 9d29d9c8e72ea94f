//! Reserve, commit, release, receive.

use shop_proto::errors;
use shop_proto::inventory::*;
use tonic::Code;

use crate::support::*;

#[watertight::test]
async fn an_order_goes_its_way() {
    let dir = testkit::temp_dir();
    let mut service = Service::start(dir.path(), &[]).await;
    let client = &mut service.client;
    stocked(client, "tea", 10).await;
    for _ in 0..2 {
        let held = client
            .reserve(reserve(1, vec![line("tea", 4)]))
            .await
            .unwrap()
            .into_inner();
        let total = held.total.unwrap();
        assert_eq!((total.amount, total.currency.as_str()), (1000, "EUR"));
        assert_eq!(held.lines[0].unit_price.as_ref().unwrap().amount, 250);
        assert!(held.expire_time.is_some());
        assert_eq!(pieces(client, "tea").await, (6, 4, 0));
    }
    for _ in 0..2 {
        let order_id = order(1);
        let done = client
            .commit(CommitRequest { order_id })
            .await
            .unwrap()
            .into_inner();
        assert_eq!(done.state(), ReservationState::Committed);
        assert_eq!(pieces(client, "tea").await, (6, 0, 4));
    }
    for _ in 0..2 {
        let order_id = order(1);
        let done = client
            .release(ReleaseRequest { order_id })
            .await
            .unwrap()
            .into_inner();
        assert_eq!(done.state(), ReservationState::Released);
        assert_eq!(pieces(client, "tea").await, (10, 0, 0));
    }
    let late = client.reserve(reserve(1, vec![line("tea", 4)])).await;
    assert_refused(late, Code::FailedPrecondition, "RESERVATION_CLOSED");
    let order_id = order(1);
    let late = client.commit(CommitRequest { order_id }).await;
    assert_refused(late, Code::FailedPrecondition, "RESERVATION_LOST");
    service.stop().await;
}

#[watertight::test]
async fn refusals_name_the_sku() {
    let dir = testkit::temp_dir();
    let mut service = Service::start(dir.path(), &[]).await;
    let client = &mut service.client;
    stocked(client, "tea", 2).await;
    let refused = client.reserve(reserve(1, vec![line("tea", 3)])).await;
    let status = assert_refused(refused, Code::FailedPrecondition, "OUT_OF_STOCK");
    assert_eq!(errors::metadata(&status, "sku").as_deref(), Some("tea"));
    let refused = client
        .reserve(reserve(1, vec![line("tea", 1), line("cup", 1)]))
        .await;
    let status = assert_refused(refused, Code::NotFound, "SKU_NOT_FOUND");
    assert_eq!(errors::metadata(&status, "sku").as_deref(), Some("cup"));
    let sku = "cup".to_owned();
    let refused = client.get_stock(GetStockRequest { sku }).await;
    assert_refused(refused, Code::NotFound, "SKU_NOT_FOUND");
    assert_eq!(pieces(client, "tea").await, (2, 0, 0));
    service.stop().await;
}

#[watertight::test]
async fn the_last_piece_is_sold_once() {
    let dir = testkit::temp_dir();
    let mut service = Service::start(dir.path(), &[]).await;
    stocked(&mut service.client, "tea", 1).await;
    let all = (1..=40).map(|n| {
        let mut client = service.client.clone();
        async move { client.reserve(reserve(n, vec![line("tea", 1)])).await }
    });
    let mut winners = 0;
    for answer in testkit::at_once(all).await {
        match answer {
            Ok(_) => winners += 1,
            Err(status) => {
                assert_refused::<()>(Err(status), Code::FailedPrecondition, "OUT_OF_STOCK");
            }
        }
    }
    assert_eq!(winners, 1);
    assert_eq!(pieces(&mut service.client, "tea").await, (0, 1, 0));
    service.stop().await;
}

#[watertight::test]
async fn a_reservation_runs_out_by_itself_and_is_taken_anew() {
    let dir = testkit::temp_dir();
    let mut service = Service::start(dir.path(), &["--reservation-ttl", "1000ms"]).await;
    let client = &mut service.client;
    stocked(client, "tea", 2).await;
    for n in 1..=2 {
        client
            .reserve(reserve(n, vec![line("tea", 1)]))
            .await
            .unwrap();
    }
    let watching = client.clone();
    until("reservations run out", || {
        let mut client = watching.clone();
        async move { pieces(&mut client, "tea").await == (2, 0, 0) }
    })
    .await;
    let order_id = order(1);
    client.commit(CommitRequest { order_id }).await.unwrap();
    assert_eq!(pieces(client, "tea").await, (1, 0, 1));
    let again = client.reserve(reserve(2, vec![line("tea", 1)])).await;
    assert_refused(again, Code::FailedPrecondition, "RESERVATION_CLOSED");
    service.stop().await;
}

#[watertight::test]
async fn receipts_count_once() {
    let dir = testkit::temp_dir();
    let mut service = Service::start(dir.path(), &[]).await;
    let client = &mut service.client;
    stocked(client, "tea", 1).await;
    let receipt = |sku: &str, quantity| ReceiveStockRequest {
        receipt_id: "r1".to_owned(),
        sku: sku.to_owned(),
        quantity,
    };
    for _ in 0..2 {
        let answer = client
            .receive_stock(receipt("tea", 5))
            .await
            .unwrap()
            .into_inner();
        assert_eq!(answer.stock.unwrap().received, 6);
    }
    let other = client.receive_stock(receipt("tea", 6)).await;
    assert_refused(other, Code::AlreadyExists, "RECEIPT_ID_REUSED");
    let unknown = client.receive_stock(receipt("cup", 5)).await;
    assert_refused(unknown, Code::NotFound, "SKU_NOT_FOUND");
    service.stop().await;
}

#[watertight::test]
async fn what_was_answered_is_there_after_a_restart() {
    let dir = testkit::temp_dir();
    let mut service = Service::start(dir.path(), &[]).await;
    stocked(&mut service.client, "tea", 10).await;
    let first = service
        .client
        .reserve(reserve(1, vec![line("tea", 4)]))
        .await
        .unwrap();
    service.stop().await;
    let mut service = Service::start(dir.path(), &[]).await;
    let again = service
        .client
        .reserve(reserve(1, vec![line("tea", 4)]))
        .await
        .unwrap();
    assert_eq!(first.into_inner(), again.into_inner());
    assert_eq!(pieces(&mut service.client, "tea").await, (6, 4, 0));
    service.stop().await;
}
