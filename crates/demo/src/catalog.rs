//! What the demo sells: a fixed catalogue, plenty of most things and little of a few.

use shop_types::{Currency, Money};

/// One article.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Article {
    /// Stock keeping unit.
    pub(crate) sku: &'static str,
    /// What it is called.
    pub(crate) name: &'static str,
    /// Price of one piece, in cents.
    pub(crate) price_cents: i64,
    /// Whether it runs out now and then, so that orders are refused.
    pub(crate) scarce: bool,
}

/// The import under which the catalogue goes in: a demo that comes back to its
/// data directory repeats it, and that must change nothing.
pub(crate) const IMPORT_ID: &str = "demo-catalog-1";

/// Pieces of an ordinary article in the first delivery, and in each top-up. At
/// 50 orders a second one lasts about two days.
pub(crate) const PLENTY: i64 = 1_000_000;

/// Pieces of a scarce article in the first delivery.
pub(crate) const SCARCE: i64 = 60;

/// Pieces of a scarce article in each later delivery.
pub(crate) const SCARCE_DELIVERY: i64 = 20;

const fn plenty(sku: &'static str, name: &'static str, price_cents: i64) -> Article {
    Article {
        sku,
        name,
        price_cents,
        scarce: false,
    }
}

const fn scarce(sku: &'static str, name: &'static str, price_cents: i64) -> Article {
    Article {
        sku,
        name,
        price_cents,
        scarce: true,
    }
}

/// How many of [`ARTICLES`], from the first, are plentiful.
pub(crate) const PLENTIFUL: usize = 16;

/// Everything the demo sells. The journal names articles by SKU, orders in
/// memory by index: append, never reorder within a release.
pub(crate) const ARTICLES: [Article; 19] = [
    plenty("tea-assam", "Assam, 100 g", 690),
    plenty("tea-ceylon", "Ceylon, 100 g", 590),
    plenty("tea-darjeeling", "Darjeeling first flush, 100 g", 1_490),
    plenty("tea-earl-grey", "Earl Grey, 100 g", 650),
    plenty("tea-genmaicha", "Genmaicha, 100 g", 850),
    plenty("tea-jasmine", "Jasmine green, 100 g", 790),
    plenty("tea-lapsang", "Lapsang souchong, 100 g", 890),
    plenty("tea-oolong", "Oolong, 100 g", 1_190),
    plenty("tea-rooibos", "Rooibos, 100 g", 490),
    plenty("tea-sencha", "Sencha, 100 g", 990),
    plenty("tea-white-peony", "White peony, 50 g", 1_290),
    plenty("cup-blue", "Cup, blue", 1_200),
    plenty("cup-white", "Cup, white", 1_100),
    plenty("pot-iron", "Iron pot, 0.8 l", 5_900),
    plenty("strainer", "Strainer", 450),
    plenty("timer", "Hourglass, three minutes", 380),
    scarce("tea-gyokuro-rare", "Gyokuro from one garden, 50 g", 4_900),
    scarce("tea-puerh-1988", "Pu-erh of 1988, one cake", 38_000),
    scarce("cup-raku", "Raku cup, signed", 12_500),
];

impl Article {
    /// Price of one piece.
    pub(crate) const fn price(&self) -> Money {
        Money::new(self.price_cents, Currency::EUR)
    }

    /// Pieces in the first delivery.
    pub(crate) const fn quantity(&self) -> i64 {
        if self.scarce { SCARCE } else { PLENTY }
    }
}

/// The index of an article by its SKU.
pub(crate) fn index_of(sku: &str) -> Option<u8> {
    let at = ARTICLES.iter().position(|article| article.sku == sku)?;
    u8::try_from(at).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_catalogue_is_one() {
        for (i, article) in ARTICLES.iter().enumerate() {
            assert_eq!(index_of(article.sku).map(usize::from), Some(i));
            assert_eq!(article.scarce, i >= PLENTIFUL);
            assert!(article.sku.parse::<shop_types::Sku>().is_ok());
        }
        assert_eq!(index_of("nothing"), None);
    }
}
