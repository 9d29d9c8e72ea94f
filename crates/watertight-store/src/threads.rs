//! The store's threads: started by name, joined by their owner.

use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use tokio::sync::watch;

use crate::error::OpenError;
use crate::lock::DirLock;

/// Joins its threads when it goes.
///
/// Each thread keeps the directory's lock and then a sender of `ended`, in this
/// order: once no sender is left, no lock is left either.
pub(crate) struct Threads {
    handles: Mutex<Vec<JoinHandle<()>>>,
    ended: watch::Receiver<()>,
}

/// What a thread holds while it runs; fields drop in this order.
struct Alive {
    _lock: Arc<DirLock>,
    _ended: watch::Sender<()>,
}

/// Starts threads; turns into [`Threads`] when all are there.
pub(crate) struct Starter {
    lock: Arc<DirLock>,
    sender: watch::Sender<()>,
    threads: Threads,
}

impl Starter {
    pub(crate) fn new(lock: Arc<DirLock>) -> Self {
        let (sender, ended) = watch::channel(());
        Self {
            lock,
            sender,
            threads: Threads {
                handles: Mutex::default(),
                ended,
            },
        }
    }

    /// Starts one thread.
    #[expect(clippy::disallowed_methods, reason = "Threads joins it")]
    pub(crate) fn start(
        &self,
        name: String,
        work: impl FnOnce() + Send + 'static,
    ) -> Result<(), OpenError> {
        let alive = Alive {
            _lock: self.lock.clone(),
            _ended: self.sender.clone(),
        };
        let body = move || {
            work();
            drop(alive);
        };
        let handle = std::thread::Builder::new()
            .name(name)
            .spawn(body)
            .map_err(OpenError::Thread)?;
        self.threads
            .handles
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(handle);
        Ok(())
    }

    pub(crate) fn done(self) -> Threads {
        self.threads
    }
}

impl Threads {
    /// Returns when every thread has ended and the directory is unlocked.
    pub(crate) async fn ended(&self) {
        let mut ended = self.ended.clone();
        while ended.changed().await.is_ok() {}
    }

    /// Waits for the threads; they end on their own once nobody can send.
    pub(crate) fn join(&self) {
        let handles =
            std::mem::take(&mut *self.handles.lock().unwrap_or_else(PoisonError::into_inner));
        let me = std::thread::current().id();
        for handle in handles {
            // The last handle of a store may be dropped by a command of its own.
            if handle.thread().id() != me && handle.join().is_err() {
                tracing::error!("store thread panicked");
            }
        }
    }
}
