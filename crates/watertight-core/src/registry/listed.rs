//! A task's place in the registry and in the books of its scope.

use super::Registry;
use crate::Scope;
use crate::ambient::Slot;
use crate::task::{Entry, Kind, Site};
use std::sync::Arc;

/// A task that is listed, and counted by its scope and all ancestors, until
/// this is dropped.
#[derive(Debug)]
pub(crate) struct Listed {
    entry: Arc<Entry>,
    /// Its scope, ambient while the task is polled.
    scope: Slot,
}

impl Listed {
    /// `None` once the scope is closed or cancelled.
    pub(crate) fn enter(scope: &Scope, kind: Kind, site: &'static Site) -> Option<Self> {
        if !scope.enter_task(kind) {
            return None;
        }
        let make = |id| Entry::new(id, kind, site);
        Some(Self {
            entry: Registry::global().enter(scope, make),
            scope: Slot::new(scope.clone()),
        })
    }

    pub(crate) fn entry(&self) -> &Arc<Entry> {
        &self.entry
    }

    /// Its scope; `None` while that is ambient.
    pub(crate) fn scope(&self) -> Option<&Scope> {
        self.scope.get()
    }

    /// What is known of it, and its scope to make that ambient.
    pub(crate) fn parts(&mut self) -> (&Arc<Entry>, &mut Slot) {
        (&self.entry, &mut self.scope)
    }
}

impl Drop for Listed {
    fn drop(&mut self) {
        self.entry.site.ended(self.entry.sched.polls());
        Registry::global().leave(self.entry.id);
        // It is there: a task isn't dropped while it is polled.
        if let Some(scope) = self.scope.get() {
            if self.entry.kind.ends_with_scope() {
                scope.count_wasted();
            }
            scope.leave_task(self.entry.kind);
        }
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
