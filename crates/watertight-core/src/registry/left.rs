//! What is left of a piece of work that is over.

use super::{Query, census};
use crate::TaskView;
use crate::scope::RootId;
use std::fmt;
use std::time::{Duration, Instant};

/// Tasks that are told by name.
const NAMED_MAX: usize = 16;
/// Between two looks.
const PERIOD: Duration = Duration::from_millis(1);

/// The tasks of a root that were still there after they had their time to go.
///
/// Displays as one line for each task, the oldest first, at most 16.
#[derive(Clone, Debug)]
pub struct LeftBehind {
    tasks: usize,
    oldest: Vec<TaskView>,
}

impl LeftBehind {
    /// Looks for tasks of `root` until there are none, for at most `grace`.
    ///
    /// For tests, at whose end all tasks should be gone. What was cancelled needs
    /// a poll to go: `turn` is called before each look, and should let the runtime
    /// do what it can do at once. It is not async because a clock that is paused
    /// must not jump ahead to a timer that a forgotten task waits for.
    ///
    /// # Limits
    ///
    /// Blocks the thread for up to `grace` (by the real clock) and one turn.
    pub fn of(root: RootId, grace: Duration, mut turn: impl FnMut()) -> Self {
        let begin = Instant::now();
        loop {
            turn();
            let left = census(Query::Root(root), NAMED_MAX);
            if left.tasks == 0 || begin.elapsed() >= grace {
                return Self {
                    tasks: left.tasks,
                    oldest: left.oldest,
                };
            }
            std::thread::sleep(PERIOD);
        }
    }

    /// Whether all tasks have gone.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.tasks == 0
    }

    /// How many are there.
    #[must_use]
    pub fn len(&self) -> usize {
        self.tasks
    }
}

impl fmt::Display for LeftBehind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let tasks = self.tasks;
        write!(f, "{tasks} task{} left", if tasks == 1 { "" } else { "s" })?;
        for task in &self.oldest {
            let TaskView { site, state, .. } = task;
            let (age, polls) = (task.age.as_secs_f64(), task.polls);
            let cancelled = if task.cancelled { ", cancelled" } else { "" };
            write!(
                f,
                "\n  {site}: {age:.3} s old, {state:?} after {polls} polls{cancelled}, of scope {:?}",
                task.scope
            )?;
        }
        let more = tasks - self.oldest.len();
        if more > 0 {
            write!(f, "\n  and {more} more")?;
        }
        Ok(())
    }
}
