//! Placing and cancelling over the wire.

use super::shop::*;

#[watertight::test(flavor = "multi_thread")]
async fn an_order_is_placed_read_and_listed() {
    let shop = Shop::start().await;
    let placed = shop
        .place(order("k", &[("tea", 2), ("jam", 1)]))
        .await
        .unwrap();
    assert_eq!(placed.status(), OrderStatus::Confirmed);
    assert_eq!(placed.saga_state(), SagaState::Confirmed);
    let total = placed.total.clone().unwrap();
    assert_eq!((total.amount, total.currency.as_str()), (450, "EUR"));
    let price = placed.lines[1].unit_price.clone().unwrap();
    assert_eq!((placed.lines[1].sku.as_str(), price.amount), ("jam", 250));
    assert_eq!(shop.get(&placed.id).await.unwrap(), placed);
    assert_eq!(shop.all().await, std::slice::from_ref(&placed));
    assert_eq!(
        shop.place(order("k", &[("tea", 2), ("jam", 1)]))
            .await
            .unwrap(),
        placed
    );
    let status = shop.place(order("k", &[("tea", 3)])).await.unwrap_err();
    assert_error(&status, Code::AlreadyExists, "IDEMPOTENCY_KEY_REUSED");
    shop.orders.shutdown().await;
}

#[watertight::test(flavor = "multi_thread")]
async fn a_saga_works_in_the_trace_of_the_request_that_began_it() {
    let shop = Shop::start().await;
    let mut request = Request::new(order("k", &[("tea", 2)]));
    let caller = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    let value = caller.parse().unwrap();
    request.metadata_mut().insert("traceparent", value);
    let placed = shop.send(request).await.unwrap();
    assert_eq!(placed.status(), OrderStatus::Confirmed);
    let traces = shop.fake.traces();
    for call in [Call::Reserve, Call::Authorize, Call::Capture, Call::Commit] {
        assert!(traces.iter().any(|(made, _)| *made == call), "{traces:?}");
    }
    for (call, trace) in traces {
        assert_eq!(trace, "4bf92f3577b34da6a3ce929d0e0e4736", "{call:?}");
    }
    shop.orders.shutdown().await;
}

#[watertight::test(flavor = "multi_thread")]
async fn bad_orders_name_each_field_and_leave_no_trace() {
    let shop = Shop::start().await;
    let many: Vec<_> = (0..101).map(|i| (format!("sku{i}"), 1)).collect();
    let many: Vec<_> = many
        .iter()
        .map(|(sku, quantity)| (sku.as_str(), *quantity))
        .collect();
    let long = "k".repeat(256);
    let cases: &[(PlaceOrderRequest, &[&str])] = &[
        (order("", &[("tea", 1)]), &["idempotency_key"]),
        (order(&long, &[("tea", 1)]), &["idempotency_key"]),
        (order("k", &[]), &["lines"]),
        (order("k", &many), &["lines"]),
        (order("k", &[("tea", 0)]), &["lines[0].quantity"]),
        (order("k", &[("tea", -1)]), &["lines[0].quantity"]),
        (order("k", &[("tea", 1_000_001)]), &["lines[0].quantity"]),
        (order("k", &[("tea", i64::MAX)]), &["lines[0].quantity"]),
        (order("k", &[("tea", 1), ("tea", 2)]), &["lines[1].sku"]),
        (
            order("k", &[("", 1), ("a b", 0)]),
            &["lines[0].sku", "lines[1].sku", "lines[1].quantity"],
        ),
        (
            PlaceOrderRequest::default(),
            &["idempotency_key", "customer_id", "lines", "payment_method"],
        ),
    ];
    for (request, fields) in cases {
        let status = shop.place(request.clone()).await.unwrap_err();
        assert_error(&status, Code::InvalidArgument, "INVALID_REQUEST");
        assert_eq!(errors::fields(&status), *fields);
    }
    shop.nothing_happened().await;
}

#[watertight::test(flavor = "multi_thread")]
async fn orders_for_what_can_not_be_are_recorded_and_answered_the_same_each_time() {
    let shop = Shop::start().await;
    for (key, lines, reason, field) in [
        (
            "k1",
            [("tea", 1), ("none", 1)],
            "UNKNOWN_SKU",
            "lines[1].sku",
        ),
        ("k2", [("tea", 1), ("cake", 1)], "MIXED_CURRENCY", "lines"),
        ("k3", [("tea", 1), ("gold", 1)], "TOTAL_OVERFLOW", "lines"),
    ] {
        let mut ids = Vec::new();
        for _ in 0..2 {
            let status = shop.place(order(key, &lines)).await.unwrap_err();
            assert_error(&status, Code::InvalidArgument, reason);
            assert_eq!(errors::fields(&status), [field]);
            ids.push(errors::metadata(&status, "order_id").unwrap());
        }
        assert_eq!(ids[0], ids[1]);
        let recorded = shop.get(&ids[0]).await.unwrap();
        assert_eq!(recorded.status(), OrderStatus::Rejected);
        assert_eq!(
            recorded.rejection_reason().as_str_name(),
            format!("REJECTION_REASON_{reason}")
        );
        let status = shop.cancel(&ids[0]).await.unwrap_err();
        assert_error(&status, Code::FailedPrecondition, "ORDER_REJECTED");
    }
    assert_eq!(shop.all().await.len(), 3);
    assert!(
        shop.fake
            .world()
            .books
            .values()
            .all(|books| !books.holds_something())
    );
}

#[watertight::test(flavor = "multi_thread")]
async fn refusals_of_the_shop_are_answers_with_the_order() {
    let shop = Shop::start().await;
    let sold_out = shop
        .place(order("k1", &[("tea", 1), ("jam", 1_001)]))
        .await
        .unwrap();
    assert_eq!(sold_out.status(), OrderStatus::Rejected);
    assert_eq!(sold_out.rejection_reason(), RejectionReason::OutOfStock);
    assert_eq!(sold_out.rejection_detail, "jam");
    let declined = PlaceOrderRequest {
        payment_method: "pm_card_declined".to_owned(),
        ..order("k2", &[("tea", 1)])
    };
    let declined = shop.place(declined).await.unwrap();
    assert_eq!(
        declined.rejection_reason(),
        RejectionReason::PaymentDeclined
    );
    assert!(
        shop.fake
            .world()
            .books
            .values()
            .all(|books| !books.holds_something())
    );
}

#[watertight::test(flavor = "multi_thread")]
async fn a_reservation_that_is_lost_after_the_payment_is_refunded() {
    let shop = Shop::start().await;
    shop.fake.hold(Call::Commit);
    let pending = shop.pending("k", SagaState::Captured).await;
    {
        let mut world = shop.fake.world();
        world.expire(pending.id.parse().unwrap());
        world
            .shelves
            .values_mut()
            .for_each(|shelf| shelf.available = 0);
    }
    shop.fake.let_go(Call::Commit);
    let rejected = shop.place(order("k", &[("tea", 2)])).await.unwrap();
    assert_eq!(
        rejected.rejection_reason(),
        RejectionReason::ReservationLost
    );
    let books = shop.fake.world().books(pending.id.parse().unwrap());
    assert_eq!((books.captures, books.refunds), (1, 1));
}

#[watertight::test(flavor = "multi_thread")]
async fn lost_messages_on_the_wire_cost_nothing_but_time() {
    let shop = Shop::start().await;
    for call in [Call::Reserve, Call::Authorize, Call::Capture, Call::Commit] {
        shop.fake.script(call, [Fate::ReplyLost, Fate::RequestLost]);
    }
    let placed = shop.place(order("k", &[("tea", 2)])).await.unwrap();
    assert_eq!(placed.status(), OrderStatus::Confirmed);
    assert_eq!(
        shop.fake.world().books(placed.id.parse().unwrap()).captures,
        1
    );
}

#[watertight::test(flavor = "multi_thread")]
async fn cancelling_works_at_any_time_and_twice() {
    let shop = Shop::start().await;
    // After the capture: a refund.
    let placed = shop.place(order("k1", &[("tea", 2)])).await.unwrap();
    let cancelled = shop.cancel(&placed.id).await.unwrap();
    assert_eq!(cancelled.status(), OrderStatus::Cancelled);
    assert_eq!(shop.cancel(&placed.id).await.unwrap(), cancelled);
    assert_eq!(
        shop.fake.world().books(placed.id.parse().unwrap()).refunds,
        1
    );
    // During the saga.
    shop.fake.hold(Call::Authorize);
    let pending = shop.pending("k2", SagaState::Reserved).await;
    let (cancelled, ()) = join(shop.cancel(&pending.id), async {
        // Whichever is first, the end is the same.
        shop.fake.let_go(Call::Authorize);
    })
    .await;
    assert_eq!(cancelled.unwrap().status(), OrderStatus::Cancelled);
    assert!(
        !shop
            .fake
            .world()
            .books(pending.id.parse().unwrap())
            .holds_something()
    );
    // Never.
    let status = shop
        .cancel("0199a000-0000-7000-8000-000000000000")
        .await
        .unwrap_err();
    assert_error(&status, Code::NotFound, "ORDER_NOT_FOUND");
}

#[watertight::test(flavor = "multi_thread")]
async fn a_repeat_is_the_first_answer_byte_for_byte_also_after_a_cancellation() {
    let shop = Shop::start().await;
    let place = || async {
        let order = shop.place(order("k", &[("tea", 2), ("jam", 1)])).await;
        order.unwrap().encode_to_vec()
    };
    let first = place().await;
    let id = Order::decode(&*first).unwrap().id;
    shop.fake.hold(Call::Refund);
    let (cancelled, ()) = join(shop.cancel(&id), async {
        wait_until_async(LIVENESS, || async {
            shop.get(&id).await.unwrap().saga_state() == SagaState::Refunding
        })
        .await;
        assert_eq!(place().await, first, "on its way back");
        shop.fake.let_go(Call::Refund);
    })
    .await;
    let cancelled = cancelled.unwrap();
    assert_eq!(cancelled.status(), OrderStatus::Cancelled);
    assert_eq!(place().await, first, "cancelled");
    assert_eq!(shop.get(&id).await.unwrap(), cancelled);
    assert_eq!(shop.all().await, [cancelled]);
}

#[watertight::test(flavor = "multi_thread")]
async fn a_refund_without_a_payment_is_asked_for_until_there_is_one() {
    let shop = Shop::start().await;
    let placed = shop.place(order("k", &[("tea", 2)])).await.unwrap();
    let id = placed.id.parse().unwrap();
    let purse = shop.fake.world().swap_purse(id, None);
    let (cancelled, ()) = join(shop.cancel(&placed.id), async {
        shop.fake.called(Call::Refund, 3).await;
        shop.fake.world().swap_purse(id, purse);
    })
    .await;
    assert_eq!(cancelled.unwrap().status(), OrderStatus::Cancelled);
    assert_eq!(shop.fake.world().books(id).refunds, 1);
}
