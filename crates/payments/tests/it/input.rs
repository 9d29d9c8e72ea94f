//! Bad input: refused by field, and nothing is left behind.

use payments::AMOUNT_MAX;
use shop_proto::{
    common::Money,
    errors,
    payments::{
        AuthorizeRequest, CaptureRequest, GetPaymentRequest, ListPaymentsRequest, RefundRequest,
        VoidRequest,
    },
};
use shop_types::OrderId;
use tonic::{Code, Status};

use crate::shop::{Shop, assert_refused};

fn good(order: OrderId) -> AuthorizeRequest {
    AuthorizeRequest {
        order_id: order.to_string(),
        amount: Some(Money {
            amount: 500,
            currency: String::from("EUR"),
        }),
        payment_method: String::from("pm_card_ok"),
    }
}

fn money(amount: i64, currency: &str) -> Option<Money> {
    let currency = currency.to_owned();
    Some(Money { amount, currency })
}

fn assert_invalid<T: std::fmt::Debug>(answer: &Result<T, Status>, fields: &[&str]) {
    assert_refused(answer, Code::InvalidArgument, "INVALID_REQUEST");
    let status = answer.as_ref().unwrap_err();
    assert_eq!(errors::fields(status), fields, "{status:?}");
}

#[watertight::test]
async fn a_bad_authorize_names_its_fields_and_leaves_nothing() {
    let shop = Shop::start().await;
    let order = OrderId::at(1);
    let mut bad = Vec::new();
    for (amount, field) in [
        (None, "amount"),
        (money(500, "XXX"), "amount.currency"),
        (money(500, "eur"), "amount.currency"),
        (money(500, ""), "amount.currency"),
        (money(-1, "EUR"), "amount.amount"),
        (money(AMOUNT_MAX + 1, "EUR"), "amount.amount"),
        (money(i64::MIN, "EUR"), "amount.amount"),
    ] {
        bad.push((
            AuthorizeRequest {
                amount,
                ..good(order)
            },
            field,
        ));
    }
    for method in [
        String::new(),
        "x".repeat(129),
        "has space".into(),
        "pm_é".into(),
    ] {
        let request = AuthorizeRequest {
            payment_method: method,
            ..good(order)
        };
        bad.push((request, "payment_method"));
    }
    let mut client = shop.client.clone();
    for (request, field) in bad {
        assert_invalid(&client.authorize(request).await, &[field]);
    }
    let all = AuthorizeRequest::default();
    let fields = ["order_id", "amount", "payment_method"];
    assert_invalid(&client.authorize(all).await, &fields);
    let left = shop.get(order).await;
    assert_refused(&left, Code::NotFound, "PAYMENT_NOT_FOUND");
    assert_eq!(shop.stub.referee(order).await, None);
}

#[watertight::test]
async fn the_secret_is_in_no_answer() {
    let shop = Shop::start().await;
    let request = AuthorizeRequest {
        payment_method: "pm_secret ".repeat(2),
        ..good(OrderId::at(1))
    };
    let refused = shop.client.clone().authorize(request).await.unwrap_err();
    assert!(!format!("{refused:?}").contains("pm_secret"));
}

#[watertight::test]
async fn every_call_checks_the_order_id() {
    let shop = Shop::start().await;
    let mut client = shop.client.clone();
    for order_id in ["", "nonsense", "00000000-0000-0000-0000-00000000000g"] {
        let order_id = || order_id.to_owned();
        let bad = &["order_id"];
        let captured = client
            .capture(CaptureRequest {
                order_id: order_id(),
            })
            .await;
        assert_invalid(&captured, bad);
        let voided = client
            .void(VoidRequest {
                order_id: order_id(),
            })
            .await;
        assert_invalid(&voided, bad);
        let refunded = client
            .refund(RefundRequest {
                order_id: order_id(),
            })
            .await;
        assert_invalid(&refunded, bad);
        let got = client
            .get_payment(GetPaymentRequest {
                order_id: order_id(),
            })
            .await;
        assert_invalid(&got, bad);
    }
}

#[watertight::test]
async fn a_page_has_bounds_and_its_token_must_be_ours() {
    let shop = Shop::start().await;
    let mut client = shop.client.clone();
    let ask = |page_size, token: &str| ListPaymentsRequest {
        page_size,
        page_token: token.to_owned(),
    };
    for token in ["x", "0".repeat(48).as_str(), &"z".repeat(1_000)] {
        let listed = client.list_payments(ask(10, token)).await;
        assert_invalid(&listed, &["page_token"]);
    }
    for size in [-1, i32::MIN, 1_001, i32::MAX] {
        let listed = client.list_payments(ask(size, "")).await;
        assert_invalid(&listed, &["page_size"]);
    }
    let listed = client.list_payments(ask(1_000, "")).await.unwrap();
    assert_eq!(listed.into_inner().payments, []);
}

#[watertight::test]
async fn a_message_beyond_the_bound_is_refused_and_the_service_goes_on() {
    let shop = Shop::start().await;
    let mut client = shop.client.clone();
    let order = OrderId::at(1);
    let huge = AuthorizeRequest {
        payment_method: "x".repeat(shop_proto::MESSAGE_BYTES_MAX + 1),
        ..good(order)
    };
    let refused = client.authorize(huge).await.unwrap_err();
    let too_large = matches!(refused.code(), Code::OutOfRange | Code::ResourceExhausted);
    assert!(too_large, "{:?}: {}", refused.code(), refused.message());
    assert!(shop.stub.referee(order).await.is_none());
    client.authorize(good(order)).await.unwrap();
}
