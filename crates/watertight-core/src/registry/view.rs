//! One task, as reports and profilers see it.

use crate::scope::RootId;
use crate::task::{Entry, SpawnSite, TaskState};
use crate::{Label, Scope, ticks};
use std::time::Duration;

/// A task at one moment.
#[derive(Clone, Copy, Debug)]
pub struct TaskView {
    /// Differs from that of every other task of the process.
    pub id: u64,
    /// Its name and the place that spawned it.
    pub site: SpawnSite,
    /// `work`, `idle`, `driver` or `blocking`.
    pub kind: &'static str,
    /// The name of the scope that owns it.
    pub scope: &'static str,
    /// The label of that scope: a route or a job.
    pub label: Label,
    /// The root of that scope.
    pub root: RootId,
    /// Since it was spawned.
    pub age: Duration,
    /// How often it was polled.
    pub polls: u64,
    /// Time in polls that have ended.
    pub busy: Duration,
    /// What it does.
    pub state: TaskState,
    /// Since the last poll ended, or the one under way began.
    pub since: Duration,
    /// Whether its scope was cancelled and it is still there.
    pub cancelled: bool,
}

impl TaskView {
    pub(crate) fn of(entry: &Entry, scope: &Scope) -> Self {
        let now = ticks::Ticks::now();
        Self {
            id: entry.id,
            site: entry.site.place,
            kind: entry.kind.name(),
            scope: scope.name(),
            label: scope.label(),
            root: scope.root_id(),
            age: entry.born.until(now),
            polls: entry.sched.polls(),
            busy: ticks::duration(entry.busy_ticks()),
            state: entry.state(),
            since: entry.last().until(now),
            cancelled: scope.is_cancelled(),
        }
    }
}
