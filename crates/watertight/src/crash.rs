//! `--crash-at`: a process that kills itself at a named point, for tests.

use crate::config::{Kind, Value};
use std::sync::Arc;

use rustix::process::{Signal, getpid, kill_process};
use watertight_core::Faults;

/// Where a process is to die, for tests: SIGKILL when a point is passed the
/// Nth time. A service that can has a hidden setting
/// `crash_at: Option<CrashAt>`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CrashAt {
    point: String,
    nth: u32,
}

impl CrashAt {
    /// The crash points of a process with this setting: none, unless it is set.
    #[must_use]
    pub fn faults(at: Option<&Self>) -> Faults {
        at.map_or_else(Faults::none, |at| {
            Faults::crash_at(&at.point, at.nth, Arc::new(die))
        })
    }
}

impl Value for CrashAt {
    const KIND: Kind = Kind::text("POINT[:N]");

    fn parse(text: &str) -> Result<Self, String> {
        let (point, nth) = text.split_once(':').unwrap_or((text, "1"));
        match nth.parse() {
            Ok(nth) => Ok(Self {
                point: point.to_owned(),
                nth,
            }),
            Err(_bad) => Err(format!("{text:?} is not POINT or POINT:N")),
        }
    }

    fn show(&self) -> String {
        format!("{}:{}", self.point, self.nth)
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
        let at = |text: &str| CrashAt::parse(text).map(|at| (at.point, at.nth));
        assert_eq!(at("a.b"), Ok(("a.b".into(), 1)));
        assert_eq!(at("a.b:3"), Ok(("a.b".into(), 3)));
        assert!(at("a.b:x").is_err());
    }
}
