//! All tasks at one moment, grouped by spawn site, with the oldest by name.

use super::warden::{is_dead, is_straggler, is_suspect};
use super::{Cursor, Live, Registry, TaskView};
use crate::scope::RootId;
use crate::task::{SpawnSite, TaskState};
use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::time::Duration;

/// Which tasks to look at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Query {
    /// All of them.
    #[default]
    All,
    /// Those that can never run again.
    Dead,
    /// Those parked for far longer than others of their spawn site.
    Suspects,
    /// Those still there a second after their scope was cancelled.
    Stragglers,
    /// Those whose scope has this root.
    Root(RootId),
}

impl Query {
    fn takes(self, live: &Live) -> bool {
        match self {
            Self::All => true,
            Self::Dead => is_dead(live),
            Self::Suspects => !is_straggler(live) && !is_dead(live) && is_suspect(live),
            Self::Stragglers => is_straggler(live),
            Self::Root(root) => live.scope.root_id() == root,
        }
    }
}

/// The tasks of one spawn site.
#[derive(Clone, Copy, Debug)]
pub struct Group {
    /// Their name and place.
    pub site: SpawnSite,
    /// How many there are.
    pub tasks: usize,
    /// How many of them are parked, queued and running.
    pub states: [usize; 3],
    /// Polls of those that are alive.
    pub polls: u64,
    /// Time in polls of those that are alive.
    pub busy: Duration,
    /// The age of the oldest.
    pub oldest: Duration,
    /// The longest that one of them has been parked.
    pub parked_max: Duration,
}

/// A view of all tasks that has a bounded size, however many there are.
#[derive(Clone, Debug, Default)]
pub struct Census {
    /// All tasks that the query takes.
    pub tasks: usize,
    /// How many of them are parked, queued and running.
    pub states: [usize; 3],
    /// The largest groups, the largest first.
    pub groups: Vec<Group>,
    /// Groups that are not among them, and how many tasks those have.
    pub more_groups: (usize, usize),
    /// The oldest tasks, the oldest first.
    pub oldest: Vec<TaskView>,
}

/// Counts and groups the tasks that `query` takes.
///
/// # Limits
///
/// At most `top` groups and `top` tasks by name. Takes about 0.2 µs a task; whoever
/// must not be away for so long takes a [`CensusTaker`].
#[must_use]
pub fn census(query: Query, top: usize) -> Census {
    let mut taker = CensusTaker::new(query, top, top);
    loop {
        if let Some(census) = taker.step() {
            return census;
        }
    }
}

/// A [`census`] in steps, so that nobody waits for it for long.
///
/// # Limits
///
/// A step looks at 4,096 tasks at most, and holds up spawning in one of 64 shards
/// meanwhile. What comes and goes between two steps may be counted or not.
///
/// # Examples
///
/// ```
/// use watertight_core::{CensusTaker, Query};
///
/// let mut taker = CensusTaker::new(Query::All, 10, 10);
/// let census = loop {
///     if let Some(census) = taker.step() {
///         break census;
///     }
/// };
/// assert!(census.groups.len() <= 10);
/// ```
#[derive(Debug)]
pub struct CensusTaker {
    query: Query,
    groups_max: usize,
    oldest_max: usize,
    cursor: Cursor,
    taken: Taken,
}

#[derive(Debug, Default)]
struct Taken {
    tasks: usize,
    states: [usize; 3],
    /// By the address of the site, which has one for as long as the process lives:
    /// hashing its name and place for each task would take longer than all else.
    groups: HashMap<usize, Group>,
    oldest: BinaryHeap<Aged>,
}

impl CensusTaker {
    /// Of the tasks that `query` takes; tells the largest groups and the oldest
    /// tasks, so many at most.
    #[must_use]
    pub fn new(query: Query, groups_max: usize, oldest_max: usize) -> Self {
        Self {
            query,
            groups_max,
            oldest_max,
            cursor: Cursor::default(),
            taken: Taken::default(),
        }
    }

    /// Looks at the next part of the tasks; the census once the last part is done.
    /// After that it begins anew.
    pub fn step(&mut self) -> Option<Census> {
        let (query, taken, oldest_max) = (self.query, &mut self.taken, self.oldest_max);
        let done = Registry::global().step(&mut self.cursor, |live| {
            if query.takes(live) {
                taken.add(live, oldest_max);
            }
        });
        done.then(|| std::mem::take(taken).into_census(self.groups_max))
    }
}

impl Taken {
    fn add(&mut self, live: &Live, oldest_max: usize) {
        let task = TaskView::of(&live.entry, &live.scope);
        self.tasks += 1;
        self.states[state_index(task.state)] += 1;
        let group = self
            .groups
            .entry(std::ptr::from_ref(live.entry.site).addr());
        group.or_insert_with(|| Group::new(task.site)).add(&task);
        let youngest = self.oldest.peek().map(|youngest| youngest.0.age);
        if self.oldest.len() < oldest_max {
            self.oldest.push(Aged(task));
        } else if youngest.is_some_and(|youngest| task.age > youngest) {
            self.oldest.pop();
            self.oldest.push(Aged(task));
        }
    }

    fn into_census(self, groups_max: usize) -> Census {
        let mut groups: Vec<Group> = self.groups.into_values().collect();
        groups.sort_by_key(|group| (Reverse(group.tasks), group.site.name));
        let rest = groups.split_off(groups.len().min(groups_max));
        let oldest = self.oldest.into_sorted_vec();
        Census {
            tasks: self.tasks,
            states: self.states,
            groups,
            more_groups: (rest.len(), rest.iter().map(|group| group.tasks).sum()),
            oldest: oldest.into_iter().map(|aged| aged.0).collect(),
        }
    }
}

fn state_index(state: TaskState) -> usize {
    match state {
        TaskState::Parked => 0,
        TaskState::Queued => 1,
        TaskState::Running => 2,
    }
}

impl Group {
    fn new(site: SpawnSite) -> Self {
        Self {
            site,
            tasks: 0,
            states: [0; 3],
            polls: 0,
            busy: Duration::ZERO,
            oldest: Duration::ZERO,
            parked_max: Duration::ZERO,
        }
    }

    fn add(&mut self, task: &TaskView) {
        self.tasks += 1;
        self.states[state_index(task.state)] += 1;
        self.polls += task.polls;
        self.busy += task.busy;
        self.oldest = self.oldest.max(task.age);
        if task.state == TaskState::Parked {
            self.parked_max = self.parked_max.max(task.since);
        }
    }
}

/// A task, the youngest the greatest: the first to make room.
#[derive(Debug)]
struct Aged(TaskView);

impl Ord for Aged {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        other.0.age.cmp(&self.0.age)
    }
}

impl PartialOrd for Aged {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Aged {
    fn eq(&self, other: &Self) -> bool {
        self.0.age == other.0.age
    }
}

impl Eq for Aged {}
