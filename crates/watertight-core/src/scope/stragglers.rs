//! Tasks that did not end in time.

use crate::registry::Registry;
use crate::{Scope, SpawnSite};
use std::cmp::Reverse;
use std::fmt;
use std::time::Duration;

/// A task that did not end in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Straggler {
    /// Its name, and the place that spawned it.
    pub site: SpawnSite,
    /// How long ago it was spawned.
    pub age: Duration,
}

impl Straggler {
    /// The name it was spawned under.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.site.name
    }
}

/// The tasks of a scope and its descendants that were left when it had been
/// closed, oldest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stragglers {
    tasks: Vec<Straggler>,
    more: usize,
}

/// How many stragglers are told by name.
const NAMED_MAX: usize = 1024;

impl Stragglers {
    pub(super) fn of(scope: &Scope) -> Self {
        if scope.tasks() == 0 {
            return Self::default();
        }
        let mut found = Self::default();
        Registry::global().each(|live| {
            if live.scope.belongs_to(scope) {
                found.add(Straggler {
                    site: live.entry.site.place,
                    age: live.entry.born.elapsed(),
                });
            }
        });
        found.tasks.sort_by_key(|task| Reverse(task.age));
        if Registry::global().has_unlisted() {
            // After the look: one that went meanwhile is no straggler.
            let unlisted = scope.tasks().saturating_sub(found.len());
            found.more += unlisted;
        }
        found
    }

    fn add(&mut self, task: Straggler) {
        if self.tasks.len() < NAMED_MAX {
            self.tasks.push(task);
        } else {
            self.more += 1;
        }
    }

    /// Whether every task ended in time.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many tasks were left.
    #[must_use]
    pub fn len(&self) -> usize {
        self.tasks.len() + self.more
    }

    /// The tasks, oldest first, at most 1,024.
    pub fn iter(&self) -> impl Iterator<Item = &Straggler> {
        self.tasks.iter()
    }
}

impl fmt::Display for Stragglers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A log line is bounded, whatever the number of tasks.
        const SHOWN_MAX: usize = 16;
        for (i, task) in self.tasks.iter().take(SHOWN_MAX).enumerate() {
            let comma = if i == 0 { "" } else { ", " };
            write!(
                f,
                "{comma}{}, {:.1} s old",
                task.site,
                task.age.as_secs_f64()
            )?;
        }
        let more = self.len() - self.tasks.len().min(SHOWN_MAX);
        if more > 0 {
            write!(f, " and {more} more")?;
        }
        Ok(())
    }
}
