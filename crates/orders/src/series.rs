//! What the service counts.

use watertight::catalogue::LATENCY;

watertight::catalogue! {
    /// Sagas that came to an end, by state and, if rejected, by reason.
    pub ENDED: Counters("orders_ended_total", Count, [state, reason]);
    /// From one durable step to the next, with all calls, pauses and tries of the one job.
    pub SAGA_STEP: Histograms("orders_saga_step_seconds", Seconds, [from]; LATENCY);
    /// Calls whose answer was unknown.
    pub SAGA_RETRIES: Counters("orders_saga_retries_total", Count, [call]);
    /// Steps that the store didn't take at once.
    pub STORE_RETRIES: Counters("orders_store_retries_total", Count);
    /// Sagas under way.
    pub JOBS: Gauges("orders_jobs_running", Count);
    /// How many sagas may be under way.
    pub JOBS_MAX: Gauges("orders_jobs_max", Count);
    /// Streams of changes that are open.
    pub WATCHERS: Gauges("orders_watchers", Count);
    /// Sagas that the sweeper took over.
    pub LEASES_CLAIMED: Counters("orders_leases_claimed_total", Count);
    /// Jobs that stopped because another one holds the lease.
    pub LEASES_LOST: Counters("orders_leases_lost_total", Count);
    /// Age of the oldest order under way.
    pub UNFINISHED_OLDEST: Gauges("orders_unfinished_oldest_seconds", Seconds);
    /// Orders under way that can't be read and are left alone.
    pub CORRUPT: Gauges("orders_corrupt", Count);
    /// Orders whose refund payments answers with PAYMENT_NOT_FOUND, each counted once; anything but 0 needs a person.
    pub REFUNDS_WITHOUT_PAYMENT: Counters("orders_refund_without_payment_total", Count);
    /// Rows that the retention deleted.
    pub DELETED: Counters("orders_deleted_total", Count, [what]);
    /// Lines of the audit: written, failed (the disk says no) and refused (no room, or the service ends).
    pub AUDIT_LINES: Counters("orders_audit_lines_total", Count, [outcome]);
}
