//! `--crash-at`: the process kills itself at a named point, for tests.

use std::{str::FromStr, sync::Arc};

use rustix::process::{Signal, getpid, kill_process};
use watertight_core::Faults;

/// `POINT[:N]`: die with SIGKILL when `POINT` is passed the `N`th time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CrashAt {
    point: String,
    nth: u32,
}

impl FromStr for CrashAt {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (point, nth) = match text.split_once(':') {
            None => (text, 1),
            Some((point, nth)) => {
                let nth = nth.parse().map_err(|_bad| format!("not a number: {nth}"))?;
                (point, nth)
            }
        };
        Ok(Self {
            point: point.to_owned(),
            nth,
        })
    }
}

impl CrashAt {
    /// The crash points of a process that was started with this flag.
    #[must_use]
    pub fn faults(flag: Option<&Self>) -> Faults {
        flag.map_or_else(Faults::none, |at| {
            Faults::crash_at(&at.point, at.nth, Arc::new(die))
        })
    }
}

/// SIGKILL can't be caught: nothing is flushed and nothing is said, which is
/// the point. Should it fail, aborting is the next best thing.
fn die() {
    if kill_process(getpid(), Signal::KILL).is_err() {
        std::process::abort();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_point_may_carry_a_count() {
        let at = |text: &str| text.parse::<CrashAt>().map(|at| (at.point, at.nth));
        assert_eq!(at("a.b"), Ok(("a.b".into(), 1)));
        assert_eq!(at("a.b:3"), Ok(("a.b".into(), 3)));
        assert!(at("a.b:x").is_err());
    }
}
