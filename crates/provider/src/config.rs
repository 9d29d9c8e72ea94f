//! The flags of the stub.

use std::{net::SocketAddr, path::PathBuf};

use crate::faults::FaultPlan;

/// How many extra listeners one stub may have.
pub const ENDPOINTS_MAX: usize = 8;

/// Settings of the provider stub; the chassis' own flags come beside them.
#[derive(Clone, Debug, clap::Args)]
pub struct Cfg {
    /// Directory of the ledger; one process at a time.
    #[arg(long, env = "PROVIDER_DATA", value_name = "DIR")]
    pub data: PathBuf,

    /// Another listener over the same ledger, with faults of its own. May be
    /// given up to eight times.
    #[arg(long = "endpoint", value_name = "ADDR")]
    pub endpoints: Vec<SocketAddr>,

    /// Faults that every listener starts with, as JSON; PUT /control changes
    /// them per listener.
    #[arg(long, env = "PROVIDER_FAULTS", value_name = "JSON", default_value = "{}", value_parser = plan)]
    pub faults: FaultPlan,

    /// What tests set.
    #[command(flatten)]
    pub crash: watertight::CrashArgs,
}

fn plan(json: &str) -> Result<FaultPlan, String> {
    let plan: FaultPlan = serde_json::from_str(json).map_err(|error| error.to_string())?;
    plan.check()?;
    Ok(plan)
}
