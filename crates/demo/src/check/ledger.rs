//! The provider's own ledger, as its HTTP API shows it.

use serde::Deserialize;

/// What the provider knows of one order.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub(crate) struct Authorization {
    /// Order id.
    pub(crate) reference: String,
    /// authorized, declined, captured, voided or refunded.
    pub(crate) status: String,
    /// What it was asked to hold, in minor units.
    pub(crate) amount: i64,
    /// ISO 4217 code.
    pub(crate) currency: String,
    /// Minor units taken, all captures together.
    pub(crate) captured: i64,
    /// Minor units returned, all refunds together.
    pub(crate) refunded: i64,
    /// How often it took money.
    pub(crate) captures: u64,
    /// How often it returned money.
    pub(crate) refunds: u64,
}

impl Authorization {
    /// Minor units that the provider has in the end.
    pub(crate) const fn net(&self) -> i64 {
        self.captured.saturating_sub(self.refunded)
    }
}

/// A page of the ledger.
#[derive(Clone, Debug, Default, Deserialize)]
pub(crate) struct LedgerPage {
    /// Its entries, by reference.
    pub(crate) authorizations: Vec<Authorization>,
    /// Where the next page begins; `None` at the end.
    pub(crate) next: Option<String>,
}
