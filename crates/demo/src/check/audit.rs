//! The whole check, from outside: the checker's memory against all that the
//! shop and the provider say.

use std::{
    collections::{BTreeMap, HashMap},
    time::Duration,
};

use shop_proto::{
    inventory::Stock,
    orders::Order,
    payments::{Payment, PaymentState},
};
use shop_types::OrderId;

use super::{
    Answer, Authorization, Book, Cancel, Findings, Invariant, Slot, Status, Tracked,
    book::CUSTOMERS, live,
};
use crate::catalog;

/// Compares a [`Book`] with a shop at rest.
///
/// Feed it pages as they come, in this order: all orders, the provider's
/// ledger, all payments, all stock; then [`Audit::finish`]. It is pure, so each
/// violation has a test that shows it found.
///
/// # Limits
///
/// About 150 bytes for each order of the shop while it runs.
#[derive(Debug)]
pub(crate) struct Audit<'a> {
    book: &'a Book,
    slots: HashMap<OrderId, Slot>,
    orders: HashMap<OrderId, Seen>,
    sold: BTreeMap<String, i64>,
    stock: BTreeMap<String, i64>,
    findings: Findings,
}

/// From the record of an order to its last step.
fn took(order: &Order) -> Option<Duration> {
    let ms = |time: &Option<_>| time.as_ref().map(shop_proto::convert::unix_ms);
    let ms = ms(&order.update_time)? - ms(&order.create_time)?;
    u64::try_from(ms).ok().map(Duration::from_millis)
}

/// What one order looks like from all sides.
#[derive(Debug)]
struct Seen {
    status: Status,
    total: i64,
    currency: Box<str>,
    ledger: Option<Money>,
    payment: bool,
}

/// What the provider has moved for an order.
#[derive(Clone, Copy, Debug)]
struct Money {
    captured: i64,
    refunded: i64,
}

impl<'a> Audit<'a> {
    /// Begins with what the checker remembers.
    pub(crate) fn new(book: &'a Book) -> Self {
        let named = |(slot, order): (Slot, &Tracked)| match order.answer {
            Answer::Order(id, _) => Some((id, slot)),
            Answer::Planned | Answer::Sent | Answer::Unsent | Answer::Unknown | Answer::Failed => {
                None
            }
        };
        let mut findings = Findings::default();
        let mut slots = HashMap::new();
        for (id, slot) in book.iter().filter_map(named) {
            if let Some(other) = slots.insert(id, slot) {
                let what = format!(
                    "{} and {} are both order {id}",
                    book.key(other),
                    book.key(slot)
                );
                findings.add(Invariant::KeyReused, what);
            }
        }
        Self {
            book,
            slots,
            orders: HashMap::new(),
            sold: BTreeMap::new(),
            stock: BTreeMap::new(),
            findings,
        }
    }

    /// One order of ListOrders.
    pub(crate) fn order(&mut self, order: &Order) {
        let Ok(id) = order.id.parse::<OrderId>() else {
            self.findings
                .add(Invariant::Changed, format!("order id {:?}", order.id));
            return;
        };
        let status = Status::of(order.status());
        let seen = Seen {
            status,
            total: order.total.as_ref().map_or(0, |total| total.amount),
            currency: order
                .total
                .as_ref()
                .map_or("", |total| &total.currency)
                .into(),
            ledger: None,
            payment: false,
        };
        if self.orders.insert(id, seen).is_some() {
            self.findings
                .add(Invariant::Doubled, format!("order {id} is listed twice"));
            return;
        }
        if !status.is_end() {
            self.findings
                .add(Invariant::Unsettled, format!("order {id} is {status:?}"));
        }
        if status == Status::Confirmed {
            for line in &order.lines {
                *self.sold.entry(line.sku.clone()).or_default() += line.quantity;
            }
        }
        match self.slots.get(&id) {
            Some(&slot) => self.tracked(slot, order, status),
            None if order.customer_id.starts_with(CUSTOMERS) => {
                let what = format!("order {id} of {} was never acknowledged", order.customer_id);
                self.findings.add(Invariant::Doubled, what);
            }
            // Placed by hand, or beyond what the checker tracks.
            None => {}
        }
    }

    fn tracked(&mut self, slot: Slot, order: &Order, status: Status) {
        let (tracked, key) = (self.book.get(slot), self.book.key(slot));
        let mut difference = tracked.body.difference(order);
        if order.customer_id != self.book.customer(slot) {
            difference.get_or_insert_with(|| format!("belongs to {:?}", order.customer_id));
        }
        if let Some(difference) = difference {
            self.findings
                .add(Invariant::Changed, format!("{key}: {difference}"));
        }
        // A cancellation may come long after the order was confirmed.
        if matches!(status, Status::Confirmed | Status::Rejected)
            && let Some(took) = took(order)
            && self.book.is_too_slow(slot, took)
        {
            let what = format!("{key} needed {} s to be {status:?}", took.as_secs());
            self.findings.add(Invariant::Unsettled, what);
        }
        if status.is_end() && !may_end(&tracked, status) {
            let what = format!(
                "{key} is {status:?}; was told {:?}, cancellation {:?}, {:?}",
                tracked.answer,
                tracked.cancel,
                tracked.body.method()
            );
            self.findings.add(Invariant::WrongEnd, what);
        }
    }

    /// One entry of the provider's ledger.
    pub(crate) fn authorization(&mut self, entry: &Authorization) {
        // References that are no order ids were made by hand.
        let Ok(id) = entry.reference.parse::<OrderId>() else {
            return;
        };
        let held = entry.status == "authorized";
        let Some(seen) = self.orders.get_mut(&id) else {
            if entry.net() != 0 || held {
                self.findings
                    .add(Invariant::Orphan, format!("{entry:?} without an order"));
            }
            return;
        };
        let money = Money {
            captured: entry.captured,
            refunded: entry.refunded,
        };
        if seen.ledger.replace(money).is_some() {
            self.findings.add(
                Invariant::Doubled,
                format!("{id} stands twice in the ledger"),
            );
        }
        let owed = if seen.status == Status::Confirmed {
            seen.total
        } else {
            0
        };
        let net = entry.net();
        if entry.captures > 1 || (owed > 0 && net > owed) {
            self.findings.add(
                Invariant::DoubleCharged,
                format!("order costs {owed}: {entry:?}"),
            );
        }
        if net != owed || (owed > 0 && *entry.currency != *seen.currency) {
            self.findings.add(
                Invariant::MoneyDiffers,
                format!("order owes {owed}: {entry:?}"),
            );
        }
        if held && seen.status.is_end() {
            self.findings
                .add(Invariant::HoldLeft, format!("{:?}: {entry:?}", seen.status));
        }
    }

    /// One payment of ListPayments.
    pub(crate) fn payment(&mut self, payment: &Payment) {
        let Ok(id) = payment.order_id.parse::<OrderId>() else {
            return;
        };
        let Some(seen) = self.orders.get_mut(&id) else {
            if payment.captured != payment.refunded {
                self.findings
                    .add(Invariant::Orphan, format!("{payment:?} without an order"));
            }
            return;
        };
        if std::mem::replace(&mut seen.payment, true) {
            self.findings
                .add(Invariant::Doubled, format!("{id} has two payments"));
        }
        let ledger = seen.ledger.unwrap_or(Money {
            captured: 0,
            refunded: 0,
        });
        let same = payment.captured == ledger.captured && payment.refunded == ledger.refunded;
        let confirmed = seen.status == Status::Confirmed;
        let fits = match payment.state() {
            PaymentState::Captured => confirmed,
            PaymentState::Declined | PaymentState::Voided | PaymentState::Refunded => !confirmed,
            // Still under way, as an order that isn't at its end may be.
            PaymentState::Unspecified
            | PaymentState::Authorizing
            | PaymentState::Authorized
            | PaymentState::Capturing
            | PaymentState::Voiding
            | PaymentState::Refunding => !seen.status.is_end(),
        };
        let amount = payment.amount.as_ref().map_or(0, |amount| amount.amount);
        if !same || !fits || (confirmed && amount != seen.total) {
            let what = format!("order {:?}, ledger {ledger:?}: {payment:?}", seen.status);
            self.findings.add(Invariant::PaymentDiffers, what);
        }
    }

    /// One SKU of ListStock.
    pub(crate) fn stock(&mut self, stock: &Stock) {
        live::check_balance(stock, &mut self.findings);
        if self.stock.insert(stock.sku.clone(), stock.sold).is_some() {
            self.findings.add(
                Invariant::Imbalance,
                format!("{} is listed twice", stock.sku),
            );
        }
        if stock.reserved != 0 {
            let what = format!("{}: {} pieces held for nobody", stock.sku, stock.reserved);
            self.findings.add(Invariant::ReservedLeft, what);
        }
        let Some(article) = catalog::index_of(&stock.sku) else {
            return;
        };
        let (sure, most) = self.book.received_bounds(article);
        if !(sure..=most).contains(&stock.received) {
            let what = format!(
                "{}: {}, sent in {sure} to {most}",
                stock.sku, stock.received
            );
            self.findings.add(Invariant::ReceivedDiffers, what);
        }
    }

    /// What can only be said once everything was seen.
    pub(crate) fn finish(mut self) -> Findings {
        for (slot, tracked) in self.book.iter() {
            match tracked.answer {
                Answer::Order(id, _) if !self.orders.contains_key(&id) => {
                    let what = format!("{}, order {id}", self.book.key(slot));
                    self.findings.add(Invariant::Lost, what);
                }
                Answer::Planned | Answer::Sent | Answer::Unknown => {
                    self.findings
                        .add(Invariant::Unresolved, self.book.key(slot));
                }
                Answer::Order(..) | Answer::Unsent | Answer::Failed => {}
            }
        }
        for (id, seen) in &self.orders {
            let paid = seen.status == Status::Confirmed && seen.total > 0;
            if paid && seen.ledger.is_none() {
                let what = format!("order {id} is confirmed and the provider has nothing");
                self.findings.add(Invariant::MoneyDiffers, what);
            }
            if paid && !seen.payment {
                let what = format!("order {id} is confirmed and has no payment");
                self.findings.add(Invariant::PaymentDiffers, what);
            }
        }
        for sku in self.sold.keys() {
            self.stock.entry(sku.clone()).or_default();
        }
        for (sku, sold) in &self.stock {
            let ordered = self.sold.get(sku).copied().unwrap_or(0);
            if *sold != ordered {
                let what = format!("{sku}: {sold} sold, confirmed orders have {ordered}");
                self.findings.add(Invariant::SoldDiffers, what);
            }
        }
        self.findings
    }
}

/// Whether an order may be at this end, by what its caller was told.
fn may_end(tracked: &Tracked, end: Status) -> bool {
    let told = match tracked.answer {
        Answer::Order(_, status) => status,
        Answer::Planned | Answer::Sent | Answer::Unsent | Answer::Unknown | Answer::Failed => {
            Status::Pending
        }
    };
    let allowed = match (tracked.cancel, told) {
        (Cancel::Done, _) => end == Status::Cancelled,
        (Cancel::Refused, _) => end == Status::Rejected,
        (_, Status::Pending) => true,
        (Cancel::Asked, Status::Confirmed) => end != Status::Rejected,
        (_, status) => end == status,
    };
    let unpaid = end == Status::Confirmed && !tracked.body.method().pays();
    let unasked = end == Status::Cancelled && tracked.cancel == Cancel::No;
    allowed && !unpaid && !unasked
}

#[cfg(test)]
#[path = "audit_tests.rs"]
mod tests;
