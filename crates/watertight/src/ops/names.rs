//! Tasks by name, as series of bounded number.

use crate::series::{TASKS, TASKS_OLDEST};
use std::collections::BTreeMap;
use std::time::Duration;
use watertight_core::Census;

/// Names with series of their own; tasks of further names are "other".
const NAMES_MAX: usize = 256;
const OTHER: &str = "other";

/// The tasks of one name.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Tasks {
    count: usize,
    oldest: Duration,
}

impl Tasks {
    fn add(&mut self, count: usize, oldest: Duration) {
        self.count += count;
        self.oldest = self.oldest.max(oldest);
    }
}

/// The names that have series. One whose tasks are all gone stays, with 0.
#[derive(Debug, Default)]
pub(super) struct Names(BTreeMap<&'static str, Tasks>);

impl Names {
    /// Sets `tasks{task}` and `tasks_oldest_seconds{task}`.
    pub(super) fn show(&mut self, census: &Census) {
        self.count(census);
        for (name, tasks) in &self.0 {
            TASKS.with([*name]).set(tasks.count as f64);
            TASKS_OLDEST.with([*name]).set(tasks.oldest.as_secs_f64());
        }
    }

    /// The largest groups come first, and so does who finds room.
    fn count(&mut self, census: &Census) {
        self.0
            .values_mut()
            .for_each(|tasks| *tasks = Tasks::default());
        for group in &census.groups {
            let full = self.0.len() >= NAMES_MAX;
            let name = group.site.name;
            let name = if full && !self.0.contains_key(name) {
                OTHER
            } else {
                name
            };
            let tasks = self.0.entry(name).or_default();
            tasks.add(group.tasks, group.oldest);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::panic::Location;
    use watertight_core::{Group, SpawnSite};

    fn census(groups: impl IntoIterator<Item = (&'static str, usize, u64)>) -> Census {
        let location = Location::caller();
        let group = |(name, tasks, oldest)| Group {
            site: SpawnSite { name, location },
            tasks,
            states: [tasks, 0, 0],
            polls: 0,
            busy: Duration::ZERO,
            oldest: Duration::from_secs(oldest),
            parked_max: Duration::ZERO,
        };
        Census {
            groups: groups.into_iter().map(group).collect(),
            ..Census::default()
        }
    }

    fn tasks(count: usize, oldest: u64) -> Tasks {
        Tasks {
            count,
            oldest: Duration::from_secs(oldest),
        }
    }

    #[test]
    fn sites_of_one_name_are_one_series_and_who_is_gone_is_zero() {
        let mut names = Names::default();
        names.count(&census([("a", 5, 7), ("b", 2, 1), ("a", 1, 9)]));
        assert_eq!(names.0["a"], tasks(6, 9));
        names.count(&census([("b", 1, 2)]));
        assert_eq!(names.0["a"], tasks(0, 0));
        assert_eq!(names.0["b"], tasks(1, 2));
    }

    #[test]
    fn names_beyond_the_limit_share_one() {
        let mut names = Names::default();
        // Names are of static life: these are pieces of one text.
        let text = include_str!("names.rs");
        let many = (0..NAMES_MAX + 10).map(|i| (&text[..i + 1], 1, 1));
        names.count(&census(many));
        assert_eq!(names.0.len(), NAMES_MAX + 1);
        assert_eq!(names.0[OTHER], tasks(10, 1));
        names.count(&census([(OTHER, 3, 3), (&text[..1], 2, 2)]));
        assert_eq!(
            (names.0[OTHER], names.0[&text[..1]]),
            (tasks(3, 3), tasks(2, 2))
        );
        assert_eq!(names.0.len(), NAMES_MAX + 1);
    }
}
