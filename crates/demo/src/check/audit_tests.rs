//! A model of a correct shop satisfies the audit; each way to break it is found.

use rand::{RngExt, SeedableRng, rngs::StdRng};
use shop_proto::{
    common,
    orders::{OrderStatus, PricedLine},
};

use super::*;
use crate::{
    catalog::ARTICLES,
    check::{Body, Door, Method},
};

/// Everything the audit reads, as a correct shop would answer.
#[derive(Clone)]
struct Shop {
    orders: Vec<Order>,
    ledger: Vec<Authorization>,
    payments: Vec<Payment>,
    stock: Vec<Stock>,
}

fn wire(id: OrderId, customer: String, body: Body, status: OrderStatus) -> Order {
    Order {
        id: id.to_string(),
        customer_id: customer,
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

fn entry(order: &Order, status: &str) -> (Authorization, Payment) {
    let amount = order.total.clone().unwrap();
    let (captured, refunded, state) = match status {
        "captured" => (amount.amount, 0, PaymentState::Captured),
        "refunded" => (amount.amount, amount.amount, PaymentState::Refunded),
        "voided" => (0, 0, PaymentState::Voided),
        _ => (0, 0, PaymentState::Declined),
    };
    let authorization = Authorization {
        reference: order.id.clone(),
        status: status.into(),
        amount: amount.amount,
        currency: amount.currency.clone(),
        captured,
        refunded,
        captures: u64::from(captured > 0),
        refunds: u64::from(refunded > 0),
    };
    let payment = Payment {
        order_id: order.id.clone(),
        state: state.into(),
        amount: Some(amount),
        captured,
        refunded,
        ..Payment::default()
    };
    (authorization, payment)
}

impl Shop {
    fn empty() -> Self {
        let stock = |article: &catalog::Article| Stock {
            sku: article.sku.into(),
            available: article.quantity(),
            received: article.quantity(),
            ..Stock::default()
        };
        Self {
            orders: vec![],
            ledger: vec![],
            payments: vec![],
            stock: ARTICLES.iter().map(stock).collect(),
        }
    }

    fn sell(&mut self, order: &Order) {
        for line in &order.lines {
            let stock = self.stock.iter_mut().find(|s| s.sku == line.sku).unwrap();
            stock.available -= line.quantity;
            stock.sold += line.quantity;
        }
    }

    fn take(&mut self, order: Order, paid: &str) {
        let (authorization, payment) = entry(&order, paid);
        if order.status() == OrderStatus::Confirmed {
            self.sell(&order);
        }
        self.orders.push(order);
        self.ledger.push(authorization);
        self.payments.push(payment);
    }

    fn audit(&self, book: &Book) -> Findings {
        let mut audit = Audit::new(book);
        self.orders.iter().for_each(|order| audit.order(order));
        self.ledger
            .iter()
            .for_each(|entry| audit.authorization(entry));
        self.payments
            .iter()
            .for_each(|payment| audit.payment(payment));
        self.stock.iter().for_each(|stock| audit.stock(stock));
        audit.finish()
    }
}

/// Orders 0 confirmed, 1 declined, 2 cancelled after capture, then random ones.
fn shop(seed: u64, more: usize) -> (Book, Shop) {
    let mut rng = StdRng::seed_from_u64(seed);
    let (mut book, mut shop) = (Book::default(), Shop::empty());
    book.begin_run("r").unwrap();
    book.seeded();
    for i in 0..3 + more {
        let kind = if i < 3 { i } else { rng.random_range(0..5) };
        let method = if kind == 1 {
            Method::Declined
        } else {
            Method::Ok
        };
        let body = Body::random(&mut rng);
        let body = Body::new(body.lines(), method).unwrap();
        let slot = book.place(body, Door::Grpc).unwrap();
        let id = OrderId::at(i64::try_from(i).unwrap());
        let (status, paid) = match kind {
            0 => (OrderStatus::Confirmed, "captured"),
            1 => (OrderStatus::Rejected, "declined"),
            2 => (OrderStatus::Cancelled, "refunded"),
            3 => (OrderStatus::Cancelled, "voided"),
            _ => {
                book.failed(slot);
                continue;
            }
        };
        let order = wire(id, book.customer(slot), body, status);
        assert!(book.answered(slot, &order).is_ok());
        if status == OrderStatus::Cancelled {
            book.cancel_asked(slot);
            book.cancelled(slot);
        }
        shop.take(order, paid);
    }
    let by_hand = Body::new([("timer", 2)], Method::Ok).unwrap();
    let order = wire(
        OrderId::at(1 << 40),
        "me".into(),
        by_hand,
        OrderStatus::Confirmed,
    );
    shop.take(order, "captured");
    (book, shop)
}

#[track_caller]
fn found(invariant: Invariant, spoil: impl FnOnce(&mut Shop)) {
    let (book, mut shop) = shop(1, 20);
    assert_eq!(shop.audit(&book).examples(), [""; 0], "before");
    spoil(&mut shop);
    let findings = shop.audit(&book);
    assert!(
        findings.count(invariant) > 0,
        "{invariant:?} not in {findings:?}"
    );
}

#[test]
fn orders_that_differ_are_found() {
    found(Invariant::Lost, |shop| drop(shop.orders.remove(1)));
    found(Invariant::Doubled, |shop| {
        shop.orders.push(shop.orders[1].clone())
    });
    found(Invariant::Doubled, |shop| {
        let twin = Order {
            id: OrderId::at(77).to_string(),
            ..shop.orders[1].clone()
        };
        shop.orders.push(twin);
    });
    found(Invariant::Changed, |shop| {
        shop.orders[0].lines[0].quantity += 1
    });
    found(Invariant::Changed, |shop| {
        shop.orders[0].customer_id.push('x')
    });
    found(Invariant::Changed, |shop| {
        shop.orders[0].total.as_mut().unwrap().amount += 1
    });
    found(Invariant::Unsettled, |shop| {
        shop.orders[0].set_status(OrderStatus::Pending)
    });
    found(Invariant::WrongEnd, |shop| {
        shop.orders[0].set_status(OrderStatus::Cancelled)
    });
    found(Invariant::WrongEnd, |shop| {
        shop.orders[1].set_status(OrderStatus::Confirmed)
    });
    found(Invariant::WrongEnd, |shop| {
        shop.orders[2].set_status(OrderStatus::Confirmed)
    });
}

#[test]
fn stock_that_differs_is_found() {
    found(Invariant::Imbalance, |shop| shop.stock[0].available -= 1);
    found(Invariant::Negative, |shop| {
        shop.stock[0].reserved = -1;
        shop.stock[0].available += 1;
    });
    found(Invariant::Oversold, |shop| {
        shop.stock[0].sold += shop.stock[0].available + 1;
        shop.stock[0].available = -1;
    });
    found(Invariant::SoldDiffers, |shop| {
        shop.stock[0].sold += 1;
        shop.stock[0].available -= 1;
    });
    found(Invariant::SoldDiffers, |shop| {
        let sku = shop.orders[0].lines[0].sku.clone();
        shop.stock.retain(|stock| stock.sku != sku);
    });
    found(Invariant::ReceivedDiffers, |shop| {
        shop.stock[0].received += 1;
        shop.stock[0].available += 1;
    });
    found(Invariant::ReservedLeft, |shop| {
        shop.stock[0].reserved += 1;
        shop.stock[0].available -= 1;
    });
}

#[test]
fn money_that_differs_is_found() {
    found(Invariant::DoubleCharged, |shop| {
        shop.ledger[0].captures = 2;
        shop.ledger[0].captured *= 2;
    });
    found(Invariant::DoubleCharged, |shop| shop.ledger[2].captures = 2);
    found(Invariant::MoneyDiffers, |shop| shop.ledger[0].captured -= 1);
    found(Invariant::MoneyDiffers, |shop| {
        shop.ledger[0].currency = "USD".into()
    });
    found(Invariant::MoneyDiffers, |shop| drop(shop.ledger.remove(0)));
    found(Invariant::MoneyDiffers, |shop| shop.ledger[2].refunded = 0);
    found(Invariant::HoldLeft, |shop| {
        shop.ledger[1].status = "authorized".into()
    });
    found(Invariant::PaymentDiffers, |shop| {
        shop.payments[0].captured += 1
    });
    found(Invariant::PaymentDiffers, |shop| {
        drop(shop.payments.remove(0))
    });
    found(Invariant::PaymentDiffers, |shop| {
        shop.payments[0].set_state(PaymentState::Capturing);
    });
    found(Invariant::Orphan, |shop| {
        let other = OrderId::at(99).to_string();
        shop.ledger.push(Authorization {
            reference: other,
            ..shop.ledger[0].clone()
        });
    });
}

#[test]
fn what_nobody_knows_is_found() {
    let (mut book, shop) = shop(1, 0);
    let slot = book
        .place(Body::new([("timer", 1)], Method::Ok).unwrap(), Door::Grpc)
        .unwrap();
    assert_eq!(shop.audit(&book).count(Invariant::Unresolved), 1);
    book.unknown(slot);
    assert_eq!(shop.audit(&book).count(Invariant::Unresolved), 1);
    book.failed(slot);
    assert!(shop.audit(&book).is_ok());
}

#[test]
fn a_cancellation_without_an_answer_may_end_either_way() {
    let (mut book, mut shop) = shop(1, 0);
    let (slot, _) = book.iter().next().unwrap();
    book.cancel_asked(slot);
    assert!(shop.audit(&book).is_ok());
    let lines = shop.orders[0].lines.clone();
    for line in &lines {
        let stock = shop.stock.iter_mut().find(|s| s.sku == line.sku).unwrap();
        stock.sold -= line.quantity;
        stock.available += line.quantity;
    }
    shop.orders[0].set_status(OrderStatus::Cancelled);
    (shop.ledger[0], shop.payments[0]) = entry(&shop.orders[0], "refunded");
    assert!(shop.audit(&book).is_ok());
}

/// Shops of many seeds and sizes. Seeds and not proptest: what a shop consists of
/// is drawn from its seed, so there is nothing to shrink, and proptest would change
/// the features of what the demo and its example are built from.
fn shops() -> impl Iterator<Item = (Book, Shop, StdRng)> {
    (0..256).map(|seed| {
        let mut rng = StdRng::seed_from_u64(!seed);
        let more = rng.random_range(0..60);
        let (book, shop) = shop(seed, more);
        (book, shop, rng)
    })
}

#[test]
fn a_correct_shop_is_never_accused() {
    for (seed, (book, shop, _)) in shops().enumerate() {
        let findings = shop.audit(&book);
        assert!(findings.is_ok(), "seed {seed}: {findings:?}");
    }
}

#[test]
fn a_lost_order_is_always_found() {
    for (seed, (book, mut shop, mut rng)) in shops().enumerate() {
        let last = shop.orders.len() - 1; // the last one was placed by hand
        shop.orders.remove(rng.random_range(0..last));
        assert_eq!(shop.audit(&book).count(Invariant::Lost), 1, "seed {seed}");
    }
}

#[test]
fn an_order_that_needs_too_long_is_found_if_that_is_asked_for() {
    let (mut book, mut shop) = shop(1, 0);
    shop.orders[0].create_time = Some(shop_proto::convert::timestamp(1_000));
    shop.orders[0].update_time = Some(shop_proto::convert::timestamp(62_000));
    assert!(shop.audit(&book).is_ok());
    book.require_end_within(Duration::from_secs(61));
    assert!(shop.audit(&book).is_ok());
    book.require_end_within(Duration::from_secs(60));
    assert_eq!(shop.audit(&book).count(Invariant::Unsettled), 1);
    book.begin_run("later").unwrap();
    assert!(shop.audit(&book).is_ok(), "an order of a run before");
}
