//! The dashboards.

mod edge;
mod growth;
mod memory;
mod overview;
mod service;
mod store;
mod tasks;
mod telemetry;

use crate::dash::Dashboard;

/// All of them; the first is Grafana's home.
pub(crate) fn all() -> Vec<Dashboard> {
    vec![
        overview::board(),
        memory::board(),
        tasks::board(),
        service::board(),
        store::board(),
        telemetry::board(),
    ]
}

/// A kind of kernel, container or event that a demo without containers doesn't have.
pub(crate) mod absent {
    /// Limits and pressure of a container.
    pub(crate) const CGROUP: &str = "a process outside a container may have no memory cgroup";
    /// Who buys and checks from outside.
    pub(crate) const LOAD: &str =
        "the demo buys and checks by itself; only in containers does a process show it";
    /// What the kernel tells only if it was built to.
    pub(crate) const PSI: &str = "the kernel tells of pressure only with PSI";
    /// A forecast.
    pub(crate) const YOUNG: &str = "no forecast is made for a process younger than 30 minutes";
    /// Counters that exist from the first event on.
    pub(crate) const NEVER: &str =
        "a healthy demo has none of these, and a counter begins with its first event";
}
