//! Quantities: how many pieces a line may ask for.

use std::fmt;

/// Pieces in one line, 1 to [`Quantity::MAX`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Quantity(i64);

/// The number is not a quantity.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be 1 to {}", Quantity::MAX)]
pub struct QuantityError;

impl Quantity {
    /// The largest quantity of one line. A hundred lines of it at the price of
    /// one billion minor units still fit 64 bits.
    pub const MAX: i64 = 1_000_000;

    /// Checks `pieces` and takes it.
    ///
    /// # Errors
    ///
    /// [`QuantityError`] for zero, a negative number or more than
    /// [`Quantity::MAX`].
    pub const fn new(pieces: i64) -> Result<Self, QuantityError> {
        if pieces < 1 || pieces > Self::MAX {
            return Err(QuantityError);
        }
        Ok(Self(pieces))
    }

    /// The number of pieces.
    #[must_use]
    pub const fn get(self) -> i64 {
        self.0
    }
}

impl fmt::Display for Quantity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_one_to_a_million_pieces() {
        for bad in [i64::MIN, -1, 0, Quantity::MAX + 1, i64::MAX] {
            assert_eq!(Quantity::new(bad), Err(QuantityError));
        }
        for good in [1, Quantity::MAX] {
            assert_eq!(Quantity::new(good).map(Quantity::get), Ok(good));
        }
    }
}
