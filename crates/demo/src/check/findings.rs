//! What is wrong with the shop, counted by the invariant that broke.

use std::collections::BTreeMap;

/// How many examples are kept for people to read; the counts go on.
const EXAMPLES_MAX: usize = 24;

/// An invariant of the shop that a checker outside of it can see broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Invariant {
    /// An acknowledged order is gone.
    Lost,
    /// One key had two effects, or an order is listed twice.
    Doubled,
    /// An acknowledged order has another content than was asked for.
    Changed,
    /// An order has no end state though the time for it is over.
    Unsettled,
    /// An order is at another end than its answers said.
    WrongEnd,
    /// The same key gave another answer, or another body was taken under it.
    KeyReused,
    /// An unknown outcome couldn't be resolved by repeating the call.
    Unresolved,
    /// available + reserved + sold ≠ received.
    Imbalance,
    /// A count of pieces is negative.
    Negative,
    /// More was sold than came in.
    Oversold,
    /// The pieces sold are not those of the confirmed orders.
    SoldDiffers,
    /// The pieces received are not those that were sent in.
    ReceivedDiffers,
    /// Stock is held though no order is under way.
    ReservedLeft,
    /// More than one capture for one order, or more money than it costs.
    DoubleCharged,
    /// The provider's ledger doesn't hold what the order costs.
    MoneyDiffers,
    /// Money is held for an order that is over.
    HoldLeft,
    /// The shop's payment isn't what the provider's ledger says.
    PaymentDiffers,
    /// Money was moved for an order that the shop doesn't have.
    Orphan,
    /// An answer contradicts itself, or isn't what the API promises.
    Contradiction,
    /// A process of the shop had to be killed at shutdown.
    Straggler,
}

impl Invariant {
    /// All of them.
    pub(crate) const ALL: [Self; 20] = [
        Self::Lost,
        Self::Doubled,
        Self::Changed,
        Self::Unsettled,
        Self::WrongEnd,
        Self::KeyReused,
        Self::Unresolved,
        Self::Imbalance,
        Self::Negative,
        Self::Oversold,
        Self::SoldDiffers,
        Self::ReceivedDiffers,
        Self::ReservedLeft,
        Self::DoubleCharged,
        Self::MoneyDiffers,
        Self::HoldLeft,
        Self::PaymentDiffers,
        Self::Orphan,
        Self::Contradiction,
        Self::Straggler,
    ];

    /// A stable name for programs.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Lost => "lost",
            Self::Doubled => "doubled",
            Self::Changed => "changed",
            Self::Unsettled => "unsettled",
            Self::WrongEnd => "wrong_end",
            Self::KeyReused => "key_reused",
            Self::Unresolved => "unresolved",
            Self::Imbalance => "imbalance",
            Self::Negative => "negative",
            Self::Oversold => "oversold",
            Self::SoldDiffers => "sold_differs",
            Self::ReceivedDiffers => "received_differs",
            Self::ReservedLeft => "reserved_left",
            Self::DoubleCharged => "double_charged",
            Self::MoneyDiffers => "money_differs",
            Self::HoldLeft => "hold_left",
            Self::PaymentDiffers => "payment_differs",
            Self::Orphan => "orphan",
            Self::Contradiction => "contradiction",
            Self::Straggler => "straggler",
        }
    }
}

/// Violations by invariant, with the first few as examples.
///
/// # Limits
///
/// Keeps 24 examples; counts have no limit but 64 bits.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Findings {
    counts: BTreeMap<Invariant, u64>,
    examples: Vec<String>,
}

impl Findings {
    /// Notes one violation.
    pub(crate) fn add(&mut self, invariant: Invariant, what: impl std::fmt::Display) {
        self.add_many(invariant, 1, what);
    }

    /// Notes `count` violations with one example; none for 0.
    pub(crate) fn add_many(
        &mut self,
        invariant: Invariant,
        count: u64,
        what: impl std::fmt::Display,
    ) {
        if count == 0 {
            return;
        }
        *self.counts.entry(invariant).or_default() += count;
        if self.examples.len() < EXAMPLES_MAX {
            self.examples.push(format!("{}: {what}", invariant.name()));
        }
    }

    /// Takes over what another part of the checker has found.
    pub(crate) fn merge(&mut self, other: Self) {
        for (invariant, count) in other.counts {
            *self.counts.entry(invariant).or_default() += count;
        }
        let room = EXAMPLES_MAX - self.examples.len();
        self.examples.extend(other.examples.into_iter().take(room));
    }

    /// Whether nothing is wrong.
    pub(crate) fn is_ok(&self) -> bool {
        self.counts.is_empty()
    }

    /// How often `invariant` was violated.
    pub(crate) fn count(&self, invariant: Invariant) -> u64 {
        self.counts.get(&invariant).copied().unwrap_or(0)
    }

    /// All violations together.
    pub(crate) fn total(&self) -> u64 {
        self.counts.values().sum()
    }

    /// Orders that were acknowledged and are gone, doubled or altered.
    pub(crate) fn orders_lost(&self) -> u64 {
        self.count(Invariant::Lost) + self.count(Invariant::Changed)
    }

    /// By name.
    pub(crate) fn by_name(&self) -> BTreeMap<&'static str, u64> {
        let named = self
            .counts
            .iter()
            .map(|(invariant, &count)| (invariant.name(), count));
        named.collect()
    }

    /// The first few, for people.
    pub(crate) fn examples(&self) -> &[String] {
        &self.examples
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_go_on_when_examples_are_full() {
        let mut findings = Findings::default();
        assert!(findings.is_ok());
        findings.add_many(Invariant::Lost, 0, "nothing");
        assert!(findings.is_ok());
        for i in 0..100 {
            findings.add(Invariant::Lost, i);
        }
        let mut all = Findings::default();
        all.add(Invariant::Oversold, "tea");
        all.merge(findings);
        assert_eq!(all.count(Invariant::Lost), 100);
        assert_eq!(all.total(), 101);
        assert_eq!(all.examples().len(), EXAMPLES_MAX);
        assert_eq!(all.examples()[0], "oversold: tea");
        assert!(!all.is_ok());
    }
}
