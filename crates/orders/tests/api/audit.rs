//! The line of each order at its end.

use serde_json::Value;

use super::shop::*;

/// The lines that were written so far.
fn lines(shop: &Shop) -> Vec<Value> {
    let text = std::fs::read_to_string(shop.dir.path().join("audit.jsonl")).unwrap_or_default();
    // The last one may be half there.
    let whole = text.rsplit_once('\n').map_or("", |(whole, _)| whole);
    whole
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

async fn until(shop: &Shop, count: usize) -> Vec<Value> {
    wait_until_async(LIVENESS, || async { lines(shop).len() >= count }).await;
    lines(shop)
}

#[watertight::test(flavor = "multi_thread")]
async fn each_end_has_a_line_with_its_trace() {
    let shop = Shop::start().await;
    let mut request = Request::new(order("k", &[("tea", 2)]));
    let caller = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    request
        .metadata_mut()
        .insert("traceparent", caller.parse().unwrap());
    let placed = shop.send(request).await.unwrap();
    until(&shop, 1).await;
    shop.cancel(&placed.id).await.unwrap();
    let refused = PlaceOrderRequest {
        payment_method: "pm_card_declined".to_owned(),
        ..order("k2", &[("tea", 1)])
    };
    let refused = shop.place(refused).await.unwrap();
    let lines = until(&shop, 3).await;
    let said = |at: usize| {
        let line = &lines[at];
        (
            line["order"].as_str().unwrap(),
            line["status"].as_str().unwrap(),
        )
    };
    assert_eq!(said(0), (&*placed.id, "confirmed"));
    assert_eq!(said(1), (&*placed.id, "cancelled"));
    assert_eq!(said(2), (&*refused.id, "rejected"));
    assert_eq!(lines[0]["trace_id"], "4bf92f3577b34da6a3ce929d0e0e4736");
    assert!(lines[0]["time_ms"].as_i64() <= lines[1]["time_ms"].as_i64());
    assert_eq!(lines.len(), 3, "{lines:?}");
}

#[watertight::test(flavor = "multi_thread")]
async fn an_order_has_its_line_though_its_caller_left() {
    let shop = Shop::start().await;
    shop.fake.hold(Call::Authorize);
    let place = shop.place(order("k", &[("tea", 2)]));
    let placed = race(place, shop.fake.called(Call::Reserve, 1)).await;
    assert!(matches!(placed, Either::Right(())), "the call is held");
    assert!(lines(&shop).is_empty(), "it has no end yet");
    shop.fake.let_go(Call::Authorize);
    let lines = until(&shop, 1).await;
    assert_eq!(lines[0]["status"], "confirmed");
    assert_eq!(lines[0]["order"], shop.all().await[0].id.as_str());
}

#[watertight::test(flavor = "multi_thread")]
async fn an_audit_that_can_not_be_written_holds_nothing_up() {
    let shop = Shop::start().await;
    // A directory in its place: no line can be written, by root neither.
    std::fs::create_dir(shop.dir.path().join("audit.jsonl")).unwrap();
    for key in ["a", "b", "c"] {
        let placed = shop.place(order(key, &[("tea", 1)])).await.unwrap();
        assert_eq!(placed.status(), OrderStatus::Confirmed);
    }
    assert!(shop.orders.shutdown().await.is_empty());
}
