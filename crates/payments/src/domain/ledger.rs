//! The double-entry ledger: each change of a payment's money is one entry whose
//! postings sum to zero.
//!
//! What an account holds because of one payment is a function of the payment's
//! figures ([`standing`]); an entry is the difference between two of them. So
//! no path through the states can book something twice or forget it.

use super::payment::{Payment, State};

/// An account of the ledger. Debits are positive, credits negative.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Account {
    /// Money the provider holds for us on customers' cards.
    CustomerHolds,
    /// The other side of the holds: they are no income yet.
    HoldsOffset,
    /// Money the provider took and owes us.
    ProviderReceivable,
    /// What was sold.
    Revenue,
    /// What was returned of it.
    Refunds,
    /// Money that was taken beyond what was asked, and is owed to customers.
    Discrepancies,
}

impl Account {
    /// All accounts, in the order of an entry's postings.
    pub const ALL: [Self; 6] = [
        Self::CustomerHolds,
        Self::HoldsOffset,
        Self::ProviderReceivable,
        Self::Revenue,
        Self::Refunds,
        Self::Discrepancies,
    ];

    /// Its name in the database; never changes.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::CustomerHolds => "customer_holds",
            Self::HoldsOffset => "holds_offset",
            Self::ProviderReceivable => "provider_receivable",
            Self::Revenue => "revenue",
            Self::Refunds => "refunds",
            Self::Discrepancies => "discrepancies",
        }
    }
}

/// One entry: minor units per account, in one currency.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Entry([i64; 6]);

impl Entry {
    /// Books what lies between two states of one payment.
    ///
    /// Nothing if the provider's very first answer shows money that was taken:
    /// the payment may be one whose entries are in the balances and whose
    /// record was deleted, and booking it again would be wrong. People see to
    /// it, see [`super::settle()`].
    #[must_use]
    pub fn between(before: &Payment, after: &Payment) -> Self {
        if before.is_unanswered() && was_taken(after) {
            return Self::default();
        }
        let (old, new) = (standing(before), standing(after));
        // Figures are bounded, see `FIGURE_MAX`: no difference can overflow.
        Self(std::array::from_fn(|i| new[i] - old[i]))
    }

    /// The postings, in the order of [`Account::ALL`].
    #[must_use]
    pub fn postings(&self) -> &[i64; 6] {
        &self.0
    }

    /// Whether nothing is booked.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0 == [0; 6]
    }
}

fn was_taken(payment: &Payment) -> bool {
    matches!(payment.state, State::Captured | State::Refunded)
}

/// What the accounts hold because of one payment, in the order of
/// [`Account::ALL`]; sums to zero whatever the figures are.
fn standing(payment: &Payment) -> [i64; 6] {
    let too_much = (payment.captured - payment.due()).max(0);
    let too_much_back = payment.refunded.min(too_much);
    [
        payment.held,
        -payment.held,
        payment.captured - payment.refunded,
        too_much - payment.captured,
        payment.refunded - too_much_back,
        too_much_back - too_much,
    ]
}
