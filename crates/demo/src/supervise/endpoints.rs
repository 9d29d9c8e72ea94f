//! `endpoints.json`: where the shop is to be found, for people and programs.

use std::{collections::BTreeMap, io::Write, path::Path};

use serde::Serialize;

use super::Plan;
use crate::services::Service;

#[derive(Serialize)]
struct File {
    services: BTreeMap<&'static str, Endpoint>,
}

#[derive(Serialize)]
struct Endpoint {
    /// Null for those that speak HTTP alone.
    grpc: Option<String>,
    http: String,
    admin: String,
    /// Null while the process is down.
    pid: Option<u32>,
    /// The provider's three endpoints over one ledger.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    endpoints: Vec<String>,
}

/// Writes the file as a whole: aside, synced, renamed, so that no reader sees
/// half of it.
pub(super) fn write(plan: &Plan, pid: impl Fn(Service) -> Option<u32>) -> std::io::Result<()> {
    let endpoint = |service: Service| {
        let provider = service == Service::Provider;
        let endpoint = Endpoint {
            grpc: service.speaks_grpc().then(|| plan.url(service)),
            http: plan.url(service),
            admin: plan.admin_url(service),
            pid: pid(service),
            endpoints: if provider {
                plan.provider_urls().to_vec()
            } else {
                vec![]
            },
        };
        (service.name(), endpoint)
    };
    let file = File {
        services: Service::ALL.into_iter().map(endpoint).collect(),
    };
    replace(plan.dir.path(), &serde_json::to_vec_pretty(&file)?)
}

fn replace(dir: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let aside = dir.join("endpoints.json.new");
    let mut file = std::fs::File::create(&aside)?;
    file.write_all(bytes)?;
    file.sync_data()?;
    std::fs::rename(aside, dir.join("endpoints.json"))
}
