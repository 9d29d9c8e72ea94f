//! The settings of the service; the chassis' own come beside them.

use std::{path::PathBuf, time::Duration};

use watertight::CrashAt;
use watertight::config::{Bytes, Checks, Url};

use crate::audit::AuditLimits;
use crate::service::{Bounds, Settings};

watertight::settings! {
    /// Settings of orders.
    [orders, check = check]
    pub struct Cfg {
        /// Directory of the database; one process at a time.
        pub data: PathBuf = required()
            .wrong("an empty directory has no orders: those under way in another one stand still")
            .metric("watertight_store_file_bytes"),
        /// Where inventory listens.
        pub inventory: Url = required()
            .wrong("no order gets past its record; all end as TIMED_OUT")
            .metric("orders_saga_retries_total"),
        /// Where payments listens.
        pub payments: Url = required()
            .wrong("no order gets past its reservation; all end as TIMED_OUT")
            .metric("orders_saga_retries_total"),
        /// Sagas that run at once; one more is refused before it is recorded. Those that run go on when there is less room.
        pub jobs_max: u32 = default("4096").range("1", "1000000").live()
            .breaks("orders are refused while there is room", "a slow dependency makes them pile up, a few KiB each")
            .metric("orders_jobs_running, orders_jobs_max"),
        /// Watch streams at once; one more is refused. Those that are open stay open when there is less room.
        pub watchers_max: u32 = default("1024").range("0", "1000000").live()
            .breaks("nobody can watch an order", "streams take memory and wake-ups")
            .metric("orders_watchers"),
        /// How long one job tries before the sweeper begins the next.
        pub saga_try: Duration = default("10s").range("100ms", "10m")
            .breaks("tries end before slow calls do, and begin again", "an order whose process died waits that long for the next try")
            .metric("orders_saga_retries_total, orders_leases_claimed_total"),
        /// How long after its record an order may still go forward; if it isn't paid by then it turns back.
        pub saga_forward_max: Duration = default("2m").range("1s", "1d")
            .breaks("orders are turned back over short outages", "customers wait that long for a rejection, and stock is held")
            .metric("orders_ended_total, orders_unfinished_oldest_seconds"),
        /// Deadline of one call to inventory.
        pub inventory_call: Duration = default("800ms").range("10ms", "1m")
            .breaks("calls end before their answer and are repeated", "a stuck inventory holds jobs for longer")
            .metric("orders_saga_step_seconds, orders_saga_retries_total"),
        /// Deadline of one call to payments; longer than what payments gives its provider.
        pub payments_call: Duration = default("1500ms").range("10ms", "1m")
            .breaks("calls end before their answer and are repeated", "a stuck payment holds jobs for longer")
            .metric("orders_saga_step_seconds, orders_saga_retries_total"),
        /// How long idempotency keys are kept; at least as long as an order may go forward.
        pub key_retention: Duration = default("7d").range("1m", "3650d")
            .breaks("a late repeat of a call is a new order", "the database grows by about 200 bytes for each order of that time")
            .metric("orders_deleted_total, watertight_store_file_bytes"),
        /// How long finished orders are kept before they are deleted; at least as long as keys.
        pub retention: Duration = default("90d").range("1m", "3650d")
            .breaks("customers can neither see nor cancel what they bought", "the database grows by every order of that time")
            .metric("orders_deleted_total, watertight_store_file_bytes"),
        /// How long the audit line of an order may take from the order's end until it is written; then it is given up.
        pub audit_timeout: Duration = default("300ms").range("10ms", "1m")
            .breaks("lines are missing whenever the disk is slow", "lines of a stuck disk pile up to audit_queue")
            .metric("detached_total, orders_audit_lines_total"),
        /// Audit lines that may wait to be written; one more is dropped.
        pub audit_queue: u32 = default("1024").range("1", "1000000")
            .breaks("lines are missing after a burst", "a stuck disk makes that many pile up, about 500 bytes each")
            .metric("detached_tasks, orders_audit_lines_total"),
        /// Size at which audit.jsonl becomes audit.jsonl.1, in place of the one before.
        pub audit_bytes_max: Bytes = default("16MiB").range("4KiB", "1GiB")
            .breaks("what happened yesterday is gone", "the data directory takes twice as much on top of the database")
            .metric("orders_audit_lines_total"),
        /// Die with SIGKILL when POINT is passed the Nth time.
        pub(crate) crash_at: Option<CrashAt> = optional().hidden(),
    }
}

/// What no single setting can tell by itself.
fn check(cfg: &Cfg, checks: &mut Checks<'_>) {
    checks.at_least(
        ("key_retention", &cfg.key_retention),
        ("saga_forward_max", &cfg.saga_forward_max),
    );
    checks.at_least(
        ("retention", &cfg.retention),
        ("key_retention", &cfg.key_retention),
    );
}

impl Cfg {
    /// What may change while the service works.
    pub(crate) fn bounds(&self) -> Bounds {
        let count = |n: u32| usize::try_from(n).unwrap_or(usize::MAX);
        Bounds {
            jobs_max: count(self.jobs_max),
            watchers_max: count(self.watchers_max),
        }
    }

    pub(crate) fn audit(&self) -> AuditLimits {
        AuditLimits {
            within: self.audit_timeout,
            waiting: usize::try_from(self.audit_queue).unwrap_or(usize::MAX),
            bytes_max: self.audit_bytes_max.0,
        }
    }

    pub(crate) fn settings(&self) -> Settings {
        let Bounds {
            jobs_max,
            watchers_max,
        } = self.bounds();
        Settings {
            jobs_max,
            watchers_max,
            try_max: self.saga_try,
            forward_max: self.saga_forward_max,
            stock_call_max: self.inventory_call,
            till_call_max: self.payments_call,
            keys_for: self.key_retention,
            orders_for: self.retention,
            ..Settings::default()
        }
    }
}
