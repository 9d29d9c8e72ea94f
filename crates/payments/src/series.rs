//! What the service counts.

watertight::catalogue! {
    /// What callers asked for, by outcome.
    pub ASKS: Counters("payments_asks_total", Count, [ask, outcome]);
    /// Differences between the provider's books and ours; anything but 0 needs a person.
    pub DISCREPANCIES: Counters("payments_discrepancies_total", Count);
    /// Attempts at a call of the provider: answered, failed (the next endpoint is tried), over (nobody knows what became of it).
    pub PROVIDER_ATTEMPTS: Counters("payments_provider_attempts_total", Count, [outcome]);
    /// Intents that the sweeper took up, by outcome.
    pub INTENTS_SWEPT: Counters("payments_intents_swept_total", Count, [outcome]);
    /// Payments that were looked at again after an odd answer, by outcome.
    pub CHECKS: Counters("payments_checks_total", Count, [outcome]);
}
