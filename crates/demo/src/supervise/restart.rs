//! When a process that died may start again.

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

/// The first wait; it doubles with each death in a row.
const BACKOFF_MIN: Duration = Duration::from_millis(100);

/// The longest wait.
const BACKOFF_MAX: Duration = Duration::from_secs(5);

/// A life this long ends the row.
const HEALTHY: Duration = Duration::from_secs(10);

/// Deaths in [`WINDOW`] after which it stays down.
const DEATHS_MAX: usize = 10;

/// How far back deaths count.
const WINDOW: Duration = Duration::from_secs(60);

/// What to do about a death.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Decision {
    /// Start it again after this wait.
    Restart(Duration),
    /// Leave it: it died ten times in a minute.
    GiveUp,
}

/// Decides over one process's restarts; it is given the time and has no clock.
///
/// # Limits
///
/// Remembers ten deaths. The tenth within a minute is the last.
#[derive(Debug, Default)]
pub(super) struct RestartPolicy {
    deaths: VecDeque<Instant>,
    in_a_row: u32,
}

impl RestartPolicy {
    /// The process died at `now` after it had lived for `life`.
    pub(super) fn died(&mut self, now: Instant, life: Duration) -> Decision {
        self.in_a_row = if life >= HEALTHY {
            1
        } else {
            self.in_a_row.saturating_add(1)
        };
        while self
            .deaths
            .front()
            .is_some_and(|&death| now.duration_since(death) > WINDOW)
        {
            self.deaths.pop_front();
        }
        self.deaths.push_back(now);
        if self.deaths.len() >= DEATHS_MAX {
            return Decision::GiveUp;
        }
        let doublings = (self.in_a_row - 1).min(16);
        Decision::Restart((BACKOFF_MIN * 2_u32.pow(doublings)).min(BACKOFF_MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_the_bound_and_start_over_after_a_healthy_life() {
        let (mut policy, mut now) = (RestartPolicy::default(), Instant::now());
        let mut waits = Vec::new();
        for _ in 0..8 {
            now += Duration::from_secs(9);
            match policy.died(now, Duration::from_secs(1)) {
                Decision::Restart(wait) => waits.push(wait.as_millis()),
                Decision::GiveUp => panic!("too early"),
            }
        }
        assert_eq!(waits, [100, 200, 400, 800, 1_600, 3_200, 5_000, 5_000]);
        now += Duration::from_secs(11);
        let again = policy.died(now, Duration::from_secs(11));
        assert_eq!(again, Decision::Restart(BACKOFF_MIN));
    }

    #[test]
    fn ten_deaths_in_a_minute_are_enough() {
        let (mut policy, now) = (RestartPolicy::default(), Instant::now());
        for i in 0..9 {
            let death = now + Duration::from_secs(i * 6);
            assert_ne!(policy.died(death, Duration::ZERO), Decision::GiveUp);
        }
        let tenth = now + Duration::from_secs(54);
        assert_eq!(policy.died(tenth, Duration::ZERO), Decision::GiveUp);
    }

    #[test]
    fn one_death_a_minute_goes_on_for_ever() {
        let (mut policy, mut now) = (RestartPolicy::default(), Instant::now());
        for _ in 0..1_000 {
            now += Duration::from_secs(60);
            assert_eq!(policy.died(now, HEALTHY), Decision::Restart(BACKOFF_MIN));
        }
    }
}
