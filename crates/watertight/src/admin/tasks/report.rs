//! What is shown of the tasks, as programs read it.

use super::Filter;
use crate::ops::{TaskWatch, in_steps};
use serde::Serialize;
use std::cmp::Reverse;
use std::time::Instant;
use watertight_core::{
    Census, CensusTaker, Group, SpawnSite, Stall, TaskState, TaskView, live_tasks,
};

/// A bounded view of the tasks; see `docs/design/scopes.md` for what the words mean.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    pub(super) service: &'static str,
    pub(super) filter: &'static str,
    pub(super) top: usize,
    /// Tasks that the filter takes.
    pub(super) tasks: usize,
    pub(super) states: States,
    pub(super) groups: Vec<GroupRow>,
    pub(super) more_groups: MoreGroups,
    pub(super) oldest: Vec<TaskRow>,
    /// Tasks that are not among the oldest.
    pub(super) more_tasks: usize,
    /// Tasks of the process, closures on blocking threads not counted.
    pub(super) live: usize,
    pub(super) dead: usize,
    pub(super) suspects: usize,
    pub(super) stragglers: usize,
    /// How long ago these three were counted; null before the first time.
    pub(super) counted_seconds_ago: Option<f64>,
    pub(super) stalled: Vec<StallRow>,
    pub(super) more_stalled: usize,
    pub(super) orphans: usize,
    pub(super) runtime_alive: usize,
}

#[derive(Clone, Copy, Debug, Serialize)]
pub(super) struct States {
    pub(super) parked: usize,
    pub(super) queued: usize,
    pub(super) running: usize,
}

#[derive(Debug, Serialize)]
pub(super) struct GroupRow {
    pub(super) task: &'static str,
    pub(super) spawned_at: String,
    pub(super) tasks: usize,
    #[serde(flatten)]
    pub(super) states: States,
    pub(super) polls: u64,
    pub(super) busy_seconds: f64,
    pub(super) oldest_seconds: f64,
    pub(super) parked_max_seconds: f64,
}

/// What is beyond `top`.
#[derive(Clone, Copy, Debug, Serialize)]
pub(super) struct MoreGroups {
    pub(super) groups: usize,
    pub(super) tasks: usize,
}

#[derive(Debug, Serialize)]
pub(super) struct TaskRow {
    pub(super) id: u64,
    pub(super) task: &'static str,
    pub(super) spawned_at: String,
    pub(super) kind: &'static str,
    pub(super) scope: &'static str,
    pub(super) label: String,
    pub(super) age_seconds: f64,
    pub(super) polls: u64,
    pub(super) busy_seconds: f64,
    pub(super) state: &'static str,
    /// Since the last poll ended, or the one under way began.
    pub(super) since_seconds: f64,
    pub(super) cancelled: bool,
}

#[derive(Debug, Serialize)]
pub(super) struct StallRow {
    pub(super) thread: String,
    pub(super) polling_seconds: f64,
    #[serde(flatten)]
    pub(super) task: TaskRow,
}

impl Report {
    /// Looks at all tasks now, in steps; `top` bounds each list.
    ///
    /// # Cancel safety
    ///
    /// Safe: nothing is lost.
    pub(super) async fn take(watch: &TaskWatch, filter: Filter, top: usize) -> Self {
        let mut stalls = watch.stalls();
        stalls.sort_by_key(|stall| Reverse(stall.polling));
        let census = match filter.query() {
            Some(query) => {
                let mut taker = CensusTaker::new(query, top, top);
                in_steps(|| taker.step()).await.0
            }
            None => census_of(&stalls),
        };
        let look = watch.last_look();
        // What has just been counted is newer than the last look.
        let fresh = |of, last| if filter == of { census.tasks } else { last };
        let stalled: Vec<_> = stalls.iter().take(top).map(StallRow::of).collect();
        let oldest: Vec<_> = census.oldest.iter().take(top).map(TaskRow::of).collect();
        Self {
            service: watch.service(),
            filter: filter.name(),
            top,
            tasks: census.tasks,
            states: States::of(census.states),
            groups: census.groups.iter().map(GroupRow::of).collect(),
            more_groups: MoreGroups {
                groups: census.more_groups.0,
                tasks: census.more_groups.1,
            },
            more_tasks: census.tasks - oldest.len(),
            oldest,
            live: live_tasks(),
            dead: fresh(Filter::Dead, look.dead),
            suspects: fresh(Filter::Suspects, look.suspects),
            stragglers: fresh(Filter::Stragglers, look.stragglers),
            counted_seconds_ago: look.at.map(seconds_since),
            more_stalled: stalls.len() - stalled.len(),
            stalled,
            orphans: watch.orphans(),
            runtime_alive: watch.runtime_alive(),
        }
    }
}

fn seconds_since(at: Instant) -> f64 {
    at.elapsed().as_secs_f64()
}

/// The tasks that keep a worker, the longest first.
fn census_of(stalls: &[Stall]) -> Census {
    Census {
        tasks: stalls.len(),
        states: [0, 0, stalls.len()],
        oldest: stalls.iter().map(|stall| stall.task).collect(),
        ..Census::default()
    }
}

impl States {
    fn of([parked, queued, running]: [usize; 3]) -> Self {
        Self {
            parked,
            queued,
            running,
        }
    }
}

fn place(site: &SpawnSite) -> String {
    format!("{}:{}", site.location.file(), site.location.line())
}

impl GroupRow {
    fn of(group: &Group) -> Self {
        Self {
            task: group.site.name,
            spawned_at: place(&group.site),
            tasks: group.tasks,
            states: States::of(group.states),
            polls: group.polls,
            busy_seconds: group.busy.as_secs_f64(),
            oldest_seconds: group.oldest.as_secs_f64(),
            parked_max_seconds: group.parked_max.as_secs_f64(),
        }
    }
}

impl TaskRow {
    fn of(task: &TaskView) -> Self {
        Self {
            id: task.id,
            task: task.site.name,
            spawned_at: place(&task.site),
            kind: task.kind,
            scope: task.scope,
            label: task.label.to_string(),
            age_seconds: task.age.as_secs_f64(),
            polls: task.polls,
            busy_seconds: task.busy.as_secs_f64(),
            state: state(task.state),
            since_seconds: task.since.as_secs_f64(),
            cancelled: task.cancelled,
        }
    }
}

impl StallRow {
    fn of(stall: &Stall) -> Self {
        Self {
            thread: stall.thread.clone(),
            polling_seconds: stall.polling.as_secs_f64(),
            task: TaskRow::of(&stall.task),
        }
    }
}

fn state(state: TaskState) -> &'static str {
    match state {
        TaskState::Parked => "parked",
        TaskState::Queued => "queued",
        TaskState::Running => "running",
    }
}
