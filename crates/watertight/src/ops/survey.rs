//! Looks through all tasks of the process: for those that should not be there,
//! and how many there are of each name.

use super::tasks::TaskWatch;
use crate::series::{
    TASK_STRAGGLERS, TASKS_DEAD, TASKS_DEAD_FOUND, TASKS_LIVE, TASKS_ORPHANS, TASKS_STRAGGLERS,
    TASKS_SUSPECT,
};
use std::time::{Duration, Instant};
use watertight_core::{CensusTaker, Found, Query, SpawnSite, TaskView, Warden, live_tasks};

/// The survey rests this many times as long as it worked, so that it takes a
/// twentieth of one processor at most, however many tasks there are.
const REST: u32 = 19;

/// What the last look through all tasks has found.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Look {
    /// Tasks that can never run again.
    pub(crate) dead: usize,
    /// Tasks parked for far longer than others of their spawn site.
    pub(crate) suspects: usize,
    /// Tasks still there a second after their scope was cancelled.
    pub(crate) stragglers: usize,
    /// When it ended; `None` before the first.
    pub(crate) at: Option<Instant>,
}

/// When the next look may begin.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Pace {
    not_before: Option<Instant>,
}

impl Pace {
    fn may_begin(self, now: Instant) -> bool {
        self.not_before.is_none_or(|not_before| now >= not_before)
    }

    fn after(now: Instant, busy: Duration) -> Self {
        Self {
            not_before: now.checked_add(busy * REST),
        }
    }
}

impl TaskWatch {
    /// Looks through all tasks, in steps: the ops thread answers in between.
    ///
    /// # Cancel safety
    ///
    /// What was found and not told is lost, so only the end of the process drops it.
    pub(super) async fn survey(&self) {
        if !self.state().pace.may_begin(Instant::now()) {
            return;
        }
        let mut warden = Warden::default();
        let (found, looked) = in_steps(|| warden.step()).await;
        // No task by name, and all groups: there is one for each spawn site.
        let mut taker = CensusTaker::new(Query::All, usize::MAX, 0);
        let (census, counted) = in_steps(|| taker.step()).await;
        tell(&found);
        TASKS_LIVE.get().set(live_tasks() as f64);
        TASKS_ORPHANS.get().set(self.orphans() as f64);
        let now = Instant::now();
        let mut state = self.state();
        state.names.show(&census);
        state.pace = Pace::after(now, looked + counted);
        state.look = Look {
            dead: found.dead,
            suspects: found.suspects,
            stragglers: found.stragglers,
            at: Some(now),
        };
    }
}

/// Takes steps until one gives a result, and lets others run in between; also
/// tells how long the steps took together.
///
/// # Cancel safety
///
/// What the steps have found is lost; a [`Warden`] names those tasks no more.
pub(crate) async fn in_steps<T>(mut step: impl FnMut() -> Option<T>) -> (T, Duration) {
    let mut busy = Duration::ZERO;
    loop {
        let begin = Instant::now();
        let done = step();
        busy += begin.elapsed();
        if let Some(done) = done {
            return (done, busy);
        }
        tokio::task::yield_now().await;
    }
}

fn tell(found: &Found) {
    TASKS_DEAD.get().set(found.dead as f64);
    TASKS_SUSPECT.get().set(found.suspects as f64);
    TASKS_STRAGGLERS.get().set(found.stragglers as f64);
    TASKS_DEAD_FOUND
        .get()
        .increment(found.newly_dead.len() as u64);
    TASK_STRAGGLERS
        .get()
        .increment(found.new_stragglers.len() as u64);
    for task in &found.newly_dead {
        warn(
            "a task can never run again: nobody is left to wake it",
            task,
        );
    }
    for task in &found.new_stragglers {
        warn("a task is still there though its scope was cancelled", task);
    }
}

fn warn(message: &'static str, task: &TaskView) {
    let SpawnSite { name, location } = task.site;
    tracing::warn!(
        task = name,
        spawned_at = %location,
        scope = task.scope,
        label = %task.label,
        age = task.age.as_secs_f64(),
        polls = task.polls,
        state = ?task.state,
        "{message}"
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_look_is_followed_by_a_long_rest() {
        let now = Instant::now();
        assert!(Pace::default().may_begin(now));
        let pace = Pace::after(now, Duration::from_millis(100));
        assert!(!pace.may_begin(now + Duration::from_millis(1_899)));
        assert!(pace.may_begin(now + Duration::from_millis(1_900)));
    }
}
