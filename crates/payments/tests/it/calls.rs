//! What each call does, again and again, and when it is refused.

use serde_json::json;
use shop_proto::payments::{ListPaymentsRequest, PaymentState as State};
use shop_types::OrderId;
use tonic::Code;

use crate::shop::{Shop, assert_refused, figures};

#[watertight::test]
async fn a_payment_goes_all_the_way_once() {
    let shop = Shop::start().await;
    let order = OrderId::at(1);
    for _ in 0..2 {
        let held = shop.authorize(order, 500).await.unwrap();
        assert_eq!(held.state(), State::Authorized);
    }
    for _ in 0..2 {
        let taken = shop.capture(order).await.unwrap();
        assert_eq!((taken.state(), taken.captured), (State::Captured, 500));
    }
    let theirs = shop.stub.referee(order).await.unwrap();
    assert_eq!(figures(&theirs), json!(["captured", 500, 0, 1, 0]));
    let again = shop.authorize(order, 500).await.unwrap();
    assert_eq!(again.state(), State::Captured, "authorized or further");
    for _ in 0..2 {
        let back = shop.refund(order).await.unwrap();
        assert_eq!((back.state(), back.refunded), (State::Refunded, 500));
    }
    let theirs = shop.stub.referee(order).await.unwrap();
    assert_eq!(figures(&theirs), json!(["refunded", 500, 500, 1, 1]));
    let seen = shop.get(order).await.unwrap();
    assert_eq!((seen.state(), seen.discrepancies), (State::Refunded, 0));
    assert_eq!(seen.amount.unwrap().currency, "EUR");
    let stragglers = shop.payments.shutdown().await;
    assert!(stragglers.is_empty(), "{stragglers}");
}

#[watertight::test]
async fn a_decline_is_final() {
    let shop = Shop::start().await;
    for (n, method) in [(1, "pm_card_declined"), (2, "pm_card_insufficient")] {
        let order = OrderId::at(n);
        for _ in 0..2 {
            let declined = shop.authorize_with(order, 500, "EUR", method).await;
            assert_refused(&declined, Code::FailedPrecondition, "PAYMENT_DECLINED");
        }
        assert_eq!(shop.get(order).await.unwrap().state(), State::Declined);
        let taken = shop.capture(order).await;
        assert_refused(&taken, Code::FailedPrecondition, "PAYMENT_NOT_AUTHORIZED");
        let voided = shop.void(order).await.unwrap();
        assert_eq!(voided.state(), State::Declined);
    }
}

#[watertight::test]
async fn another_amount_currency_or_method_is_a_mismatch() {
    let shop = Shop::start().await;
    let order = OrderId::at(1);
    shop.authorize(order, 500).await.unwrap();
    for (amount, currency, method) in [
        (501, "EUR", "pm_card_ok"),
        (500, "USD", "pm_card_ok"),
        (500, "EUR", "pm_other"),
    ] {
        let other = shop.authorize_with(order, amount, currency, method).await;
        assert_refused(&other, Code::AlreadyExists, "AMOUNT_MISMATCH");
    }
    assert_eq!(shop.stub.referee(order).await.unwrap().amount, 500);
}

#[watertight::test]
async fn nothing_is_taken_or_returned_out_of_turn() {
    let shop = Shop::start().await;
    let order = OrderId::at(1);
    let early = shop.capture(order).await;
    assert_refused(&early, Code::FailedPrecondition, "PAYMENT_NOT_AUTHORIZED");
    let early = shop.refund(order).await;
    assert_refused(&early, Code::NotFound, "PAYMENT_NOT_FOUND");
    shop.authorize(order, 500).await.unwrap();
    let early = shop.refund(order).await;
    assert_refused(&early, Code::FailedPrecondition, "PAYMENT_NOT_CAPTURED");
    shop.capture(order).await.unwrap();
    for _ in 0..2 {
        let late = shop.void(order).await;
        assert_refused(&late, Code::FailedPrecondition, "PAYMENT_CAPTURED");
    }
    shop.refund(order).await.unwrap();
    let late = shop.void(order).await;
    assert_refused(&late, Code::FailedPrecondition, "PAYMENT_CAPTURED");
}

#[watertight::test]
async fn a_void_lets_go_and_closes() {
    let shop = Shop::start().await;
    let order = OrderId::at(1);
    shop.authorize(order, 500).await.unwrap();
    for _ in 0..2 {
        assert_eq!(shop.void(order).await.unwrap().state(), State::Voided);
    }
    let taken = shop.capture(order).await;
    assert_refused(&taken, Code::FailedPrecondition, "PAYMENT_CLOSED");
    let again = shop.authorize(order, 500).await;
    assert_refused(&again, Code::FailedPrecondition, "PAYMENT_CLOSED");
    let theirs = shop.stub.referee(order).await.unwrap();
    assert_eq!(figures(&theirs), json!(["voided", 0, 0, 0, 0]));
}

#[watertight::test]
async fn a_void_of_an_unknown_order_keeps_a_late_authorize_out() {
    let shop = Shop::start().await;
    let order = OrderId::at(1);
    let closed = shop.void(order).await.unwrap();
    assert_eq!((closed.state(), closed.amount), (State::Voided, None));
    let late = shop.authorize(order, 500).await;
    assert_refused(&late, Code::FailedPrecondition, "PAYMENT_CLOSED");
    let theirs = shop.stub.referee(order).await.unwrap();
    assert_eq!(figures(&theirs), json!(["voided", 0, 0, 0, 0]));
}

#[watertight::test]
async fn nothing_costs_nothing() {
    let shop = Shop::start().await;
    let order = OrderId::at(1);
    shop.authorize(order, 0).await.unwrap();
    shop.capture(order).await.unwrap();
    let back = shop.refund(order).await.unwrap();
    assert_eq!(
        (back.state(), back.captured, back.refunded),
        (State::Refunded, 0, 0)
    );
}

#[watertight::test]
async fn the_list_has_pages() {
    let shop = Shop::start().await;
    for n in 1..=5 {
        shop.authorize(OrderId::at(n), n).await.unwrap();
    }
    let mut client = shop.client.clone();
    let (mut seen, mut token) = (Vec::new(), String::new());
    loop {
        let request = ListPaymentsRequest {
            page_size: 2,
            page_token: token,
        };
        let page = client.list_payments(request).await.unwrap().into_inner();
        assert!(page.payments.len() <= 2);
        seen.extend(
            page.payments
                .iter()
                .map(|p| p.amount.as_ref().unwrap().amount),
        );
        token = page.next_page_token;
        if token.is_empty() {
            break;
        }
    }
    assert_eq!(seen, [1, 2, 3, 4, 5]);
}
