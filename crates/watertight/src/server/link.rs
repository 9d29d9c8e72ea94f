//! What the parts of one connection tell each other.

use super::control::Control;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError, Weak};
use std::time::Duration;
use tokio::time::Instant;

/// Shared by a connection's IO, its service, its HTTP/2 streams, and the
/// future that drives it.
#[derive(Debug)]
pub(super) struct Link {
    opened: Instant,
    /// The request that was called last.
    ///
    /// hyper (1.12, `proto/h2/server.rs`, `poll_server`) calls the service and
    /// hands the stream to the executor in one go, with nothing in between, so
    /// on HTTP/2 this is how a request gets to the task that runs it. The one
    /// other thing it executes is a CONNECT tunnel, which we refuse. An empty
    /// slot means a stream without supervision, not a wrong one. On HTTP/1,
    /// which has one request at a time, the connection looks it up here.
    request: Mutex<Weak<Control>>,
    /// HTTP/2 streams with a task.
    pub(super) streams: AtomicUsize,
    /// Requests so far.
    pub(super) requests: AtomicU64,
    /// Milliseconds after `opened` since when nothing can be written, plus
    /// one; zero while it can.
    blocked: AtomicU64,
    /// What the peer floods with, if it does.
    ended: OnceLock<&'static str>,
}

impl Link {
    pub(super) fn new() -> Self {
        Self {
            opened: Instant::now(),
            request: Mutex::default(),
            streams: AtomicUsize::new(0),
            requests: AtomicU64::new(0),
            blocked: AtomicU64::new(0),
            ended: OnceLock::new(),
        }
    }

    fn slot(&self) -> std::sync::MutexGuard<'_, Weak<Control>> {
        self.request.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The service was called with a request.
    pub(super) fn put(&self, control: &Arc<Control>) {
        self.requests.fetch_add(1, Ordering::Relaxed);
        *self.slot() = Arc::downgrade(control);
    }

    /// The request put last, for good.
    pub(super) fn take(&self) -> Option<Arc<Control>> {
        std::mem::take(&mut *self.slot()).upgrade()
    }

    /// The request put last, if it isn't over.
    pub(super) fn current(&self) -> Option<Arc<Control>> {
        self.slot().upgrade()
    }

    /// A write was tried: did it get on?
    pub(super) fn note_write(&self, got_on: bool) {
        let blocked = self.blocked.load(Ordering::Relaxed);
        if got_on && blocked != 0 {
            self.blocked.store(0, Ordering::Relaxed);
        } else if !got_on && blocked == 0 {
            let ms = u64::try_from(self.opened.elapsed().as_millis()).unwrap_or(u64::MAX - 1);
            self.blocked.store(ms + 1, Ordering::Relaxed);
        }
    }

    /// Since when nothing can be written.
    pub(super) fn blocked(&self) -> Option<Instant> {
        let ms = self.blocked.load(Ordering::Relaxed).checked_sub(1)?;
        self.opened.checked_add(Duration::from_millis(ms))
    }

    /// The peer floods; nothing more is read of it.
    pub(super) fn end(&self, reason: &'static str) {
        // The first reason is the cause of the others.
        let _first = self.ended.set(reason);
    }

    pub(super) fn ended(&self) -> Option<&'static str> {
        self.ended.get().copied()
    }
}
