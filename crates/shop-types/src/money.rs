//! Money: integer minor units with a currency. There is no floating point here.

use std::{fmt, str::FromStr};

/// Why a calculation with money has no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MoneyError {
    /// The amount does not fit 64 bits.
    #[error("the amount does not fit a 64-bit number of minor units")]
    Overflow,
    /// Two currencies can't be added.
    #[error("{0} and {1} can't be mixed")]
    MixedCurrency(Currency, Currency),
    /// Not a currency that this shop trades in.
    #[error("unknown currency, the shop trades in {}", Currency::list())]
    UnknownCurrency,
}

macro_rules! currencies {
    ($($name:ident $minor:literal),* $(,)?) => {
        /// The currencies that the shop trades in, by ISO 4217 code.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[expect(missing_docs, reason = "the ISO 4217 codes say it")]
        pub enum Currency { $($name),* }

        impl Currency {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$name),*];

            /// The ISO 4217 code, for example `EUR`.
            #[must_use]
            pub const fn code(self) -> &'static str {
                match self { $(Self::$name => stringify!($name)),* }
            }

            /// Decimal digits of the minor unit: 2 for euro and cent, 0 for yen.
            #[must_use]
            pub const fn minor_digits(self) -> u32 {
                match self { $(Self::$name => $minor),* }
            }
        }
    };
}

currencies!(AUD 2, CAD 2, CHF 2, CZK 2, DKK 2, EUR 2, GBP 2, JPY 0, KWD 3, NOK 2, NZD 2, PLN 2, SEK 2, USD 2);

impl Currency {
    fn list() -> String {
        Self::ALL
            .iter()
            .map(|c| c.code())
            .collect::<Vec<_>>()
            .join(", ")
    }
}

impl FromStr for Currency {
    type Err = MoneyError;

    fn from_str(code: &str) -> Result<Self, MoneyError> {
        Self::ALL
            .iter()
            .copied()
            .find(|c| c.code() == code)
            .ok_or(MoneyError::UnknownCurrency)
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

/// An amount in a currency's minor units: 1999 with [`Currency::EUR`] is 19.99 €.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Money {
    minor: i64,
    currency: Currency,
}

impl Money {
    /// `minor` units of `currency`.
    #[must_use]
    pub const fn new(minor: i64, currency: Currency) -> Self {
        Self { minor, currency }
    }

    /// The amount in minor units.
    #[must_use]
    pub const fn minor(self) -> i64 {
        self.minor
    }

    /// The currency.
    #[must_use]
    pub const fn currency(self) -> Currency {
        self.currency
    }

    /// The sum of two amounts of one currency.
    ///
    /// # Errors
    ///
    /// [`MoneyError::MixedCurrency`] or [`MoneyError::Overflow`]; repeating it
    /// doesn't help.
    pub fn plus(self, other: Self) -> Result<Self, MoneyError> {
        if self.currency != other.currency {
            return Err(MoneyError::MixedCurrency(self.currency, other.currency));
        }
        let minor = self
            .minor
            .checked_add(other.minor)
            .ok_or(MoneyError::Overflow)?;
        Ok(Self { minor, ..self })
    }

    /// The price of `pieces` pieces at this price each.
    ///
    /// # Errors
    ///
    /// [`MoneyError::Overflow`].
    pub fn times(self, pieces: i64) -> Result<Self, MoneyError> {
        let minor = self.minor.checked_mul(pieces).ok_or(MoneyError::Overflow)?;
        Ok(Self { minor, ..self })
    }

    /// The sum of many amounts; `None` for no amounts at all, which have no
    /// currency.
    ///
    /// # Errors
    ///
    /// As [`Money::plus`].
    pub fn sum(amounts: impl IntoIterator<Item = Self>) -> Result<Option<Self>, MoneyError> {
        amounts
            .into_iter()
            .try_fold(None, |sum: Option<Self>, next| match sum {
                None => Ok(Some(next)),
                Some(sum) => sum.plus(next).map(Some),
            })
    }
}

impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = self.currency.minor_digits();
        let unit = 10_u64.pow(digits);
        let (sign, amount) = (
            if self.minor < 0 { "-" } else { "" },
            self.minor.unsigned_abs(),
        );
        write!(f, "{sign}{}", amount / unit)?;
        if digits > 0 {
            write!(f, ".{:0width$}", amount % unit, width = digits as usize)?;
        }
        write!(f, " {}", self.currency)
    }
}

impl fmt::Debug for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn currencies_are_read_by_code() {
        assert_eq!("EUR".parse::<Currency>().unwrap(), Currency::EUR);
        for bad in ["", "eur", "XXX", "EURO"] {
            assert_eq!(
                bad.parse::<Currency>().unwrap_err(),
                MoneyError::UnknownCurrency
            );
        }
    }

    #[test]
    fn money_is_shown_with_its_minor_digits() {
        assert_eq!(Money::new(1999, Currency::EUR).to_string(), "19.99 EUR");
        assert_eq!(Money::new(-5, Currency::EUR).to_string(), "-0.05 EUR");
        assert_eq!(Money::new(500, Currency::JPY).to_string(), "500 JPY");
        assert_eq!(
            Money::new(i64::MIN, Currency::KWD).to_string(),
            "-9223372036854775.808 KWD"
        );
    }

    #[test]
    fn currencies_do_not_mix() {
        let error = Money::new(1, Currency::EUR)
            .plus(Money::new(1, Currency::USD))
            .unwrap_err();
        assert_eq!(
            error,
            MoneyError::MixedCurrency(Currency::EUR, Currency::USD)
        );
    }

    proptest! {
        #[test]
        fn sums_are_exact_or_refused(amounts in prop::collection::vec(any::<i64>(), 1..20)) {
            let exact: i128 = amounts.iter().map(|&a| i128::from(a)).sum();
            let sum = Money::sum(amounts.iter().map(|&a| Money::new(a, Currency::EUR)));
            match sum {
                Ok(sum) => prop_assert_eq!(i128::from(sum.unwrap().minor()), exact),
                // A partial sum may leave the range though the whole comes back.
                Err(error) => prop_assert_eq!(error, MoneyError::Overflow),
            }
        }

        #[test]
        fn products_are_exact_or_refused(price in any::<i64>(), pieces in any::<i64>()) {
            let exact = i128::from(price) * i128::from(pieces);
            match Money::new(price, Currency::USD).times(pieces) {
                Ok(product) => prop_assert_eq!(i128::from(product.minor()), exact),
                Err(_) => prop_assert!(i64::try_from(exact).is_err()),
            }
        }
    }
}
