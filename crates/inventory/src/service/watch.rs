//! Watching stock: a bounded broadcast of *which* SKUs changed.
//!
//! The message carries no stock: a watcher reads it anew, so that one that lags
//! skips what it missed and still ends with the truth.

use std::{collections::BTreeSet, sync::Arc};

use shop_types::Sku;
use tokio::sync::{OwnedSemaphorePermit, broadcast};
use watertight::Deadline;
use watertight_store::StoreError;

use crate::{model::Stock, store::StockStore};

/// Changes that a slow watcher may lie behind before it reads all its SKUs anew.
const CHANGES_KEPT: usize = 256;

/// As many streams watch as may.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("as many streams watch stock as may")]
pub struct TooManyWatchers;

/// Where changes are told.
#[derive(Clone, Debug)]
pub(super) struct Changes(broadcast::Sender<Arc<[Sku]>>);

impl Default for Changes {
    fn default() -> Self {
        Self(broadcast::Sender::new(CHANGES_KEPT))
    }
}

impl Changes {
    pub(super) fn tell(&self, skus: Vec<Sku>) {
        if !skus.is_empty() && self.0.receiver_count() > 0 {
            // Fails only if the last watcher left in between.
            drop(self.0.send(skus.into()));
        }
    }

    pub(super) fn subscribe(&self) -> broadcast::Receiver<Arc<[Sku]>> {
        self.0.subscribe()
    }
}

/// One watcher of a few SKUs.
pub struct Watch {
    store: Arc<dyn StockStore>,
    changes: broadcast::Receiver<Arc<[Sku]>>,
    skus: BTreeSet<Sku>,
    /// SKUs that are to be read and told, each at most once.
    due: BTreeSet<Sku>,
    _permit: OwnedSemaphorePermit,
}

impl std::fmt::Debug for Watch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Watch")
            .field("skus", &self.skus)
            .finish_non_exhaustive()
    }
}

impl Watch {
    pub(super) fn new(
        store: Arc<dyn StockStore>,
        changes: broadcast::Receiver<Arc<[Sku]>>,
        skus: Vec<Sku>,
        permit: OwnedSemaphorePermit,
    ) -> Self {
        let skus: BTreeSet<_> = skus.into_iter().collect();
        Self {
            store,
            changes,
            due: skus.clone(),
            skus,
            _permit: permit,
        }
    }

    /// The next stock to tell: first each SKU as it stands, then each after a
    /// change. `None` when the service ends. A SKU that the catalogue doesn't
    /// have is told once it does.
    ///
    /// # Errors
    ///
    /// [`StoreError`] of the read; calling again goes on with the next SKU.
    ///
    /// # Cancel safety
    ///
    /// A SKU whose read was dropped is not told until it changes again.
    pub async fn next(
        &mut self,
        deadline: impl Fn() -> Deadline + Send,
    ) -> Option<Result<Stock, StoreError>> {
        loop {
            while let Some(sku) = self.due.pop_first() {
                match self.store.stock(deadline(), sku).await {
                    Ok(Some(stock)) => return Some(Ok(stock)),
                    Ok(None) => {}
                    Err(error) => return Some(Err(error)),
                }
            }
            match self.changes.recv().await {
                Ok(changed) => {
                    let mine = changed.iter().filter(|sku| self.skus.contains(sku));
                    self.due.extend(mine.cloned());
                }
                Err(broadcast::error::RecvError::Lagged(_)) => self.due = self.skus.clone(),
                Err(broadcast::error::RecvError::Closed) => return None,
            }
        }
    }
}
