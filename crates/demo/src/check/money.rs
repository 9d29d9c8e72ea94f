//! Money, checked while orders go on: the last orders against the provider's
//! ledger.

use std::collections::BTreeMap;

use shop_types::OrderId;

use super::{Answer, Authorization, Book, Findings, Invariant, Slot, Status};

/// How many of the last orders are looked at.
const RECENT: usize = 200;

/// Compares what the last orders cost with what the provider has of them.
///
/// Only orders that are known to be at an end for good before the question is
/// asked, and still are at the answer: whatever else changes meanwhile changes
/// other entries.
#[derive(Debug, Default)]
pub(crate) struct Money {
    owed: BTreeMap<OrderId, (Slot, i64)>,
}

/// What was compared, in cents.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Till {
    pub(crate) orders: u64,
    /// What the confirmed ones among them cost.
    pub(crate) owed: i64,
    pub(crate) captured: i64,
    pub(crate) refunded: i64,
}

impl Till {
    /// Whether the provider has what is owed.
    pub(crate) const fn fits(&self) -> bool {
        self.captured.saturating_sub(self.refunded) == self.owed
    }
}

impl Money {
    /// What the last orders owe, before the ledger is asked for.
    pub(crate) fn before(book: &Book) -> Self {
        let recent = (0..RECENT).filter_map(|back| book.recent(back));
        let owed = recent.filter_map(|(slot, _)| {
            let (id, owed) = owed(book, slot)?;
            Some((id, (slot, owed)))
        });
        Self {
            owed: owed.collect(),
        }
    }

    /// Behind which reference the ledger's page has to begin, and how many of
    /// its rows may be needed; `None` if there is nothing to compare. The first
    /// order is the one behind which.
    pub(crate) fn page(&self) -> Option<(String, usize)> {
        let (first, _) = self.owed.first_key_value()?;
        (self.owed.len() > 1).then(|| (first.to_string(), RECENT * 2))
    }

    /// Compares the answer with the book as it is now.
    pub(crate) fn after(mut self, book: &Book, page: &[Authorization]) -> (Till, Findings) {
        let (mut till, mut findings) = (Till::default(), Findings::default());
        self.owed.pop_first();
        for entry in page {
            let Some((id, (slot, before))) = entry
                .reference
                .parse()
                .ok()
                .and_then(|id: OrderId| self.owed.remove_entry(&id))
            else {
                continue;
            };
            if owed(book, slot) != Some((id, before)) {
                continue;
            }
            till.orders += 1;
            till.owed += before;
            till.captured = till.captured.saturating_add(entry.captured);
            till.refunded = till.refunded.saturating_add(entry.refunded);
            if entry.captures > 1 || entry.net() > before {
                let what = format!("order costs {before}: {entry:?}");
                findings.add(Invariant::DoubleCharged, what);
            } else if entry.net() != before {
                let what = format!("order owes {before}: {entry:?}");
                findings.add(Invariant::MoneyDiffers, what);
            }
        }
        (till, findings)
    }
}

/// What an order owes if that is for good.
fn owed(book: &Book, slot: Slot) -> Option<(OrderId, i64)> {
    let order = book.get(slot);
    let Answer::Order(id, status) = order.answer else {
        return None;
    };
    match status {
        Status::Confirmed if !order.is_cancelling() => Some((id, order.body.total_cents())),
        Status::Rejected | Status::Cancelled => Some((id, 0)),
        Status::Confirmed | Status::Pending => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::{Body, Door, Method};
    use shop_proto::orders::OrderStatus;

    fn id(at: u128) -> OrderId {
        OrderId::from_bytes(at.to_be_bytes())
    }

    fn book(orders: u128) -> Book {
        let mut book = Book::default();
        book.begin_run("r").unwrap();
        for at in 0..orders {
            let body = Body::new([("timer", 1)], Method::Ok).unwrap();
            let slot = book.place(body, Door::Grpc).unwrap();
            let order = crate::check::book::tests::order(id(at), body, OrderStatus::Confirmed);
            assert!(book.answered(slot, &order).is_ok());
        }
        book
    }

    fn entry(at: u128, captured: i64, refunded: i64) -> Authorization {
        Authorization {
            reference: id(at).to_string(),
            status: "captured".into(),
            amount: captured,
            currency: "EUR".into(),
            captured,
            refunded,
            captures: 1,
            refunds: 0,
        }
    }

    #[test]
    fn what_the_provider_has_is_what_the_orders_cost() {
        let book = book(4);
        let money = Money::before(&book);
        assert_eq!(money.page().unwrap().0, id(0).to_string());
        let page: Vec<_> = (1..4).map(|at| entry(at, 380, 0)).collect();
        let (till, found) = money.after(&book, &page);
        assert!(found.is_ok() && till.fits());
        assert_eq!((till.orders, till.owed), (3, 3 * 380));

        let twice = [entry(1, 760, 0), entry(2, 380, 380), entry(3, 380, 0)];
        let (till, found) = Money::before(&book).after(&book, &twice);
        assert_eq!(found.count(Invariant::DoubleCharged), 1);
        assert_eq!(found.count(Invariant::MoneyDiffers), 1);
        assert_eq!(till.orders, 3);
    }

    #[test]
    fn an_order_that_is_cancelled_meanwhile_is_left_out() {
        let mut book = book(3);
        let money = Money::before(&book);
        let (slot, _) = book.recent(0).unwrap();
        book.cancel_asked(slot);
        let (till, found) = money.after(&book, &[entry(2, 380, 380), entry(1, 380, 0)]);
        assert!(found.is_ok(), "{found:?}");
        assert_eq!(till.orders, 1);
        assert!(Money::default().page().is_none());
    }
}
