//! Which lines are made: as configured, or as somebody asked for on the admin port.

use crate::config::LogFilter;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tracing_subscriber::{EnvFilter, Registry, reload};

/// Transport crates warn about what peers do; that is counted, not logged.
const QUIET: &str = "hyper=error,hyper_util=error,h2=error,tower=error,tonic=error";

/// The target of lines about who changed what. No filter keeps them back.
pub(crate) const AUDIT: &str = "watertight::audit";

/// What there is of a filter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Shown {
    /// The one that holds.
    pub(crate) filter: String,
    /// The one that the configuration asks for.
    pub(crate) configured: String,
    /// How long the one that holds does so, if that isn't for ever.
    pub(crate) left: Option<Duration>,
}

/// There is another log than ours, whose filter we can't change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NotOurs;

#[derive(Debug)]
pub(super) struct Filter {
    handle: reload::Handle<EnvFilter, Registry>,
    wishes: Mutex<Wishes>,
}

/// What the configuration wants, and what somebody wants instead.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Wishes {
    configured: String,
    instead: Option<Instead>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Instead {
    filter: String,
    until: Option<Instant>,
}

impl Wishes {
    fn filter(&self) -> &str {
        match &self.instead {
            Some(instead) => &instead.filter,
            None => &self.configured,
        }
    }

    /// Whether the time of the other filter is over, which then is gone.
    fn is_over(&mut self, now: Instant) -> bool {
        let until = self.instead.as_ref().and_then(|instead| instead.until);
        let over = until.is_some_and(|until| until <= now);
        if over {
            self.instead = None;
        }
        over
    }

    fn shown(&self, now: Instant) -> Shown {
        let until = self.instead.as_ref().and_then(|instead| instead.until);
        Shown {
            filter: self.filter().to_owned(),
            configured: self.configured.clone(),
            left: until.map(|until| until.saturating_duration_since(now)),
        }
    }
}

impl Filter {
    /// The filter as a layer, and what changes it.
    pub(super) fn new(configured: Option<&str>) -> (reload::Layer<EnvFilter, Registry>, Self) {
        let wishes = Wishes {
            configured: configured.unwrap_or("info").to_owned(),
            instead: None,
        };
        let (layer, handle) = reload::Layer::new(parsed(wishes.filter()));
        let wishes = Mutex::new(wishes);
        (layer, Self { handle, wishes })
    }

    fn lock(&self) -> MutexGuard<'_, Wishes> {
        self.wishes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Has the filter hold that is wished for, under the lock: the last wish is the one
    /// that comes true.
    fn apply(&self, wishes: &Wishes) -> Result<(), NotOurs> {
        let applied = self.handle.reload(parsed(wishes.filter()));
        applied.map_err(|_gone| NotOurs)
    }

    pub(super) fn shown(&self, now: Instant) -> Shown {
        self.lock().shown(now)
    }

    /// Somebody's wish stays until its time is over or it is taken back.
    pub(super) fn configure(&self, filter: &LogFilter) {
        let mut wishes = self.lock();
        filter.as_str().clone_into(&mut wishes.configured);
        // Without a log of ours there is nothing to filter.
        let _not_ours = self.apply(&wishes);
    }

    /// Another filter for now, or none. Gives back how it was.
    pub(super) fn instead(
        &self,
        wish: Option<(&LogFilter, Option<Duration>)>,
        now: Instant,
    ) -> Result<Shown, NotOurs> {
        let mut wishes = self.lock();
        let before = wishes.clone();
        wishes.instead = wish.map(|(filter, lasts)| Instead {
            filter: filter.as_str().to_owned(),
            until: lasts.map(|lasts| now + lasts),
        });
        match self.apply(&wishes) {
            Ok(()) => Ok(before.shown(now)),
            Err(NotOurs) => {
                *wishes = before;
                Err(NotOurs)
            }
        }
    }

    /// Ends a wish whose time is over. The filter that holds then, if it did.
    pub(super) fn tick(&self, now: Instant) -> Option<String> {
        let mut wishes = self.lock();
        if !wishes.is_over(now) {
            return None;
        }
        let _not_ours = self.apply(&wishes);
        Some(wishes.filter().to_owned())
    }
}

/// A bad filter must not keep a service from starting: what `install` gets was
/// only looked at, and is refused with its place when the rest is read.
fn parsed(wanted: &str) -> EnvFilter {
    let all = format!("{QUIET},{wanted},{AUDIT}=info");
    let filter = EnvFilter::builder().with_regex(false).parse(all);
    filter.unwrap_or_else(|_bad| EnvFilter::new("info"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Value;

    fn filter(text: &str) -> LogFilter {
        LogFilter::parse(text).unwrap()
    }

    #[test]
    fn a_wish_holds_until_its_time_is_over_or_it_is_taken_back() {
        let (_layer, log) = Filter::new(Some("warn"));
        let (now, minute) = (Instant::now(), Duration::from_secs(60));
        let holds = |at| log.shown(at).filter;
        log.instead(Some((&filter("debug"), Some(minute))), now)
            .unwrap();
        assert_eq!(log.shown(now + minute / 2).left, Some(minute / 2));
        // A reload changes what comes after.
        log.configure(&filter("error"));
        assert_eq!(
            (log.tick(now + minute / 2), holds(now).as_str()),
            (None, "debug")
        );
        assert_eq!(log.tick(now + minute).as_deref(), Some("error"));
        assert_eq!(
            (log.tick(now + minute), holds(now).as_str()),
            (None, "error")
        );
        let before = log.instead(Some((&filter("trace"), None)), now).unwrap();
        assert_eq!(before.filter, "error");
        assert_eq!(
            (log.tick(now + minute * 1_000), holds(now).as_str()),
            (None, "trace")
        );
        log.instead(None, now).unwrap();
        assert_eq!(holds(now), "error");
    }

    #[test]
    fn without_a_log_of_ours_nothing_changes() {
        let (layer, log) = Filter::new(None);
        drop(layer);
        let now = Instant::now();
        let before = log.shown(now);
        assert_eq!(
            log.instead(Some((&filter("debug"), None)), now),
            Err(NotOurs)
        );
        assert_eq!(log.shown(now), before);
    }
}
