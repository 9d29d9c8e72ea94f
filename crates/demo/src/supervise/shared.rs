//! What is known of the processes, shared by their owners and everyone who asks.

use std::{
    fmt,
    sync::{Mutex, MutexGuard, PoisonError},
};

use tokio::sync::{Notify, watch};

use crate::services::Service;

/// Tells a service to kill itself at a point, the `nth` time it comes by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct CrashAt {
    pub(crate) point: &'static str,
    pub(crate) nth: u32,
}

impl fmt::Display for CrashAt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.point, self.nth)
    }
}

/// One process as its owner last saw it.
#[derive(Debug, Default)]
pub(super) struct Slot {
    /// Absent while it is down.
    pub(super) pid: Option<u32>,
    /// How often it was started.
    pub(super) starts: u64,
    /// How often it died though nobody wanted it to.
    pub(super) deaths: u64,
    /// How often it was killed by plan.
    pub(super) kills: u64,
    /// The next death is wanted: start again at once, and don't count it.
    pub(super) kill_wanted: bool,
    /// The next start is to crash at a point.
    pub(super) crash_next: Option<CrashAt>,
    /// The process under way is to crash at a point.
    pub(super) armed: Option<CrashAt>,
    /// Why it won't be started any more.
    pub(super) gave_up: Option<String>,
}

/// A slot for each service, and a signal at each change.
#[derive(Debug)]
pub(super) struct Shared {
    slots: Mutex<[Slot; Service::ALL.len()]>,
    changes: watch::Sender<u64>,
    kill: [Notify; Service::ALL.len()],
    /// One writer of `endpoints.json` at a time.
    pub(super) writing: Mutex<()>,
}

impl Shared {
    pub(super) fn new() -> Self {
        Self {
            slots: Mutex::default(),
            changes: watch::Sender::new(0),
            kill: Default::default(),
            writing: Mutex::default(),
        }
    }

    /// Looks at a slot.
    pub(super) fn look<T>(&self, service: Service, look: impl FnOnce(&Slot) -> T) -> T {
        look(&self.slots()[service.index()])
    }

    /// Changes a slot and tells everyone who waits.
    pub(super) fn change<T>(&self, service: Service, change: impl FnOnce(&mut Slot) -> T) -> T {
        let result = change(&mut self.slots()[service.index()]);
        self.changes.send_modify(|changes| *changes += 1);
        result
    }

    /// Has the owner of a process kill it.
    pub(super) fn ask_kill(&self, service: Service) {
        self.kill[service.index()].notify_one();
    }

    /// Waits until someone asks for a kill.
    pub(super) async fn kill_asked(&self, service: Service) {
        self.kill[service.index()].notified().await;
    }

    /// Waits until `condition` holds for a slot.
    pub(super) async fn wait(&self, service: Service, condition: impl Fn(&Slot) -> bool) {
        let mut changes = self.changes.subscribe();
        while !self.look(service, &condition) {
            if changes.changed().await.is_err() {
                return;
            }
        }
    }

    fn slots(&self) -> MutexGuard<'_, [Slot; Service::ALL.len()]> {
        self.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
