//! How long a connection lives: idle, old, or stuck.

use super::ServerConfig;
use std::time::Duration;
use tokio::time::Instant;

/// As good as never; further off, an `Instant` might overflow.
pub(super) const FAR: Duration = Duration::from_secs(365 * 24 * 3600);
/// Looking more often would only cost.
const LOOK_MIN: Duration = Duration::from_millis(1);

/// What a connection looks like from outside.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sight {
    /// Requests so far.
    pub(super) requests: u64,
    /// Streams with a task.
    pub(super) streams: usize,
    /// Since when nothing can be written.
    pub(super) blocked: Option<Instant>,
}

/// What to do with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    Wait,
    /// Tell the peer to finish (GOAWAY, `connection: close`) and go on.
    Finish(&'static str),
    /// Drop it.
    Cut(&'static str),
}

/// Decides on one connection.
///
/// Open → told to finish (idle or old) → gone by itself. One that has no
/// request with a task and yet doesn't go has a peer that takes nothing of what
/// h2 still holds for it; it is cut off.
#[derive(Debug)]
pub(super) struct Life {
    old_at: Instant,
    /// HTTP/1 has its own limit, the header timeout.
    idle: Option<Duration>,
    stall: Duration,
    look_at: Instant,
    quiet_since: Instant,
    requests: u64,
    told_at: Option<Instant>,
}

/// The age of one connection: a tenth more or less than `max`, so that those
/// opened together don't all come back together. `random` is all of `u32`.
pub(super) fn age(max: Duration, random: u32) -> Duration {
    let permille = 900 + u64::from(random) * 201 / (u64::from(u32::MAX) + 1);
    let ms = u64::try_from(max.min(FAR).as_millis()).unwrap_or(u64::MAX);
    Duration::from_millis(ms / 1_000 * permille + ms % 1_000 * permille / 1_000)
}

impl Life {
    pub(super) fn new(config: &ServerConfig, http2: bool, now: Instant, random: u32) -> Self {
        let idle = http2.then_some(config.idle_timeout.min(FAR));
        let mut life = Self {
            old_at: now + age(config.connection_age_max, random),
            idle,
            stall: config.write_stall_timeout.min(FAR),
            look_at: now + FAR,
            quiet_since: now,
            requests: 0,
            told_at: None,
        };
        life.look_again(now);
        life
    }

    /// When to call [`Life::step`] next; needs no clock.
    pub(super) fn due(&self, blocked: Option<Instant>) -> Instant {
        let old = self.told_at.is_none().then_some(self.old_at);
        let stalled = blocked.map(|since| since + self.stall);
        [old, stalled]
            .into_iter()
            .flatten()
            .fold(self.look_at, Ord::min)
    }

    /// Decides. Whatever it answers, the next [`Life::due`] lies ahead, or the
    /// answer is `Cut`.
    pub(super) fn step(&mut self, now: Instant, sight: Sight) -> Step {
        if sight.blocked.is_some_and(|since| since + self.stall <= now) {
            return Step::Cut("write_stall");
        }
        if self.told_at.is_none() && self.old_at <= now {
            self.told_at = Some(now);
            return Step::Finish("age");
        }
        if self.look_at > now {
            return Step::Wait;
        }
        if sight.streams > 0 || sight.requests != self.requests {
            self.requests = sight.requests;
            self.quiet_since = now;
        }
        self.look_again(now);
        let quiet = |since: Instant| now.saturating_duration_since(since);
        match (self.idle, self.told_at) {
            (Some(idle), None) if quiet(self.quiet_since) >= idle => {
                self.told_at = Some(now);
                Step::Finish("idle")
            }
            (Some(_), Some(told)) if quiet(told.max(self.quiet_since)) >= self.stall => {
                Step::Cut("unread")
            }
            _ => Step::Wait,
        }
    }

    fn look_again(&mut self, now: Instant) {
        let ahead = self
            .idle
            .map_or(FAR, |idle| (idle / 4).min(self.stall).max(LOOK_MIN));
        self.look_at = now + ahead;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn config() -> ServerConfig {
        ServerConfig {
            idle_timeout: Duration::from_secs(300),
            connection_age_max: Duration::from_secs(3600),
            write_stall_timeout: Duration::from_secs(30),
            ..ServerConfig::default()
        }
    }

    const QUIET: Sight = Sight {
        requests: 0,
        streams: 0,
        blocked: None,
    };

    /// Steps whenever due until something else than waiting comes, and how long that took.
    fn run(
        life: &mut Life,
        start: Instant,
        mut sight: impl FnMut(Instant) -> Sight,
    ) -> (Step, Duration) {
        let mut now = start;
        loop {
            let seen = sight(now);
            now = life.due(seen.blocked).max(now);
            match life.step(now, sight(now)) {
                Step::Wait => {}
                step @ (Step::Finish(_) | Step::Cut(_)) => return (step, now - start),
            }
        }
    }

    #[test]
    fn ages_spread_by_a_tenth_and_never_overflow() {
        let hour = Duration::from_secs(3600);
        assert_eq!(age(hour, 0), hour * 9 / 10);
        assert_eq!(age(hour, u32::MAX), hour * 11 / 10);
        assert!(age(Duration::MAX, u32::MAX) <= 2 * FAR);
    }

    #[test]
    fn an_idle_connection_is_told_to_finish_and_then_cut() {
        let start = Instant::now();
        let mut life = Life::new(&config(), true, start, 0);
        let (step, after) = run(&mut life, start, |_| QUIET);
        assert_eq!(
            (step, after),
            (Step::Finish("idle"), Duration::from_secs(300))
        );
        let (step, more) = run(&mut life, start + after, |_| QUIET);
        assert_eq!(step, Step::Cut("unread"));
        assert!(more >= Duration::from_secs(30));
    }

    #[test]
    fn an_idle_http1_connection_is_left_to_its_header_timeout() {
        let start = Instant::now();
        let mut life = Life::new(&config(), false, start, 0);
        assert_eq!(run(&mut life, start, |_| QUIET).0, Step::Finish("age"));
    }

    #[test]
    fn one_that_works_lives_until_it_is_old_and_is_never_cut() {
        let start = Instant::now();
        let mut life = Life::new(&config(), true, start, u32::MAX);
        let mut requests = 0;
        let mut busy = |_: Instant| {
            requests += 1;
            Sight { requests, ..QUIET }
        };
        let (step, after) = run(&mut life, start, &mut busy);
        assert_eq!(
            (step, after),
            (Step::Finish("age"), Duration::from_secs(3960))
        );
        let long = Sight {
            streams: 1,
            ..QUIET
        };
        for hour in 1..10 {
            let now = start + after + Duration::from_secs(3600) * hour;
            assert_eq!(life.step(now, long), Step::Wait);
        }
    }

    #[test]
    fn one_that_takes_nothing_is_cut() {
        let start = Instant::now();
        let mut life = Life::new(&config(), true, start, 0);
        let since = start + Duration::from_secs(7);
        let stuck = Sight {
            blocked: Some(since),
            streams: 3,
            ..QUIET
        };
        let (step, after) = run(&mut life, start, |_| stuck);
        assert_eq!(
            (step, after),
            (Step::Cut("write_stall"), Duration::from_secs(37))
        );
    }

    proptest! {
        /// Or the driver would spin.
        #[test]
        fn after_a_step_the_next_one_lies_ahead(
            http2: bool,
            looks in prop::collection::vec((0_u64..400_000, 0_u64..3, 0_usize..2, prop::option::of(0_u64..60_000)), 1..50),
        ) {
            let mut now = Instant::now();
            let mut life = Life::new(&config(), http2, now, 7);
            for (ms, requests, streams, blocked) in looks {
                now += Duration::from_millis(ms);
                let blocked = blocked.and_then(|ms| now.checked_sub(Duration::from_millis(ms)));
                let step = life.step(now, Sight { requests, streams, blocked });
                if let Step::Cut(_) = step {
                    return Ok(());
                }
                // Being told is one step, looking at the rest the next.
                if step != Step::Wait {
                    let again = life.step(now, Sight { requests, streams, blocked });
                    if let Step::Cut(_) = again {
                        return Ok(());
                    }
                }
                prop_assert!(life.due(blocked) > now);
            }
        }
    }
}
