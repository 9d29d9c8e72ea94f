//! Whether the store could do its work the last time it tried.

use std::sync::{Mutex, PoisonError};

/// The reason of the last failed batch, until one succeeds.
#[derive(Debug, Default)]
pub(crate) struct Health(Mutex<Option<String>>);

impl Health {
    pub(crate) fn check(&self) -> Result<(), String> {
        match &*self.0.lock().unwrap_or_else(PoisonError::into_inner) {
            None => Ok(()),
            Some(reason) => Err(reason.clone()),
        }
    }

    pub(crate) fn is_well(&self) -> bool {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .is_none()
    }

    /// Notes a failed batch; logs when the store turns unhealthy.
    pub(crate) fn failed(&self, store: &'static str, reason: String) {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if state.is_none() {
            tracing::error!(store, reason, "store can't work");
        }
        *state = Some(reason);
    }

    /// Notes a commit that worked; logs when the store recovers.
    pub(crate) fn worked(&self, store: &'static str) {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if state.take().is_some() {
            tracing::info!(store, "store works again");
        }
    }
}
