//! Identifiers: checked when they are made, opaque afterwards.

use std::{fmt, str::FromStr};

use uuid::Uuid;

use crate::TextError;

/// Declares a checked text newtype.
macro_rules! text_type {
    ($(#[$doc:meta])* $name:ident, max = $max:expr, allowed = $allowed:expr, $check:expr) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Box<str>);

        impl $name {
            /// The longest text that is allowed, in characters.
            pub const CHARACTERS_MAX: usize = $max;

            /// Checks `text` and takes it.
            ///
            /// # Errors
            ///
            /// [`TextError`] says which rule the text breaks.
            pub fn new(text: impl Into<Box<str>>) -> Result<Self, TextError> {
                let text = text.into();
                check(&text, Self::CHARACTERS_MAX, $allowed, $check)?;
                Ok(Self(text))
            }

            /// The text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = TextError;

            fn from_str(text: &str) -> Result<Self, TextError> {
                Self::new(text)
            }
        }
    };
}

/// Shows the text itself, for types that are no secret.
macro_rules! shown {
    ($name:ident) => {
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{:?}", &*self.0)
            }
        }
    };
}

fn check(
    text: &str,
    max: usize,
    allowed: &'static str,
    is_allowed: fn(char) -> bool,
) -> Result<(), TextError> {
    if text.is_empty() {
        return Err(TextError::Empty);
    }
    // The byte length is looked at first, so that a huge text costs nothing.
    if text.len() > max.saturating_mul(4) || text.chars().count() > max {
        return Err(TextError::TooLong { max });
    }
    if !text.chars().all(is_allowed) {
        return Err(TextError::BadCharacter { allowed });
    }
    Ok(())
}

const PRINTABLE: &str = "characters that are not control characters";

fn is_printable(c: char) -> bool {
    !c.is_control()
}

text_type!(
    /// A stock keeping unit: 1 to 64 characters of `[A-Za-z0-9._-]`.
    Sku, max = 64, allowed = "letters, digits, '.', '_' and '-'",
    |c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-')
);
shown!(Sku);

text_type!(
    /// Names one order of a caller for seven days: 1 to 255 characters.
    IdempotencyKey, max = 255, allowed = PRINTABLE, is_printable
);
shown!(IdempotencyKey);

text_type!(
    /// Whose order it is: 1 to 64 characters.
    CustomerId, max = 64, allowed = PRINTABLE, is_printable
);
shown!(CustomerId);

text_type!(
    /// The provider's token of a payment method: 1 to 128 visible ASCII characters.
    ///
    /// Who holds the token can have money taken, so it is never shown: `Debug`
    /// prints dots and there is no `Display`.
    PaymentMethod, max = 128, allowed = "visible ASCII characters",
    |c| c.is_ascii_graphic()
);

impl fmt::Debug for PaymentMethod {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PaymentMethod(…)")
    }
}

/// Names an order everywhere: a UUID, version 7 when this shop makes it, so
/// that ids sort by time of birth.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OrderId(Uuid);

impl OrderId {
    /// Makes a new id whose first 48 bits are `unix_ms`, and the rest random.
    ///
    /// The time is given, not read, so that ids follow the service's clock, which
    /// never goes back.
    #[must_use]
    pub fn at(unix_ms: i64) -> Self {
        let ms = u64::try_from(unix_ms).unwrap_or(0);
        let random = *Uuid::new_v4().as_bytes();
        let mut tail = [0; 10];
        tail.copy_from_slice(&random[6..]);
        Self(uuid::Builder::from_unix_timestamp_millis(ms, &tail).into_uuid())
    }

    /// The 16 bytes of the UUID, in network order.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 16] {
        self.0.as_bytes()
    }

    /// From 16 bytes in network order.
    #[must_use]
    pub fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(Uuid::from_bytes(bytes))
    }
}

impl FromStr for OrderId {
    type Err = TextError;

    fn from_str(text: &str) -> Result<Self, TextError> {
        match text {
            "" => Err(TextError::Empty),
            _ => Uuid::try_parse(text)
                .map(Self)
                .map_err(|_bad| TextError::NotAUuid),
        }
    }
}

impl fmt::Display for OrderId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.hyphenated().fmt(f)
    }
}

impl fmt::Debug for OrderId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_checked() {
        assert_eq!(Sku::new("").unwrap_err(), TextError::Empty);
        assert_eq!(
            Sku::new("a".repeat(65)).unwrap_err(),
            TextError::TooLong { max: 64 }
        );
        assert!(matches!(
            Sku::new("a b").unwrap_err(),
            TextError::BadCharacter { .. }
        ));
        assert_eq!(
            Sku::new("tea.green-100_g").unwrap().as_str(),
            "tea.green-100_g"
        );
        assert!(IdempotencyKey::new("ü".repeat(255)).is_ok());
        assert!(IdempotencyKey::new("ü".repeat(256)).is_err());
        assert!(CustomerId::new("a\nb").is_err());
    }

    #[test]
    fn a_payment_method_is_not_shown() {
        let token = PaymentMethod::new("pm_card_secret").unwrap();
        assert!(!format!("{token:?}").contains("secret"));
    }

    #[test]
    fn order_ids_sort_by_time_and_come_back() {
        let (early, late) = (OrderId::at(1_000), OrderId::at(1_001));
        assert!(early < late);
        assert_eq!(early.to_string().parse::<OrderId>().unwrap(), early);
        assert_eq!(OrderId::from_bytes(*late.as_bytes()), late);
        assert_eq!(
            "nonsense".parse::<OrderId>().unwrap_err(),
            TextError::NotAUuid
        );
    }
}
