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
    scope: Scope,
    /// Whether the registry has it.
    listed: bool,
}

impl Listed {
    /// `None` once the scope is closed or cancelled.
    pub(crate) fn enter(scope: &Scope, kind: Kind, site: Arc<Site>) -> Option<Self> {
        if !scope.enter_task(kind) {
            return None;
        }
        let make = |id| Entry::new(id, kind, site);
        let (entry, listed) = Registry::global().enter(scope, make);
        Some(Self {
            entry,
            scope: scope.clone(),
            listed,
        })
    }

    pub(crate) fn entry(&self) -> &Arc<Entry> {
        &self.entry
    }

    pub(crate) fn scope(&self) -> &Scope {
        &self.scope
    }
}

impl Drop for Listed {
    fn drop(&mut self) {
        self.entry.set_runtime(None);
        self.entry.site.ended(self.entry.sched.polls());
        if self.listed {
            Registry::global().leave(self.entry.id);
        } else {
            Registry::global().leave_unlisted();
        }
        if self.entry.kind.ends_with_scope() {
            self.scope.count_wasted();
        }
        self.scope.leave_task(self.entry.kind);
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
