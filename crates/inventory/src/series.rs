//! What the service counts.

watertight::catalogue! {
    /// Reservations that ran out and gave their stock back.
    pub RESERVATIONS_EXPIRED: Counters("inventory_reservations_expired_total", Count);
    /// Reservations that can't run out because their row is bad; anything but 0 needs a person.
    pub BAD_ROWS: Counters("inventory_bad_rows_total", Count);
}
