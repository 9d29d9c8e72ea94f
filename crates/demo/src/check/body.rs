//! The body of an order, small enough to keep millions of them.

use rand::{Rng, RngExt};
use shop_proto::orders::{LineItem, Order};
use shop_types::Money;

use crate::catalog::{self, ARTICLES, PLENTIFUL};

/// Lines of one order at most.
const LINES_MAX: usize = 3;

/// One time in this many an order asks for a scarce article.
const SCARCE_ONE_IN: u32 = 25;

/// How an order is paid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Method {
    /// A card that works.
    Ok,
    /// A card that is declined.
    Declined,
    /// A card without money.
    Insufficient,
}

impl Method {
    /// The provider's token.
    pub(crate) const fn token(self) -> &'static str {
        match self {
            Self::Ok => "pm_card_ok",
            Self::Declined => "pm_card_declined",
            Self::Insufficient => "pm_card_insufficient",
        }
    }

    /// By the provider's token.
    pub(crate) fn of(token: &str) -> Option<Self> {
        [Self::Ok, Self::Declined, Self::Insufficient]
            .into_iter()
            .find(|method| method.token() == token)
    }

    /// Whether the provider takes money from it.
    pub(crate) const fn pays(self) -> bool {
        matches!(self, Self::Ok)
    }
}

/// One line: which article, how many.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Line {
    article: u8,
    pieces: u16,
}

/// What an order asks for: 1 to 3 lines, no article twice, and a card.
///
/// Sixteen bytes, `Copy`: the checker keeps one for each order of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Body {
    lines: [Line; LINES_MAX],
    len: u8,
    method: Method,
}

impl Body {
    /// Makes a body of `(sku, pieces)` lines; `None` if an article is unknown or
    /// named twice, a quantity doesn't fit, or there are none or too many.
    pub(crate) fn new<'a>(
        lines: impl IntoIterator<Item = (&'a str, i64)>,
        method: Method,
    ) -> Option<Self> {
        let mut body = Self {
            lines: [Line::default(); LINES_MAX],
            len: 0,
            method,
        };
        for (sku, pieces) in lines {
            let pieces = u16::try_from(pieces).ok().filter(|&pieces| pieces > 0)?;
            body.push(catalog::index_of(sku)?, pieces)?;
        }
        (body.len > 0).then_some(body)
    }

    /// Draws a body: one to three lines of one to three pieces, now and then a
    /// scarce article, now and then a card that is declined.
    pub(crate) fn random(rng: &mut impl Rng) -> Self {
        let method = match rng.random_range(0..100) {
            0..3 => Method::Declined,
            3 => Method::Insufficient,
            _ => Method::Ok,
        };
        let mut body = Self {
            lines: [Line::default(); LINES_MAX],
            len: 0,
            method,
        };
        let wanted = [1, 1, 1, 2, 2, 3][rng.random_range(0..6_usize)];
        while body.len < wanted {
            let scarce = body.len == 0 && rng.random_ratio(1, SCARCE_ONE_IN);
            let range = if scarce {
                PLENTIFUL..ARTICLES.len()
            } else {
                0..PLENTIFUL
            };
            let article = u8::try_from(rng.random_range(range)).unwrap_or(0);
            // An article that is there already is drawn again.
            let _again = body.push(article, rng.random_range(1..=3));
        }
        body
    }

    /// The same with one piece more in the first line: another body under the
    /// same key, which the shop must refuse.
    pub(crate) fn altered(mut self) -> Self {
        self.lines[0].pieces = self.lines[0].pieces.saturating_add(1);
        self
    }

    fn push(&mut self, article: u8, pieces: u16) -> Option<()> {
        let len = usize::from(self.len);
        if self.lines[..len].iter().any(|line| line.article == article) {
            return None;
        }
        *self.lines.get_mut(len)? = Line { article, pieces };
        self.len += 1;
        Some(())
    }

    /// The lines as `(sku, pieces)`.
    pub(crate) fn lines(&self) -> impl Iterator<Item = (&'static str, i64)> {
        self.lines[..usize::from(self.len)].iter().map(|line| {
            (
                ARTICLES[usize::from(line.article)].sku,
                i64::from(line.pieces),
            )
        })
    }

    /// How it is paid.
    pub(crate) const fn method(&self) -> Method {
        self.method
    }

    /// As the wire wants it.
    pub(crate) fn line_items(&self) -> Vec<LineItem> {
        let item = |(sku, quantity): (&str, i64)| LineItem {
            sku: sku.to_owned(),
            quantity,
        };
        self.lines().map(item).collect()
    }

    /// What it costs by the catalogue, in cents.
    pub(crate) fn total_cents(&self) -> i64 {
        let price =
            |line: &Line| ARTICLES[usize::from(line.article)].price_cents * i64::from(line.pieces);
        self.lines[..usize::from(self.len)].iter().map(price).sum()
    }

    /// Says how `order` differs from what was asked, if it does: other lines,
    /// or another total than the catalogue's prices give.
    pub(crate) fn difference(&self, order: &Order) -> Option<String> {
        let mut asked: Vec<_> = self.lines().collect();
        let mut kept: Vec<_> = order
            .lines
            .iter()
            .map(|line| (line.sku.as_str(), line.quantity))
            .collect();
        asked.sort_unstable();
        kept.sort_unstable();
        if asked != kept {
            return Some(format!("asked for {asked:?}, has {kept:?}"));
        }
        let total = Money::try_from(order.total.as_ref()?).ok();
        let expected = Money::new(self.total_cents(), shop_types::Currency::EUR);
        (total != Some(expected)).then(|| format!("should cost {expected}, has {:?}", order.total))
    }
}

#[cfg(test)]
mod tests {
    use rand::{SeedableRng, rngs::StdRng};
    use shop_proto::{common, orders::PricedLine};

    use super::*;

    #[test]
    fn bodies_are_checked() {
        assert!(Body::new([("timer", 2)], Method::Ok).is_some());
        assert!(Body::new([], Method::Ok).is_none());
        assert!(Body::new([("timer", 0)], Method::Ok).is_none());
        assert!(Body::new([("unknown", 1)], Method::Ok).is_none());
        assert!(Body::new([("timer", 1), ("timer", 1)], Method::Ok).is_none());
        let four = ["timer", "strainer", "cup-blue", "cup-white"].map(|sku| (sku, 1));
        assert!(Body::new(four, Method::Ok).is_none());
    }

    #[test]
    fn random_bodies_cover_the_catalogue_and_the_cards() {
        let mut rng = StdRng::seed_from_u64(7);
        let bodies: Vec<_> = (0..2_000).map(|_| Body::random(&mut rng)).collect();
        for article in &ARTICLES {
            assert!(
                bodies
                    .iter()
                    .any(|b| b.lines().any(|(sku, _)| sku == article.sku))
            );
        }
        let declined = bodies.iter().filter(|b| !b.method().pays()).count();
        assert!((20..200).contains(&declined), "{declined}");
        let again: Vec<_> = {
            let mut rng = StdRng::seed_from_u64(7);
            (0..2_000).map(|_| Body::random(&mut rng)).collect()
        };
        assert_eq!(bodies, again, "the same seed draws the same orders");
    }

    #[test]
    fn a_changed_order_is_seen() {
        let body = Body::new([("timer", 2), ("cup-blue", 1)], Method::Ok).unwrap();
        let mut order = Order {
            lines: body
                .lines()
                .map(|(sku, quantity)| PricedLine {
                    sku: sku.into(),
                    quantity,
                    unit_price: None,
                })
                .collect(),
            total: Some(common::Money {
                amount: 2 * 380 + 1_200,
                currency: "EUR".into(),
            }),
            ..Order::default()
        };
        assert_eq!(body.difference(&order), None);
        assert!(body.altered().difference(&order).is_some());
        order.total = Some(common::Money {
            amount: 1,
            currency: "EUR".into(),
        });
        assert!(body.difference(&order).is_some());
        order.total = None;
        assert_eq!(body.difference(&order), None, "not priced yet");
        order.lines[0].quantity += 1;
        assert!(body.difference(&order).is_some());
    }
}
