//! Where a saga stands, and why an order was rejected.

/// How far the saga of an order has come.
///
/// Forward: `Recorded → Reserved → Authorized → Captured → Confirmed`. Back:
/// `Refunding → Releasing`, `Voiding → Releasing`, then `Rejected` or
/// `Cancelled`. [`Saga`](crate::service::Saga) says who goes where and when.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum State {
    /// The order is durable, nothing else has happened.
    Recorded = 1,
    /// Stock is reserved and the price is known.
    Reserved = 2,
    /// The provider holds the money.
    Authorized = 3,
    /// The provider took the money.
    Captured = 4,
    /// The stock is sold. An end, until somebody cancels.
    Confirmed = 5,
    /// Going back: the captured money is being returned.
    Refunding = 6,
    /// Going back: the authorisation is being voided.
    Voiding = 7,
    /// Going back: the stock is being released.
    Releasing = 8,
    /// Refused, and nothing is held. The end.
    Rejected = 9,
    /// Cancelled, and nothing is held. The end.
    Cancelled = 10,
}

impl State {
    /// All states, by code.
    pub const ALL: [Self; 10] = [
        Self::Recorded,
        Self::Reserved,
        Self::Authorized,
        Self::Captured,
        Self::Confirmed,
        Self::Refunding,
        Self::Voiding,
        Self::Releasing,
        Self::Rejected,
        Self::Cancelled,
    ];

    /// The number that stands for it in a store; never changes.
    #[must_use]
    pub const fn code(self) -> u8 {
        self as u8
    }

    /// The state of a stored number.
    #[must_use]
    pub fn from_code(code: i64) -> Option<Self> {
        Self::ALL.into_iter().find(|s| i64::from(s.code()) == code)
    }

    /// Whether nothing is left to do.
    #[must_use]
    pub const fn is_end(self) -> bool {
        matches!(self, Self::Confirmed | Self::Rejected | Self::Cancelled)
    }

    /// Its name in metrics and logs.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Recorded => "recorded",
            Self::Reserved => "reserved",
            Self::Authorized => "authorized",
            Self::Captured => "captured",
            Self::Confirmed => "confirmed",
            Self::Refunding => "refunding",
            Self::Voiding => "voiding",
            Self::Releasing => "releasing",
            Self::Rejected => "rejected",
            Self::Cancelled => "cancelled",
        }
    }
}

/// Why an order was rejected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reason {
    /// A line asks for more than is available.
    OutOfStock = 1,
    /// The provider declined the payment.
    PaymentDeclined = 2,
    /// A line names a SKU that the catalogue doesn't have.
    UnknownSku = 3,
    /// The lines' prices are in more than one currency.
    MixedCurrency = 4,
    /// The total is more than can be paid.
    TotalOverflow = 5,
    /// A dependency stayed away longer than the order may wait.
    TimedOut = 6,
    /// The reservation ran out and the stock was gone.
    ReservationLost = 7,
}

impl Reason {
    /// All reasons, by code.
    pub const ALL: [Self; 7] = [
        Self::OutOfStock,
        Self::PaymentDeclined,
        Self::UnknownSku,
        Self::MixedCurrency,
        Self::TotalOverflow,
        Self::TimedOut,
        Self::ReservationLost,
    ];

    /// The number that stands for it in a store; never changes.
    #[must_use]
    pub const fn code(self) -> u8 {
        self as u8
    }

    /// The reason of a stored number.
    #[must_use]
    pub fn from_code(code: i64) -> Option<Self> {
        Self::ALL.into_iter().find(|r| i64::from(r.code()) == code)
    }

    /// The stable name, as in the ErrorInfo of an answer.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::OutOfStock => "OUT_OF_STOCK",
            Self::PaymentDeclined => "PAYMENT_DECLINED",
            Self::UnknownSku => "UNKNOWN_SKU",
            Self::MixedCurrency => "MIXED_CURRENCY",
            Self::TotalOverflow => "TOTAL_OVERFLOW",
            Self::TimedOut => "TIMED_OUT",
            Self::ReservationLost => "RESERVATION_LOST",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_come_back() {
        for state in State::ALL {
            assert_eq!(State::from_code(i64::from(state.code())), Some(state));
        }
        for reason in Reason::ALL {
            assert_eq!(Reason::from_code(i64::from(reason.code())), Some(reason));
        }
        assert_eq!(State::from_code(0), None);
        assert_eq!(Reason::from_code(0), None);
    }
}
