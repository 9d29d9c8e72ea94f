//! Fifty callers at once ask for the same: one effect.

use serde_json::json;
use shop_proto::payments::PaymentState as State;
use shop_types::OrderId;
use testkit::at_once;
use tonic::{Code, Status};
use watertight::join;

use crate::shop::{Shop, assert_refused, figures, insist};

const TWINS: usize = 50;

/// Replies get lost often, so that many twins find an intent standing.
const FORGETFUL: &str = r#"{"lost_reply_rate": 0.4, "error_rate": 0.2, "jitter_ms": 2}"#;

#[watertight::test(flavor = "multi_thread", worker_threads = 2)]
async fn fifty_twins_of_each_call_have_one_effect() {
    let shop = Shop::swept().await;
    shop.stub
        .faults(serde_json::from_str(FORGETFUL).unwrap())
        .await;
    let (kept, let_go) = (OrderId::at(1), OrderId::at(2));
    for order in [kept, let_go] {
        let twins = (0..TWINS).map(|_| insist(|| shop.authorize(order, 500)));
        for twin in at_once(twins).await {
            assert_eq!(twin.unwrap().state(), State::Authorized);
        }
    }
    for twin in at_once((0..TWINS).map(|_| insist(|| shop.capture(kept)))).await {
        assert_eq!(twin.unwrap().captured, 500);
    }
    for twin in at_once((0..TWINS).map(|_| insist(|| shop.void(let_go)))).await {
        assert_eq!(twin.unwrap().state(), State::Voided);
    }
    for twin in at_once((0..TWINS).map(|_| insist(|| shop.refund(kept)))).await {
        assert_eq!(twin.unwrap().refunded, 500);
    }
    let theirs = shop.stub.referee(kept).await.unwrap();
    assert_eq!(figures(&theirs), json!(["refunded", 500, 500, 1, 1]));
    let theirs = shop.stub.referee(let_go).await.unwrap();
    assert_eq!(figures(&theirs), json!(["voided", 0, 0, 0, 0]));
    for order in [kept, let_go] {
        assert_eq!(shop.get(order).await.unwrap().discrepancies, 0);
    }
}

#[watertight::test(flavor = "multi_thread", worker_threads = 2)]
async fn capture_and_void_at_once_agree_on_one_of_them() {
    let shop = Shop::swept().await;
    shop.stub
        .faults(serde_json::from_str(FORGETFUL).unwrap())
        .await;
    for n in 1..=20 {
        let order = OrderId::at(n);
        insist(|| shop.authorize(order, 500)).await.unwrap();
        let captures = at_once((0..5).map(|_| insist(|| shop.capture(order))));
        let voids = at_once((0..5).map(|_| insist(|| shop.void(order))));
        let (captures, voids) = join(captures, voids).await;
        let theirs = shop.stub.referee(order).await.unwrap();
        let taken = captures[0].is_ok();
        let (won, lost, reason) = match taken {
            true => (captures, voids, "PAYMENT_CAPTURED"),
            false => (voids, captures, "PAYMENT_CLOSED"),
        };
        assert!(won.iter().all(Result::is_ok), "{won:?}");
        for refused in &lost {
            assert_refused(refused, Code::FailedPrecondition, reason);
        }
        let expected = match taken {
            true => json!(["captured", 500, 0, 1, 0]),
            false => json!(["voided", 0, 0, 0, 0]),
        };
        assert_eq!(figures(&theirs), expected);
    }
}

#[watertight::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_authorize_that_races_its_void_holds_nothing_in_the_end() {
    let shop = Shop::swept().await;
    shop.stub
        .faults(serde_json::from_str(FORGETFUL).unwrap())
        .await;
    for n in 1..=20 {
        let order = OrderId::at(n);
        let late = insist(|| shop.authorize(order, 500));
        let (authorized, voided) = join(late, insist(|| shop.void(order))).await;
        assert_eq!(voided.unwrap().state(), State::Voided);
        if let Err(refused) = authorized {
            assert_refused(
                &Err::<(), Status>(refused),
                Code::FailedPrecondition,
                "PAYMENT_CLOSED",
            );
        }
        let theirs = shop.stub.referee(order).await.unwrap();
        assert_eq!(figures(&theirs), json!(["voided", 0, 0, 0, 0]));
    }
}
