//! Workers that are stuck in one poll: named when it begins to be long, once more
//! each time it has become ten times as long, and when it is over.

use crate::series::WORKER_STALLS;
use std::collections::HashMap;
use std::time::Duration;
use watertight_core::{SpawnSite, Stall};

/// Lines of one kind in one look; more are told as a number.
const LINES_MAX: usize = 8;

/// A poll: a task, and which of its polls.
type Poll = (u64, u64);

/// The polls that were too long at the last look.
#[derive(Debug, Default)]
pub(super) struct Stalled(HashMap<Poll, Long>);

#[derive(Debug)]
struct Long {
    stall: Stall,
    /// How long it must have become to be told again.
    again: Duration,
}

/// What has changed since the last look.
#[derive(Debug, Default)]
pub(super) struct Told {
    begun: Vec<Stall>,
    going_on: Vec<Stall>,
    over: Vec<Stall>,
}

impl Stalled {
    /// Takes over what is too long `now`. There are as many as threads at most.
    pub(super) fn follow(&mut self, now: Vec<Stall>) -> Told {
        let mut told = Told::default();
        let mut before = std::mem::take(&mut self.0);
        for stall in now {
            let poll = (stall.task.id, stall.task.polls);
            let known = before.remove(&poll).map(|long| long.again);
            let again = match known {
                None => {
                    told.begun.push(stall.clone());
                    stall.polling * 10
                }
                Some(again) if stall.polling >= again => {
                    told.going_on.push(stall.clone());
                    again * 10
                }
                Some(again) => again,
            };
            self.0.insert(poll, Long { stall, again });
        }
        told.over = before.into_values().map(|long| long.stall).collect();
        told
    }
}

impl Told {
    /// Logs and counts it.
    pub(super) fn tell(&self) {
        for stall in &self.begun {
            WORKER_STALLS.with([stall.task.site.name]).increment(1);
        }
        warn("a task does not give its worker back", &self.begun);
        warn("a task still does not give its worker back", &self.going_on);
        warn("a task gave its worker back", &self.over);
    }
}

fn warn(message: &'static str, stalls: &[Stall]) {
    for stall in stalls.iter().take(LINES_MAX) {
        let SpawnSite { name, location } = stall.task.site;
        tracing::warn!(
            thread = stall.thread,
            task = name,
            spawned_at = %location,
            scope = stall.task.scope,
            label = %stall.task.label,
            polling = stall.polling.as_secs_f64(),
            "{message}"
        );
    }
    let more = stalls.len().saturating_sub(LINES_MAX);
    if more > 0 {
        tracing::warn!(more, "{message}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::panic::Location;
    use watertight_core::{Label, Scope, TaskState, TaskView};

    fn stall(id: u64, polls: u64, ms: u64) -> Stall {
        let polling = Duration::from_millis(ms);
        let task = TaskView {
            id,
            site: SpawnSite {
                name: "glutton",
                location: Location::caller(),
            },
            kind: "work",
            scope: "test",
            label: Label::NONE,
            root: Scope::root("test").root_id(),
            age: polling,
            polls,
            busy: Duration::ZERO,
            state: TaskState::Running,
            since: polling,
            cancelled: false,
        };
        Stall {
            thread: "worker".to_owned(),
            task,
            polling,
            is_new: true,
        }
    }

    fn counts(told: &Told) -> (usize, usize, usize) {
        (told.begun.len(), told.going_on.len(), told.over.len())
    }

    #[test]
    fn a_long_poll_is_told_at_its_beginning_at_ten_times_that_and_at_its_end() {
        let mut stalled = Stalled::default();
        let mut look = |now: Vec<Stall>| counts(&stalled.follow(now));
        assert_eq!(look(vec![stall(1, 1, 100)]), (1, 0, 0));
        assert_eq!(look(vec![stall(1, 1, 950)]), (0, 0, 0));
        assert_eq!(look(vec![stall(1, 1, 1_000), stall(2, 7, 100)]), (1, 1, 0));
        assert_eq!(look(vec![stall(1, 1, 9_900), stall(2, 7, 150)]), (0, 0, 0));
        assert_eq!(look(vec![stall(1, 1, 10_100)]), (0, 1, 1));
        // The same task in another poll is another stall.
        assert_eq!(look(vec![stall(1, 2, 100)]), (1, 0, 1));
        assert_eq!(look(vec![]), (0, 0, 1));
        assert_eq!(look(vec![]), (0, 0, 0));
    }
}
