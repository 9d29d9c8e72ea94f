//! What `demo load` counts, as customers and checkers see the shop.

watertight::catalogue! {
    /// Calls that ended.
    pub CALLS: Counters("load_calls_total", Count);
    /// Orders that were acknowledged.
    pub ORDERS: Counters("load_orders_total", Count);
    /// Calls that gave no answer to go by, by what went wrong.
    pub ERRORS: Counters("load_errors_total", Count, [kind]);
    /// Looks at stock and money that saw something.
    pub CHECKS: Counters("load_checks_total", Count, [what]);
    /// Findings against an invariant; anything but 0 needs a person.
    pub VIOLATIONS: Counters("load_violations_total", Count, [invariant]);
    /// Periods after which the checker settled what was open and began anew.
    pub PERIODS: Counters("load_periods_total", Count);
    /// Pieces on all shelves, by state.
    pub STOCK: Gauges("load_stock_pieces", Count, [state]);
    /// Money by what became of it, in cents.
    pub MONEY: Gauges("load_money_cents", Count, [kind]);
    /// Alerts that Alertmanager has sent here, by status.
    pub ALERTS: Counters("load_alerts_received_total", Count, [status]);
}
