//! Inventory and payments as a model: what they hold, and how they answer.
//!
//! As idempotent, and as stubborn about what is closed, as `proto/` says that the
//! real ones are. Knows no scripts, no delays and no wire.

use std::collections::HashMap;
use std::sync::Arc;

use orders::model::{Line, Priced, Reason, Rejection};
use orders::service::{Call, Refusal, Reply};
use shop_types::{Currency, Money, OrderId};

/// What inventory has of an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Goods {
    Reserved,
    Expired,
    Committed,
    Released,
}

/// What payments has of an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purse {
    Authorized,
    Declined,
    Captured,
    Voided,
    Refunded,
}

/// The books of one order over there.
#[derive(Clone, Debug, Default)]
pub(crate) struct Books {
    pub(crate) goods: Option<Goods>,
    pub(crate) purse: Option<Purse>,
    pub(crate) captures: u32,
    pub(crate) refunds: u32,
    pub(crate) lines: Vec<Line>,
}

impl Books {
    /// Whether anything is held or taken for the order.
    pub(crate) fn holds_something(&self) -> bool {
        matches!(self.goods, Some(Goods::Reserved | Goods::Committed))
            || matches!(self.purse, Some(Purse::Authorized | Purse::Captured))
    }
}

/// One kind of goods.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shelf {
    pub(crate) price: Money,
    pub(crate) available: i64,
    pub(crate) held: i64,
}

/// Both services.
#[derive(Clone, Debug, Default)]
pub(crate) struct World {
    pub(crate) shelves: HashMap<String, Shelf>,
    pub(crate) books: HashMap<OrderId, Books>,
    /// How often each call came, idempotent repeats included.
    pub(crate) calls: HashMap<Call, u32>,
}

/// A request on its way.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) call: Call,
    pub(crate) id: OrderId,
    pub(crate) lines: Vec<Line>,
    pub(crate) method: String,
}

impl World {
    /// A shop with `available` pieces of tea (1.00 €), jam (2.50 €), cake (3 $)
    /// and gold, whose price only fits once.
    pub(crate) fn new(available: i64) -> Self {
        let shelf = |minor, currency| Shelf {
            price: Money::new(minor, currency),
            available,
            held: 0,
        };
        let shelves = [
            ("tea", shelf(100, Currency::EUR)),
            ("jam", shelf(250, Currency::EUR)),
            ("cake", shelf(300, Currency::USD)),
            ("gold", shelf(i64::MAX, Currency::EUR)),
        ];
        let shelves = shelves.map(|(sku, shelf)| (sku.to_owned(), shelf)).into();
        Self {
            shelves,
            ..Self::default()
        }
    }

    pub(crate) fn books(&self, id: OrderId) -> Books {
        self.books.get(&id).cloned().unwrap_or_default()
    }

    pub(crate) fn calls(&self, call: Call) -> u32 {
        self.calls.get(&call).copied().unwrap_or(0)
    }

    /// Does what is asked, and answers.
    pub(crate) fn take(&mut self, asked: &Asked) -> Reply {
        *self.calls.entry(asked.call).or_default() += 1;
        match asked.call {
            Call::Reserve => self.reserve(asked),
            Call::Commit => self.commit(asked.id),
            Call::Release => self.release(asked.id),
            Call::Authorize | Call::Capture | Call::Void | Call::Refund => self.pay(asked),
        }
    }

    /// Payments forgets the order's payment, or has it again; answers what it had.
    pub(crate) fn swap_purse(&mut self, id: OrderId, purse: Option<Purse>) -> Option<Purse> {
        std::mem::replace(&mut self.books.entry(id).or_default().purse, purse)
    }

    /// The reservation runs out; the stock goes back.
    pub(crate) fn expire(&mut self, id: OrderId) {
        if self.books(id).goods == Some(Goods::Reserved) {
            self.put_back(id);
            self.books.entry(id).or_default().goods = Some(Goods::Expired);
        }
    }

    fn reserve(&mut self, asked: &Asked) -> Reply {
        match self.books(asked.id).goods {
            Some(Goods::Reserved | Goods::Committed) => return self.price(&asked.lines),
            Some(Goods::Expired | Goods::Released) => {
                return Reply::Refused(Refusal::ReservationLost);
            }
            None => {}
        }
        let reply = self.price(&asked.lines);
        if let Reply::Reserved(_) = reply {
            if let Some(sku) = self.short_of(&asked.lines) {
                return business(Reason::OutOfStock, sku);
            }
            let books = self.books.entry(asked.id).or_default();
            books.goods = Some(Goods::Reserved);
            books.lines.clone_from(&asked.lines);
            self.move_stock(asked.id, -1);
        }
        reply
    }

    fn commit(&mut self, id: OrderId) -> Reply {
        let books = self.books(id);
        match books.goods {
            Some(Goods::Reserved) => {}
            Some(Goods::Committed) => return Reply::Done,
            Some(Goods::Expired) if self.short_of(&books.lines).is_none() => {
                self.move_stock(id, -1);
            }
            Some(Goods::Expired | Goods::Released) | None => {
                return Reply::Refused(Refusal::ReservationLost);
            }
        }
        self.books.entry(id).or_default().goods = Some(Goods::Committed);
        Reply::Done
    }

    fn release(&mut self, id: OrderId) -> Reply {
        if matches!(
            self.books(id).goods,
            Some(Goods::Reserved | Goods::Committed)
        ) {
            self.put_back(id);
        }
        self.books.entry(id).or_default().goods = Some(Goods::Released);
        Reply::Done
    }

    fn pay(&mut self, asked: &Asked) -> Reply {
        let books = self.books.entry(asked.id).or_default();
        let closed = || Reply::Refused(Refusal::PaymentClosed("PAYMENT_CLOSED".into()));
        match (asked.call, books.purse) {
            (Call::Authorize, None) if asked.method == "pm_card_declined" => {
                books.purse = Some(Purse::Declined);
                business(Reason::PaymentDeclined, "declined".to_owned())
            }
            (Call::Authorize, None) => {
                books.purse = Some(Purse::Authorized);
                Reply::Done
            }
            (Call::Authorize, Some(Purse::Declined)) => {
                business(Reason::PaymentDeclined, "declined".to_owned())
            }
            (Call::Authorize, Some(Purse::Authorized | Purse::Captured)) => Reply::Done,
            (Call::Capture, Some(Purse::Authorized)) => {
                books.captures += 1;
                books.purse = Some(Purse::Captured);
                Reply::Done
            }
            (Call::Capture, Some(Purse::Captured)) => Reply::Done,
            (Call::Void, None | Some(Purse::Authorized)) => {
                books.purse = Some(Purse::Voided);
                Reply::Done
            }
            (Call::Void, Some(Purse::Voided | Purse::Declined | Purse::Refunded)) => Reply::Done,
            (Call::Void, Some(Purse::Captured)) => Reply::Refused(Refusal::AlreadyCaptured),
            (Call::Refund, Some(Purse::Captured)) => {
                books.refunds += 1;
                books.purse = Some(Purse::Refunded);
                Reply::Done
            }
            (Call::Refund, Some(Purse::Refunded)) => Reply::Done,
            (Call::Refund, None) => Reply::Refused(Refusal::PaymentMissing),
            (Call::Refund, _) => Reply::Refused(Refusal::NotCaptured),
            _ => closed(),
        }
    }

    /// All lines with prices, or why that can't be.
    fn price(&self, lines: &[Line]) -> Reply {
        let mut priced = Vec::new();
        for line in lines {
            let Some(shelf) = self.shelves.get(line.sku.as_str()) else {
                return business(Reason::UnknownSku, line.sku.as_str().to_owned());
            };
            priced.push(Line {
                unit_price: Some(shelf.price),
                ..line.clone()
            });
        }
        let currency = priced[0].unit_price.map(Money::currency);
        if priced
            .iter()
            .any(|line| line.unit_price.map(Money::currency) != currency)
        {
            return business(Reason::MixedCurrency, "two currencies".to_owned());
        }
        let sums = priced.iter().map(|line| {
            line.unit_price
                .and_then(|price| price.times(line.quantity.get()).ok())
        });
        let sum = sums
            .collect::<Option<Vec<_>>>()
            .and_then(|sums| Money::sum(sums).ok().flatten());
        match sum {
            Some(total) => Reply::Reserved(Priced {
                lines: Arc::from(priced),
                total,
            }),
            None => business(Reason::TotalOverflow, "too much".to_owned()),
        }
    }

    fn short_of(&self, lines: &[Line]) -> Option<String> {
        let short = |line: &&Line| {
            let shelf = self.shelves.get(line.sku.as_str());
            shelf.is_none_or(|shelf| shelf.available < line.quantity.get())
        };
        lines
            .iter()
            .find(short)
            .map(|line| line.sku.as_str().to_owned())
    }

    fn put_back(&mut self, id: OrderId) {
        self.move_stock(id, 1);
    }

    fn move_stock(&mut self, id: OrderId, sign: i64) {
        for line in self.books(id).lines {
            if let Some(shelf) = self.shelves.get_mut(line.sku.as_str()) {
                shelf.available += sign * line.quantity.get();
                shelf.held -= sign * line.quantity.get();
                assert!(shelf.available >= 0 && shelf.held >= 0, "oversold");
            }
        }
    }
}

fn business(reason: Reason, detail: String) -> Reply {
    Reply::Refused(Refusal::Business(Rejection::new(reason, detail)))
}
