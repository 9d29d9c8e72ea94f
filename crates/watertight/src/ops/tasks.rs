//! What is known of the tasks of the process, kept up to date by the ops thread.

use super::names::Names;
use super::orphans::Orphans;
use super::runtimes::Runtimes;
use super::stalled::Stalled;
use super::survey::{Look, Pace};
use crate::catalogue::{self, Sampled};
use crate::config::{ChassisSettings, Live};
use crate::series::WORKERS_STALLED;
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};
use tokio::runtime::RuntimeMetrics;
use watertight_core::{Stall, stalls};

/// Watches the tasks of the process, and tells the admin port what it has seen.
pub(crate) struct TaskWatch {
    service: &'static str,
    chassis: Live<ChassisSettings>,
    orphans: Orphans,
    state: Mutex<State>,
    _sampled: Sampled,
}

/// Locked for moments, never across an await.
#[derive(Default)]
pub(super) struct State {
    pub(super) look: Look,
    pub(super) pace: Pace,
    pub(super) names: Names,
    stalled: Stalled,
}

impl TaskWatch {
    /// Watches the tasks of these runtimes, which must be all there are.
    pub(super) fn new(
        service: &'static str,
        runtimes: Vec<(&'static str, RuntimeMetrics)>,
        chassis: Live<ChassisSettings>,
    ) -> Self {
        let runtimes = Runtimes::new(runtimes);
        let shown = runtimes.clone();
        Self {
            service,
            chassis,
            orphans: Orphans::of(runtimes),
            _sampled: catalogue::sample(move || shown.show()),
            state: Mutex::default(),
        }
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The program that is watched.
    pub(crate) fn service(&self) -> &'static str {
        self.service
    }

    /// What the last look through all tasks has found.
    pub(crate) fn last_look(&self) -> Look {
        self.state().look
    }

    /// The runtimes' tasks that have no owner.
    pub(crate) fn orphans(&self) -> usize {
        self.orphans.least()
    }

    /// All tasks of the runtimes, with and without an owner.
    pub(crate) fn runtime_alive(&self) -> usize {
        self.orphans.alive()
    }

    /// The polls that have been going on for longer than the setting allows.
    pub(crate) fn stalls(&self) -> Vec<Stall> {
        stalls(self.chassis.load().stall_after)
    }

    /// Names and counts the workers that have got stuck since the last call, and
    /// those that go on again.
    pub(super) fn look_for_stalls(&self) {
        let now = self.stalls();
        WORKERS_STALLED.get().set(now.len() as f64);
        let told = self.state().stalled.follow(now);
        told.tell();
        self.orphans.sample();
    }
}

impl fmt::Debug for TaskWatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TaskWatch")
            .field("service", &self.service)
            .field("look", &self.last_look())
            .finish_non_exhaustive()
    }
}
