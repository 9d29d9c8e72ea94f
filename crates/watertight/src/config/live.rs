//! Settings that change while a process runs.

use arc_swap::ArcSwap;
use std::fmt;
use std::sync::Arc;
use tokio::sync::watch;

/// Settings of a running process. A reload replaces them as a whole: whoever
/// loads them sees all of the old ones or all of the new ones.
///
/// Only settings that are marked `live` change; the others keep the value the
/// process was started with.
pub struct Live<T> {
    shared: Arc<Shared<T>>,
}

struct Shared<T> {
    value: ArcSwap<T>,
    /// Counts the changes, for those who wait for one.
    changes: watch::Sender<u64>,
}

impl<T: Send + Sync + 'static> Live<T> {
    /// Settings that nothing changes, for tests and for parts that stand alone.
    #[must_use]
    pub fn fixed(value: T) -> Self {
        Self {
            shared: Arc::new(Shared {
                value: ArcSwap::from_pointee(value),
                changes: watch::Sender::new(0),
            }),
        }
    }

    /// The settings of this moment. Costs about as much as reading an atomic:
    /// load them where they are used rather than keeping them.
    #[must_use]
    pub fn load(&self) -> Arc<T> {
        self.shared.value.load_full()
    }

    /// For those who must act on a change.
    #[must_use]
    pub fn watch(&self) -> Changes<T> {
        Changes {
            live: self.clone(),
            seen: self.shared.changes.subscribe(),
        }
    }

    pub(super) fn store(&self, value: T) {
        self.shared.value.store(Arc::new(value));
        self.shared.changes.send_modify(|changes| *changes += 1);
    }
}

impl<T> Clone for Live<T> {
    fn clone(&self) -> Self {
        Self {
            shared: Arc::clone(&self.shared),
        }
    }
}

impl<T: fmt::Debug> fmt::Debug for Live<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Live").field(&self.shared.value).finish()
    }
}

/// Waits for changes; from [`Live::watch`].
pub struct Changes<T> {
    live: Live<T>,
    seen: watch::Receiver<u64>,
}

impl<T: Send + Sync + 'static> Changes<T> {
    /// The settings after the next change since the last call, or since
    /// [`Live::watch`]. Several changes in a row may look like one.
    ///
    /// # Cancel safety
    ///
    /// Safe: a change that was not returned is returned by the next call.
    pub async fn changed(&mut self) -> Arc<T> {
        // `self.live` holds the sender, so this can't fail.
        let _sender_lives = self.seen.changed().await;
        self.live.load()
    }
}

impl<T> fmt::Debug for Changes<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Changes").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[watertight::test]
    async fn who_waits_sees_the_last_change() {
        let live = Live::fixed(1);
        let mut changes = live.watch();
        assert_eq!(*live.load(), 1);
        live.store(2);
        live.store(3);
        assert_eq!(*changes.changed().await, 3);
        let next = async { *changes.changed().await };
        let store = async { live.store(4) };
        assert_eq!(watertight_core::join(next, store).await.0, 4);
    }
}
