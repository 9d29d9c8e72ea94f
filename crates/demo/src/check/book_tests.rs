//! Tests of the checker's memory: replay, and what it finds by itself.

use shop_proto::{
    common,
    orders::{OrderStatus, PricedLine},
};

use super::*;
use crate::{
    catalog,
    check::{Entry, Method},
};

pub(in crate::check) fn order(id: OrderId, body: Body, status: OrderStatus) -> Order {
    Order {
        id: id.to_string(),
        customer_id: "demo-r-0".into(),
        status: status.into(),
        lines: body
            .lines()
            .map(|(sku, quantity)| PricedLine {
                sku: sku.into(),
                quantity,
                unit_price: None,
            })
            .collect(),
        total: Some(common::Money {
            amount: body.total_cents(),
            currency: "EUR".into(),
        }),
        ..Order::default()
    }
}

fn one() -> Body {
    Body::new([("timer", 1)], Method::Ok).unwrap()
}

fn book() -> (Book, Slot) {
    let mut book = Book::default();
    book.begin_run("r").unwrap();
    let slot = book.place(one(), Door::Grpc).unwrap();
    (book, slot)
}

#[test]
fn keys_name_the_run_and_the_order() {
    let (mut book, slot) = book();
    assert_eq!(book.key(slot), "demo-r-0");
    book.begin_run("s").unwrap();
    let next = book.place(one(), Door::Grpc).unwrap();
    assert_eq!(book.key(next), "demo-s-0");
    assert_eq!(book.key(slot), "demo-r-0");
    assert_eq!(book.this_run().count(), 1);
    assert_eq!(book.recent(0).unwrap().0, next);
    assert!(book.recent(2).is_none());
}

#[test]
fn two_orders_under_one_key_are_found() {
    let (mut book, slot) = book();
    let (a, b) = (OrderId::at(1), OrderId::at(2));
    assert!(
        book.answered(slot, &order(a, one(), OrderStatus::Confirmed))
            .is_ok()
    );
    assert!(
        book.answered(slot, &order(a, one(), OrderStatus::Confirmed))
            .is_ok()
    );
    let found = book.answered(slot, &order(b, one(), OrderStatus::Confirmed));
    assert_eq!(found.count(Invariant::Doubled), 1);
}

#[test]
fn another_answer_under_one_key_is_found() {
    let (mut book, slot) = book();
    let id = OrderId::at(1);
    assert!(
        book.answered(slot, &order(id, one(), OrderStatus::Pending))
            .is_ok()
    );
    assert!(
        book.answered(slot, &order(id, one(), OrderStatus::Rejected))
            .is_ok()
    );
    let found = book.answered(slot, &order(id, one(), OrderStatus::Confirmed));
    assert_eq!(found.count(Invariant::KeyReused), 1);
    let found = book.answered(slot, &order(id, one().altered(), OrderStatus::Rejected));
    assert_eq!(found.count(Invariant::Changed), 1);
}

/// Cancelling is no excuse for another answer, whenever it was asked for.
#[test]
fn the_first_end_is_told_for_good() {
    use OrderStatus::{Cancelled, Confirmed, Pending};
    let id = OrderId::at(1);
    // Confirmed, told so, cancelled.
    let (mut book, slot) = book();
    let tell = |book: &mut Book, status| book.answered(slot, &order(id, one(), status));
    assert!(tell(&mut book, Confirmed).is_ok());
    book.cancel_asked(slot);
    assert!(tell(&mut book, Confirmed).is_ok());
    book.cancelled(slot);
    assert!(tell(&mut book, Confirmed).is_ok());
    assert!(tell(&mut book, Pending).is_ok(), "a late answer of a twin");
    let found = tell(&mut book, Cancelled);
    assert_eq!(found.count(Invariant::KeyReused), 1);
    // It is cancelled nevertheless.
    assert_eq!(book.get(slot).answer, Answer::Order(id, Status::Cancelled));
}

#[test]
fn a_first_end_that_nobody_told_may_be_either() {
    use OrderStatus::{Cancelled, Confirmed, Pending};
    let id = OrderId::at(1);
    for (told, other) in [(Confirmed, Cancelled), (Cancelled, Confirmed)] {
        let (mut book, slot) = book();
        let tell = |book: &mut Book, status| book.answered(slot, &order(id, one(), status));
        assert!(tell(&mut book, Pending).is_ok());
        book.cancel_asked(slot);
        book.cancelled(slot);
        assert!(tell(&mut book, told).is_ok(), "{told:?}");
        assert_eq!(book.get(slot).answer, Answer::Order(id, Status::Cancelled));
        assert_eq!(tell(&mut book, other).count(Invariant::KeyReused), 1);
    }
    // Who saw it confirmed knows its first end.
    let (mut book, slot) = book();
    assert!(book.answered(slot, &order(id, one(), Pending)).is_ok());
    book.reached(slot, Status::Confirmed);
    book.cancel_asked(slot);
    book.cancelled(slot);
    let found = book.answered(slot, &order(id, one(), Cancelled));
    assert_eq!(found.count(Invariant::KeyReused), 1);
}

#[test]
fn an_acknowledged_order_is_never_forgotten() {
    let (mut book, slot) = book();
    let id = OrderId::at(1);
    book.unknown(slot);
    assert_eq!(book.get(slot).answer, Answer::Unknown);
    assert!(
        book.answered(slot, &order(id, one(), OrderStatus::Confirmed))
            .is_ok()
    );
    book.unknown(slot);
    book.failed(slot);
    book.unsent(slot);
    assert_eq!(book.get(slot).answer, Answer::Order(id, Status::Confirmed));
    book.cancel_asked(slot);
    book.cancelled(slot);
    book.cancel_asked(slot);
    assert_eq!(book.get(slot).cancel, Cancel::Done);
}

#[test]
fn deliveries_are_bounded_from_both_sides() {
    let mut book = Book::default();
    let timer = catalog::index_of("timer").unwrap();
    assert_eq!(book.received_bounds(timer), (0, catalog::PLENTY));
    book.seeded();
    book.seeded();
    assert_eq!(
        book.received_bounds(timer),
        (catalog::PLENTY, catalog::PLENTY)
    );
    book.receive(
        "a",
        Receipt {
            article: timer,
            pieces: 5,
        },
    );
    assert_eq!(
        book.received_bounds(timer),
        (catalog::PLENTY, catalog::PLENTY + 5)
    );
    assert_eq!(book.open_receipts().len(), 1);
    book.received("a");
    book.received("a");
    assert_eq!(
        book.received_bounds(timer),
        (catalog::PLENTY + 5, catalog::PLENTY + 5)
    );
}

#[test]
fn a_journal_tells_the_same_story() {
    let id = OrderId::at(5);
    let place = |seq| Entry::Place {
        seq,
        lines: vec![("timer".into(), 1)],
        method: "pm_card_ok".into(),
        door: Door::Http,
    };
    let story = [
        Entry::Run {
            run: "r".into(),
            seed: 1,
            at_ms: 0,
        },
        Entry::CatalogDone,
        place(0),
        place(1),
        place(2),
        place(3),
        Entry::Placed {
            of: (0, 1),
            id: id.to_string(),
            status: Status::Confirmed,
        },
        Entry::Failed {
            of: (0, 2),
            why: String::new(),
        },
        Entry::Unsent { of: (0, 3) },
        Entry::Run {
            run: "s".into(),
            seed: 1,
            at_ms: 0,
        },
        Entry::Cancel { of: (0, 1) },
        Entry::Cancelled { of: (0, 1) },
        Entry::Placed {
            of: (0, 1),
            id: id.to_string(),
            status: Status::Confirmed,
        },
        Entry::Receive {
            id: "x".into(),
            sku: "timer".into(),
            pieces: 3,
        },
    ];
    let mut book = Book::default();
    for entry in &story {
        book.replay(entry).unwrap();
    }
    let answers: Vec<_> = book.iter().map(|(_, order)| order.answer).collect();
    let cancelled = Answer::Order(id, Status::Cancelled);
    assert_eq!(
        answers,
        [Answer::Planned, cancelled, Answer::Failed, Answer::Unsent]
    );
    let first_ends: Vec<_> = book.iter().map(|(_, order)| order.first_end).collect();
    assert_eq!(first_ends, [None, Some(Status::Confirmed), None, None]);
    assert_eq!(book.unknowns().len(), 1);
    assert_eq!(book.unsettled(), []);
    assert_eq!(book.open_receipts().len(), 1);
    assert!(book.is_seeded());
}

#[test]
fn an_impossible_journal_is_refused() {
    let mut book = Book::default();
    assert_eq!(
        book.replay(&Entry::Unsent { of: (0, 0) }),
        Err(BookError::NoRun)
    );
    book.begin_run("r").unwrap();
    assert_eq!(
        book.replay(&Entry::Unsent { of: (0, 0) }),
        Err(BookError::NoSuchOrder(0))
    );
    let bad = Entry::Place {
        seq: 0,
        lines: vec![],
        method: "pm_card_ok".into(),
        door: Door::Http,
    };
    assert_eq!(book.replay(&bad), Err(BookError::BadBody(0)));
}

#[test]
fn an_order_that_was_told_its_end_is_not_refused_later() {
    let refusal = CallError::from(tonic::Status::already_exists(
        "the key stands for another order",
    ));
    let (mut book, slot) = book();
    let id = OrderId::at(1);
    for (status, violations) in [(OrderStatus::Pending, 0), (OrderStatus::Confirmed, 1)] {
        assert!(book.answered(slot, &order(id, one(), status)).is_ok());
        let found = book.refused(slot, &refusal);
        assert_eq!(found.count(Invariant::KeyReused), violations, "{status:?}");
    }
}

#[test]
fn the_tally_is_what_a_recount_gives() {
    let (mut book, first) = book();
    let id = OrderId::from_bytes(7_u128.to_be_bytes());
    book.answered(first, &order(id, one(), OrderStatus::Confirmed));
    assert_eq!(book.tally().confirmed_cents, one().total_cents());
    book.begin_run("s").unwrap();
    // An order of an earlier run that changes now isn't this run's.
    book.cancelled(first);
    let slots: Vec<_> = (0..6)
        .map(|_| book.place(one(), Door::Grpc).unwrap())
        .collect();
    let known = |at: u128, status| order(OrderId::from_bytes(at.to_be_bytes()), one(), status);
    book.sent(slots[0]);
    book.unknown(slots[1]);
    book.failed(slots[2]);
    book.unsent(slots[3]);
    book.answered(slots[4], &known(4, OrderStatus::Confirmed));
    book.answered(slots[4], &known(4, OrderStatus::Confirmed));
    book.answered(slots[5], &known(5, OrderStatus::Pending));
    let before = Tally {
        open: 1,
        unknown: 1,
        none: 2,
        pending: 1,
        confirmed: 1,
        confirmed_cents: one().total_cents(),
        ..Tally::default()
    };
    assert_eq!(book.tally(), before);
    book.cancelled(slots[4]);
    book.reached(slots[5], Status::Rejected);
    let mut recount = Tally::default();
    book.this_run().for_each(|(_, order)| recount.add(order));
    assert_eq!(book.tally(), recount);
    assert_eq!((recount.cancelled, recount.rejected), (1, 1));
    assert_eq!((recount.placed(), recount.confirmed_cents), (2, 0));
}
