//! The processes as a screen shows them.

use std::{sync::Arc, time::Duration};

use super::{procfs, shared::Shared};
use crate::services::Service;

/// Looks at the processes from beside.
#[derive(Clone, Debug)]
pub(crate) struct Watcher(pub(super) Arc<Shared>);

/// One process at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Process {
    pub(crate) name: &'static str,
    /// `None` while it is down.
    pub(crate) pid: Option<u32>,
    /// How often it was started again.
    pub(crate) restarts: u64,
    /// `None` where nobody knows.
    pub(crate) rss_bytes: Option<u64>,
    /// Since the process started.
    pub(crate) cpu_time: Option<Duration>,
}

impl Watcher {
    /// Every process of the shop, and the demo itself last.
    pub(crate) fn look(&self) -> Vec<Process> {
        let service = |service: Service| {
            let (pid, starts) = self.0.look(service, |slot| (slot.pid, slot.starts));
            process(service.name(), pid, starts.saturating_sub(1))
        };
        let own = process("demo", Some(std::process::id()), 0);
        Service::ALL.into_iter().map(service).chain([own]).collect()
    }
}

fn process(name: &'static str, pid: Option<u32>, restarts: u64) -> Process {
    Process {
        name,
        pid,
        restarts,
        rss_bytes: pid.and_then(procfs::rss_bytes),
        cpu_time: pid.and_then(procfs::cpu_time),
    }
}
