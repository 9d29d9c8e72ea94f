//! The part of the invariants that is cheap enough for every second.

use shop_proto::inventory::Stock;

use super::{Book, Findings, Invariant};
use crate::catalog::{self, ARTICLES};

/// Checks stock while orders go on.
///
/// Deliveries are on their way at all times, so what was received is known
/// within bounds: [`Live::before`] is taken before the question, the book's
/// view at the answer bounds it from above.
#[derive(Debug)]
pub(crate) struct Live {
    sure: [i64; ARTICLES.len()],
}

impl Live {
    /// What has surely come in before the question is asked.
    pub(crate) fn before(book: &Book) -> Self {
        let article = |i: usize| u8::try_from(i).unwrap_or(u8::MAX);
        Self {
            sure: std::array::from_fn(|i| book.received_bounds(article(i)).0),
        }
    }

    /// Compares the answer: the balance of each SKU, and what it received.
    pub(crate) fn after(&self, book: &Book, stock: &[Stock]) -> Findings {
        let mut findings = Findings::default();
        for stock in stock {
            check_balance(stock, &mut findings);
            let Some(article) = catalog::index_of(&stock.sku) else {
                continue;
            };
            let (sure, most) = (
                self.sure[usize::from(article)],
                book.received_bounds(article).1,
            );
            if !(sure..=most).contains(&stock.received) {
                let what = format!(
                    "{}: received {}, sent in {sure} to {most}",
                    stock.sku, stock.received
                );
                findings.add(Invariant::ReceivedDiffers, what);
            }
        }
        findings
    }
}

/// Pieces of all articles together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Shelves {
    pub(crate) available: i64,
    pub(crate) reserved: i64,
    pub(crate) sold: i64,
    pub(crate) received: i64,
}

impl Shelves {
    /// The sums of a page of stock.
    pub(crate) fn of(stock: &[Stock]) -> Self {
        let sum = |count: fn(&Stock) -> i64| {
            stock
                .iter()
                .fold(0_i64, |sum, stock| sum.saturating_add(count(stock)))
        };
        Self {
            available: sum(|stock| stock.available),
            reserved: sum(|stock| stock.reserved),
            sold: sum(|stock| stock.sold),
            received: sum(|stock| stock.received),
        }
    }
}

/// What must hold for one SKU at every time.
pub(crate) fn balance(stock: &Stock) -> Findings {
    let mut findings = Findings::default();
    check_balance(stock, &mut findings);
    findings
}

pub(super) fn check_balance(stock: &Stock, findings: &mut Findings) {
    let Stock {
        sku,
        available,
        reserved,
        sold,
        received,
        ..
    } = stock;
    let counts = [available, reserved, sold, received];
    if counts.into_iter().any(|&count| count < 0) {
        findings.add(Invariant::Negative, format!("{sku}: {counts:?}"));
    }
    let sum = [available, reserved, sold]
        .iter()
        .map(|&&n| i128::from(n))
        .sum::<i128>();
    if sum != i128::from(*received) {
        let what = format!("{sku}: {available} + {reserved} + {sold} ≠ {received}");
        findings.add(Invariant::Imbalance, what);
    }
    let over = sold.saturating_sub(*received).max(0).unsigned_abs();
    findings.add_many(
        Invariant::Oversold,
        over,
        format_args!("{sku}: {sold} sold of {received} received"),
    );
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::Receipt;

    fn stock(available: i64, reserved: i64, sold: i64, received: i64) -> Stock {
        Stock {
            sku: "timer".into(),
            available,
            reserved,
            sold,
            received,
            ..Stock::default()
        }
    }

    #[test]
    fn an_imbalance_is_found() {
        assert!(balance(&stock(5, 2, 3, 10)).is_ok());
        assert_eq!(balance(&stock(5, 2, 4, 10)).count(Invariant::Imbalance), 1);
        assert_eq!(balance(&stock(-1, 2, 9, 10)).count(Invariant::Negative), 1);
        let over = balance(&stock(-3, 0, 13, 10));
        assert_eq!(over.count(Invariant::Oversold), 3);
        let wrapped = stock(i64::MAX, i64::MAX, 2, 0);
        assert_eq!(balance(&wrapped).count(Invariant::Imbalance), 1);
    }

    #[test]
    fn stock_that_nobody_sent_in_is_found_and_a_delivery_under_way_is_not() {
        let timer = catalog::index_of("timer").unwrap();
        let mut book = Book::default();
        book.seeded();
        let live = Live::before(&book);
        book.receive(
            "a",
            Receipt {
                article: timer,
                pieces: 7,
            },
        );
        for received in [catalog::PLENTY, catalog::PLENTY + 7] {
            assert!(
                live.after(&book, &[stock(received, 0, 0, received)])
                    .is_ok()
            );
        }
        book.received("a");
        assert!(
            live.after(&book, &[stock(catalog::PLENTY, 0, 0, catalog::PLENTY)])
                .is_ok()
        );
        for received in [catalog::PLENTY - 1, catalog::PLENTY + 8] {
            let found = live.after(&book, &[stock(received, 0, 0, received)]);
            assert_eq!(found.count(Invariant::ReceivedDiffers), 1);
        }
    }
}
