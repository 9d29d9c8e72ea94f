//! The settings of the service; the chassis' own come beside them.

use std::{path::PathBuf, time::Duration};

use watertight::CrashAt;
use watertight::config::{Checks, Url};

use crate::service::{Limits, SweeperSettings};

/// The shortest wait before a payment in doubt is checked.
const CHECK_WAIT_MIN: Duration = Duration::from_millis(100);

watertight::settings! {
    /// Settings of payments.
    [payments, check = check]
    pub struct Cfg {
        /// Directory of the database; one process at a time.
        pub data: PathBuf = required()
            .wrong("an empty directory has no payments: what was authorized can't be captured")
            .metric("watertight_store_file_bytes"),
        /// An endpoint of the provider. May be given several times; calls go to them in turn.
        pub provider: Vec<Url> = required()
            .wrong("no payment goes through, every order is in doubt until it times out")
            .metric("payments_provider_attempts_total"),
        /// Time for one call to the provider, all attempts together.
        pub provider_call: Duration = default("1500ms").range("10ms", "1m")
            .breaks("answers come too late and payments are in doubt", "a stuck provider holds callers for longer")
            .metric("payments_provider_attempts_total, payments_asks_total"),
        /// Calls that may be in flight; one more is refused. A few times what the provider does side by side: more would only wait for their deadlines.
        pub in_flight_max: u32 = default("512").range("1", "100000")
            .breaks("payments are refused while the provider has room", "a slow provider makes calls pile up")
            .metric("rpc_server_call_duration_seconds"),
        /// How often standing intents are looked for.
        pub sweep: Duration = default("1s").range("10ms", "1h")
            .breaks("the database is busy with looking", "payments in doubt stay so for longer")
            .metric("payments_intents_swept_total"),
        /// An intent younger than this is left to its caller.
        pub intent_age_min: Duration = default("3s").range("0s", "1h")
            .breaks("the sweeper and callers do the same work", "payments in doubt stay so for longer")
            .metric("payments_intents_swept_total, payments_checks_total"),
        /// How long finished payments and journal entries are kept; longer than orders can be cancelled, because what is deleted can't be refunded here.
        pub retention: Duration = default("100d").range("1m", "3650d")
            .breaks("a late cancellation can't be refunded", "the database grows by every payment of that time")
            .metric("watertight_store_file_bytes"),
        /// Die with SIGKILL when POINT is passed the Nth time.
        pub crash_at: Option<CrashAt> = optional().hidden(),
    }
}

fn check(cfg: &Cfg, checks: &mut Checks<'_>) {
    if cfg.provider.is_empty() {
        checks.fail("provider", "must name at least one endpoint", &[]);
    }
}

impl Cfg {
    /// The service's bounds.
    #[must_use]
    pub fn limits(&self) -> Limits {
        Limits {
            provider_time_max: self.provider_call,
            in_flight_max: self.in_flight_max as usize,
            // As with intents: what is young is left to its caller.
            check_wait_min: self.intent_age_min.max(CHECK_WAIT_MIN),
        }
    }

    /// The sweeper's bounds.
    #[must_use]
    pub fn sweeper(&self) -> SweeperSettings {
        SweeperSettings {
            age_min: self.intent_age_min,
            retention: self.retention,
            ..SweeperSettings::default()
        }
    }
}
