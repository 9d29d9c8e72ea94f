//! Words of the shop that every service speaks: money, identifiers, quantities.
//!
//! Nothing here knows of a transport, a store or a runtime. A value of one of
//! these types has been checked: code behind the edge doesn't check it again.

mod ids;
mod money;
mod quantity;

pub use ids::{CustomerId, IdempotencyKey, OrderId, PaymentMethod, Sku};
pub use money::{Currency, Money, MoneyError};
pub use quantity::{Quantity, QuantityError};

/// Why a text is not one of the shop's identifiers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TextError {
    /// Nothing was given.
    #[error("must not be empty")]
    Empty,
    /// Longer than the type allows.
    #[error("must have at most {max} characters")]
    TooLong {
        /// The longest text that is allowed, in characters.
        max: usize,
    },
    /// A character that the type doesn't allow.
    #[error("must consist of {allowed}")]
    BadCharacter {
        /// Which characters are allowed, for people.
        allowed: &'static str,
    },
    /// Not a UUID.
    #[error("must be a UUID")]
    NotAUuid,
}
