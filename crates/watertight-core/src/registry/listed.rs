//! A task's place in the registry and in the books of its scope.

use super::Registry;
use crate::Scope;
use crate::task::{Entry, Kind, Site};
use std::sync::Arc;

/// A task that is listed, and counted by its scope and all ancestors, until
/// this is dropped.
#[derive(Debug)]
pub(crate) struct Listed {
    entry: Arc<Entry>,
    listed: bool,
    _busy: Option<Busy>,
}

impl Listed {
    /// `None` once the scope is closed or cancelled.
    pub(crate) fn enter(scope: &Scope, kind: Kind, site: Arc<Site>) -> Option<Self> {
        let busy = if kind.is_waited_for() {
            Some(Busy::new(scope)?)
        } else {
            None
        };
        if !scope.enter_task() {
            return None;
        }
        let scope = scope.clone();
        let make = |id| Entry::new(id, kind, site, scope);
        let (entry, listed) = Registry::global().enter(make);
        Some(Self {
            entry,
            listed,
            _busy: busy,
        })
    }

    pub(crate) fn entry(&self) -> &Arc<Entry> {
        &self.entry
    }
}

impl Drop for Listed {
    fn drop(&mut self) {
        self.entry.set_runtime(None);
        if self.listed {
            Registry::global().leave(self.entry.id);
        } else {
            Registry::global().leave_unlisted();
        }
        let scope = &self.entry.scope;
        scope.count_wasted();
        scope.leave_task();
    }
}

/// Work that closing waits for, in the books of a scope and all ancestors.
#[derive(Debug)]
pub(crate) struct Busy(Scope);

impl Busy {
    pub(crate) fn new(scope: &Scope) -> Option<Self> {
        scope.begin_work().then(|| Self(scope.clone()))
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.end_work();
    }
}
