//! Who works on which order, and who waits for it.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use shop_types::OrderId;
use tokio::sync::{Notify, watch};

use super::places::{Place, Places};
use crate::model::Order;

/// One [`Folder`] per order that somebody works on or waits for.
///
/// A folder lives as long as its job or anyone who waits holds it, so that those
/// who wait stay attached from one job to the next.
///
/// # Limits
///
/// At most `jobs_max` jobs: a slot must be had first. Of these, sagas that are
/// resumed have no more than half, so that any number of sagas that don't get on
/// leaves places for new orders. Folders without a job are bounded by the
/// requests that wait.
#[derive(Clone, Debug)]
pub(super) struct Desk {
    slots: Places,
    resumed: Places,
    folders: Arc<Mutex<HashMap<OrderId, Weak<Folder>>>>,
}

/// The right to run one job.
#[derive(Debug)]
pub(super) struct Slot {
    _slot: Place,
    _resumed: Option<Place>,
}

/// What is known here of one order.
#[derive(Debug)]
pub(super) struct Folder {
    id: OrderId,
    desk: Desk,
    running: AtomicBool,
    latest: watch::Sender<Option<Arc<Order>>>,
    cancel: AtomicBool,
    nudge: Notify,
}

/// A running job; dropping it says that nobody works on the order.
#[derive(Debug)]
pub(super) struct Job {
    folder: Arc<Folder>,
    _slot: Slot,
}

impl Desk {
    pub(super) fn new(jobs_max: usize) -> Self {
        Self {
            slots: Places::new(jobs_max),
            resumed: Places::new(half(jobs_max)),
            folders: Arc::default(),
        }
    }

    /// Changes how many jobs there may be; those that run go on.
    pub(super) fn set_jobs_max(&self, jobs_max: usize) {
        self.slots.set_max(jobs_max);
        self.resumed.set_max(half(jobs_max));
    }

    pub(super) fn jobs_max(&self) -> usize {
        self.slots.max()
    }

    /// Slots that are taken.
    pub(super) fn jobs(&self) -> usize {
        self.slots.taken()
    }

    /// A slot, if one is free.
    pub(super) fn slot(&self) -> Option<Slot> {
        Some(Slot {
            _slot: self.slots.take()?,
            _resumed: None,
        })
    }

    /// A slot for a saga that is resumed, if one is free.
    pub(super) fn slot_to_resume(&self) -> Option<Slot> {
        Some(Slot {
            _resumed: Some(self.resumed.take()?),
            _slot: self.slots.take()?,
        })
    }

    pub(super) fn free_slots_to_resume(&self) -> usize {
        self.resumed.free().min(self.slots.free())
    }

    /// The folder of `id`, for somebody who waits.
    pub(super) fn folder(&self, id: OrderId) -> Arc<Folder> {
        let mut folders = self.lock();
        if let Some(folder) = folders.get(&id).and_then(Weak::upgrade) {
            return folder;
        }
        let folder = Arc::new(Folder {
            id,
            desk: self.clone(),
            running: AtomicBool::new(false),
            latest: watch::Sender::new(None),
            cancel: AtomicBool::new(false),
            nudge: Notify::new(),
        });
        folders.insert(id, Arc::downgrade(&folder));
        folder
    }

    /// Begins the job of `id`, unless it has one.
    pub(super) fn begin(&self, id: OrderId, slot: Slot) -> Option<Job> {
        let folder = self.folder(id);
        if folder.running.swap(true, Ordering::AcqRel) {
            return None;
        }
        Some(Job {
            folder,
            _slot: slot,
        })
    }

    /// Whether somebody works on `id`.
    pub(super) fn is_running(&self, id: OrderId) -> bool {
        // Let go of the lock before the folder, whose drop takes it.
        let folder = self.lock().get(&id).and_then(Weak::upgrade);
        folder.is_some_and(|folder| folder.running.load(Ordering::Acquire))
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.lock().len()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<OrderId, Weak<Folder>>> {
        self.folders.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Of one job, half is one: else nothing would ever be resumed.
fn half(jobs_max: usize) -> usize {
    jobs_max.div_ceil(2)
}

impl Folder {
    /// Tells those who wait how the order stands.
    pub(super) fn publish(&self, order: Arc<Order>) {
        self.latest.send_if_modified(|latest| {
            let is_newer = latest
                .as_ref()
                .is_none_or(|latest| latest.version < order.version);
            if is_newer {
                *latest = Some(order);
            }
            is_newer
        });
    }

    /// For somebody who waits: the latest state wins, older ones may be missed.
    pub(super) fn subscribe(&self) -> watch::Receiver<Option<Arc<Order>>> {
        self.latest.subscribe()
    }

    /// Tells the job, if there is one, that the customer wants to cancel.
    pub(super) fn cancel(&self) {
        self.cancel.store(true, Ordering::Release);
        self.nudge.notify_one();
    }
}

impl Job {
    pub(super) fn folder(&self) -> &Arc<Folder> {
        &self.folder
    }

    /// Whether the customer wants to cancel, as far as it was told here.
    pub(super) fn is_cancelled(&self) -> bool {
        self.folder.cancel.load(Ordering::Acquire)
    }

    /// Waits until somebody wants the job to look up.
    pub(super) async fn nudged(&self) {
        self.folder.nudge.notified().await;
    }
}

impl Drop for Job {
    fn drop(&mut self) {
        self.folder.running.store(false, Ordering::Release);
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let mut folders = self.desk.lock();
        // Somebody may have opened a new folder since the last holder let go.
        if folders
            .get(&self.id)
            .is_some_and(|folder| folder.strong_count() == 0)
        {
            folders.remove(&self.id);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_order_has_one_job_and_slots_come_back() {
        let (desk, id) = (Desk::new(1), OrderId::at(1));
        let job = desk.begin(id, desk.slot().unwrap()).unwrap();
        assert!(desk.is_running(id));
        assert!(desk.slot().is_none(), "full");
        drop(job);
        assert!(!desk.is_running(id));
        assert!(desk.slot().is_some());
    }

    #[test]
    fn resumed_sagas_take_half_of_the_slots() {
        let desk = Desk::new(5);
        let resumed = [(); 5].map(|()| desk.slot_to_resume());
        assert_eq!(resumed.iter().flatten().count(), 3, "half, rounded up");
        assert_eq!((desk.jobs(), desk.free_slots_to_resume()), (3, 0));
        let new = [(); 5].map(|()| desk.slot());
        assert_eq!(new.iter().flatten().count(), 2);
        drop(resumed);
        assert_eq!((desk.jobs(), desk.free_slots_to_resume()), (2, 3));
        desk.set_jobs_max(3);
        assert_eq!((desk.jobs_max(), desk.free_slots_to_resume()), (3, 1));
    }

    #[test]
    fn a_second_job_is_refused_and_gives_its_slot_back() {
        let (desk, id) = (Desk::new(2), OrderId::at(1));
        let _job = desk.begin(id, desk.slot().unwrap()).unwrap();
        assert!(desk.begin(id, desk.slot().unwrap()).is_none());
        assert_eq!(desk.jobs(), 1);
    }

    #[test]
    fn nothing_is_kept_of_orders_that_nobody_cares_for() {
        let (desk, id) = (Desk::new(1), OrderId::at(1));
        let job = desk.begin(id, desk.slot().unwrap());
        let waiter = desk.folder(id);
        drop(job);
        assert_eq!(desk.len(), 1, "somebody waits");
        assert!(Arc::ptr_eq(&waiter, &desk.folder(id)));
        drop(waiter);
        assert_eq!(desk.len(), 0);
    }
}
