//! Waiting for an end of an order.

use std::sync::Arc;

use tokio::sync::watch;
use watertight_core::Deadline;

use super::Refused;
use super::desk::Folder;
use super::orders::Inner;
use crate::model::Order;

/// What somebody waits for.
#[derive(Clone, Copy, Debug)]
pub(super) enum Until {
    /// The order has come to an end once, wherever it stands now.
    FirstEnd,
    /// The order stands at an end.
    End,
}

impl Until {
    fn is_reached(self, order: &Order) -> bool {
        match self {
            Self::FirstEnd => order.first_end.is_some(),
            Self::End => order.state.is_end(),
        }
    }
}

impl Inner {
    /// Waits for an end of `order`, whoever works on it.
    pub(super) async fn wait(
        &self,
        until: Until,
        deadline: Deadline,
        order: Order,
    ) -> Result<Arc<Order>, Refused> {
        if until.is_reached(&order) {
            return Ok(Arc::new(order));
        }
        // Attached first, looked again after: no change falls in between.
        let folder = self.desk.folder(order.id);
        let order = self
            .parts
            .store
            .order(deadline, order.id)
            .await?
            .unwrap_or(order);
        Ok(self
            .wait_in(&folder, until, deadline, Arc::new(order))
            .await)
    }

    /// Waits for an end in a folder that was had before `order` was read.
    /// Answers the latest that is known when the deadline is near.
    pub(super) async fn wait_in(
        &self,
        folder: &Folder,
        until: Until,
        deadline: Deadline,
        mut order: Arc<Order>,
    ) -> Arc<Order> {
        let deadline = deadline.less(self.parts.settings.answer_margin);
        let mut changes = folder.subscribe();
        changes.mark_changed();
        while !until.is_reached(&order) && !deadline.has_passed() {
            if let Some(newer) = self.newer(&mut changes, deadline, &order).await {
                order = newer;
            }
        }
        order
    }

    /// The next version of `order`, if there is one before `deadline` or before
    /// it is time to look into the store.
    pub(super) async fn newer(
        &self,
        changes: &mut watch::Receiver<Option<Arc<Order>>>,
        deadline: Deadline,
        order: &Order,
    ) -> Option<Arc<Order>> {
        let look = Deadline::after(self.parts.settings.look_every);
        let found = match look.min(deadline).run(changes.changed()).await {
            Ok(_changed) => changes.borrow_and_update().clone(),
            Err(_passed) if deadline.has_passed() => None,
            // Nobody told us for a while: the order may move elsewhere.
            Err(_passed) => self.look(deadline, order).await,
        };
        found.filter(|found| found.version > order.version)
    }

    /// A store that can't answer now will be asked again.
    async fn look(&self, deadline: Deadline, order: &Order) -> Option<Arc<Order>> {
        let read = self.parts.store.order(deadline, order.id).await;
        read.ok().flatten().map(Arc::new)
    }
}
