//! Watching an order change.

use std::sync::Arc;
use std::time::Duration;

use shop_types::OrderId;
use tokio::sync::watch;
use watertight_core::Deadline;

use super::Refused;
use super::desk::Folder;
use super::orders::{Inner, Orders};
use super::places::Place;
use crate::model::Order;

/// What a look into the store may take.
const LOOK_MAX: Duration = Duration::from_secs(1);

/// One who watches an order until it reaches an end state.
pub struct Watch {
    shop: Arc<Inner>,
    changes: watch::Receiver<Option<Arc<Order>>>,
    /// What was seen last, and whether it has been given out.
    seen: Arc<Order>,
    given: bool,
    /// Keeps those who wait and those who work together.
    _folder: Arc<Folder>,
    _place: Place,
}

impl Orders {
    /// Watches an order: as it stands now, then each change. `deadline` is for
    /// finding it; whoever has had enough of watching drops the [`Watch`].
    ///
    /// # Limits
    ///
    /// `watchers_max` at once. Nothing queues: who is slow misses states in
    /// between, never the last.
    ///
    /// # Errors
    ///
    /// [`Refused::NotFound`], final; [`Refused::TooManyWatchers`] and
    /// [`Refused::Store`], retryable.
    ///
    /// # Cancel safety
    ///
    /// Safe: it only reads.
    pub async fn watch(&self, deadline: Deadline, id: OrderId) -> Result<Watch, Refused> {
        let inner = &self.inner;
        let place = inner.watchers.take().ok_or(Refused::TooManyWatchers)?;
        let folder = inner.desk.folder(id);
        let mut changes = folder.subscribe();
        changes.mark_changed();
        let order = self.get(deadline, id).await?;
        inner.meters.watchers.increment(1.0);
        Ok(Watch {
            shop: Arc::clone(inner),
            changes,
            seen: Arc::new(order),
            given: false,
            _folder: folder,
            _place: place,
        })
    }
}

impl Watch {
    /// The order now, at the first call, then after its next change; `None`
    /// after an end state. A store that doesn't answer is asked again.
    ///
    /// # Cancel safety
    ///
    /// Safe: no state is lost that isn't followed by a later one.
    pub async fn next(&mut self) -> Option<Arc<Order>> {
        while self.given {
            if self.seen.state.is_end() {
                return None;
            }
            let look_every = self.shop.parts.settings.look_every;
            let deadline = Deadline::after(look_every.saturating_add(LOOK_MAX));
            let newer = self
                .shop
                .newer(&mut self.changes, deadline, &self.seen)
                .await;
            if let Some(newer) = newer {
                (self.seen, self.given) = (newer, false);
            }
        }
        self.given = true;
        Some(Arc::clone(&self.seen))
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.shop.meters.watchers.decrement(1.0);
    }
}

impl std::fmt::Debug for Watch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Watch")
            .field("order", &self.seen.id)
            .finish_non_exhaustive()
    }
}
