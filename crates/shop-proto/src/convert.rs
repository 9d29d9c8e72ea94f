//! Between the wire and the shop's own types.

use prost_types::Timestamp;
use shop_types::{Currency, Money, MoneyError};

use crate::common;

impl From<Money> for common::Money {
    fn from(money: Money) -> Self {
        Self {
            amount: money.minor(),
            currency: money.currency().code().to_owned(),
        }
    }
}

impl TryFrom<&common::Money> for Money {
    type Error = MoneyError;

    fn try_from(wire: &common::Money) -> Result<Self, MoneyError> {
        Ok(Self::new(wire.amount, wire.currency.parse::<Currency>()?))
    }
}

/// A point in time as milliseconds since 1970 to the wire's form.
#[must_use]
pub fn timestamp(unix_ms: i64) -> Timestamp {
    // The remainder is below 1,000, so neither conversion can fail.
    let nanos = i32::try_from(unix_ms.rem_euclid(1_000)).unwrap_or(0) * 1_000_000;
    Timestamp {
        seconds: unix_ms.div_euclid(1_000),
        nanos,
    }
}

/// The wire's form of a point in time to milliseconds since 1970, saturating.
#[must_use]
pub fn unix_ms(timestamp: &Timestamp) -> i64 {
    timestamp
        .seconds
        .saturating_mul(1_000)
        .saturating_add(i64::from(timestamp.nanos) / 1_000_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_come_back() {
        for ms in [0, 1, 999, 1_000, 1_763_675_000_123, -1, -1_500] {
            assert_eq!(unix_ms(&timestamp(ms)), ms);
        }
    }
}
