//! The settings of the stub; the chassis' own come beside them.

use std::{net::SocketAddr, path::PathBuf};

use watertight::CrashAt;
use watertight::config::{Checks, Kind, Value};

use crate::faults::FaultPlan;

/// How many extra listeners one stub may have.
pub const ENDPOINTS_MAX: usize = 8;

watertight::settings! {
    /// Settings of the provider stub.
    [provider, check = check]
    pub struct Cfg {
        /// Directory of the ledger; one process at a time.
        pub data: PathBuf = required()
            .wrong("an empty ledger knows no payment: all that was taken is missing")
            .metric("watertight_store_file_bytes"),
        /// Another listener over the same ledger, with faults of its own. May be given up to eight times.
        pub endpoint: Vec<SocketAddr> = optional()
            .wrong("callers of a missing endpoint are refused")
            .metric("server_connections"),
        /// Faults that every listener starts with, as JSON; PUT /control changes them per listener.
        pub faults: FaultPlan = default("{}")
            .wrong("calls fail, or lose their answers, as often as it says")
            .metric("http_server_request_duration_seconds"),
        /// Die with SIGKILL when POINT is passed the Nth time.
        pub crash_at: Option<CrashAt> = optional().hidden(),
    }
}

fn check(cfg: &Cfg, checks: &mut Checks<'_>) {
    let given = cfg.endpoint.len();
    if given > ENDPOINTS_MAX {
        let what = format!("{given} are too many: at most {ENDPOINTS_MAX}");
        checks.fail("endpoint", what, &[]);
    }
}

impl Value for FaultPlan {
    const KIND: Kind = Kind::text("JSON");

    fn parse(text: &str) -> Result<Self, String> {
        let plan: Self = serde_json::from_str(text).map_err(|error| error.to_string())?;
        plan.check()?;
        Ok(plan)
    }

    fn show(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }
}
