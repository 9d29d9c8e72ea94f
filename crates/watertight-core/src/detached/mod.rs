//! Work after the response: bounded, short, and unable to hold on to the request.

mod gauges;
mod pool;
mod snapshot;

pub use pool::{Full, Refused};
pub use snapshot::Snapshot;

use crate::{Deadline, Scope};
use futures_util::future::BoxFuture;
use pool::Pool;
use std::fmt;
use std::panic::Location;
use std::sync::Arc;
use std::time::Duration;

/// What closure and [`Snapshot`] may take together.
const DETACHED_BYTES_MAX: usize = 128;

/// A place for work that goes on after the response: audit, metrics, cache fills.
///
/// What the work needs (a file, a client) is registered here at start and belongs
/// to the service. What it takes from the request must be small and `Copy`: an
/// `Arc`, `Bytes`, `String` or a reference to the request doesn't compile. That is
/// how the copied context of a request can't keep its body alive.
///
/// Why not spawn on the service's scope? It would take whatever the closure
/// captures, for as long as it runs, as often as requests come.
///
/// # Limits
///
/// `running` pieces of work at once and `waiting` behind them; each has a deadline,
/// which counts from the call and not from the start. At the bound see [`Full`].
///
/// # Metrics
///
/// `detached_total{pool,outcome}` with `done`, `late`, `panicked`, `cancelled`,
/// `rejected`, `dropped`; `detached_tasks{pool,state}` with `running` and `waiting`,
/// and the same of `detached_tasks_max` for the limits. They go to the recorder that
/// the process had when the place was made. Places of one name share their series:
/// give each a name of its own.
pub struct Detached<S> {
    state: Arc<S>,
    pool: Arc<Pool>,
}

/// Settings of a [`Detached`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DetachedLimits {
    /// Pieces of work at once; default 64.
    pub running: usize,
    /// Pieces of work that wait; default 1,024.
    pub waiting: usize,
    /// What to do with one too many; default [`Full::Reject`].
    pub full: Full,
}

impl Default for DetachedLimits {
    fn default() -> Self {
        Self {
            running: 64,
            waiting: 1024,
            full: Full::Reject,
        }
    }
}

impl<S: Send + Sync + 'static> Detached<S> {
    /// A place on `scope`, which is the service's: closing it waits for the work.
    #[must_use]
    pub fn new(scope: &Scope, name: &'static str, state: S, limits: DetachedLimits) -> Self {
        Self {
            state: Arc::new(state),
            pool: Arc::new(Pool::new(scope.child(name), limits)),
        }
    }

    /// Does `f` after the request, within `within` from now.
    ///
    /// `f` must be `Copy`, and takes 128 bytes at most together with the
    /// [`Snapshot`] that it gets. More doesn't compile; `cargo check` doesn't
    /// notice, `cargo build` does. The work runs in the request's trace and under
    /// its label, but neither its end nor its deadline end it.
    ///
    /// # Errors
    ///
    /// [`Refused::Full`] if it was not taken; nothing of it is done then.
    /// [`Refused::Closed`] when the service ends.
    ///
    /// # Examples
    ///
    /// Ids and amounts go along:
    ///
    /// ```
    /// # use std::sync::Arc;
    /// # use std::time::Duration;
    /// # use watertight_core::{Detached, Scope};
    /// # let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    /// # let _within = runtime.enter();
    /// # let (request, within) = (Scope::root("request"), Duration::from_millis(300));
    /// # let audit = Detached::new(&request, "audit", (), Default::default());
    /// let order = [7_u8; 80];
    /// let work = move |_, _| async move { drop(order) };
    /// audit.detach(&request, within, work).unwrap();
    /// ```
    ///
    /// What would keep the request alive doesn't, for it isn't `Copy`: a counted
    /// reference, a buffer, a string.
    ///
    /// ```compile_fail,E0277
    /// # use std::sync::Arc;
    /// # use std::time::Duration;
    /// # use watertight_core::{Detached, Scope};
    /// # let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    /// # let _within = runtime.enter();
    /// # let (request, within) = (Scope::root("request"), Duration::from_millis(300));
    /// # let audit = Detached::new(&request, "audit", (), Default::default());
    /// let order = Arc::new([7_u8; 80]);
    /// let work = move |_, _| async move { drop(order) };
    /// audit.detach(&request, within, work).unwrap();
    /// ```
    ///
    /// ```compile_fail,E0277
    /// # use std::sync::Arc;
    /// # use std::time::Duration;
    /// # use watertight_core::{Detached, Scope};
    /// # let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    /// # let _within = runtime.enter();
    /// # let (request, within) = (Scope::root("request"), Duration::from_millis(300));
    /// # let audit = Detached::new(&request, "audit", (), Default::default());
    /// let order = bytes::Bytes::from_static(&[7; 80]);
    /// let work = move |_, _| async move { drop(order) };
    /// audit.detach(&request, within, work).unwrap();
    /// ```
    ///
    /// ```compile_fail,E0277
    /// # use std::sync::Arc;
    /// # use std::time::Duration;
    /// # use watertight_core::{Detached, Scope};
    /// # let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    /// # let _within = runtime.enter();
    /// # let (request, within) = (Scope::root("request"), Duration::from_millis(300));
    /// # let audit = Detached::new(&request, "audit", (), Default::default());
    /// let order = vec![7_u8; 80];
    /// let work = move |_, _| async move { drop(order) };
    /// audit.detach(&request, within, work).unwrap();
    /// ```
    ///
    /// ```compile_fail,E0277
    /// # use std::sync::Arc;
    /// # use std::time::Duration;
    /// # use watertight_core::{Detached, Scope};
    /// # let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    /// # let _within = runtime.enter();
    /// # let (request, within) = (Scope::root("request"), Duration::from_millis(300));
    /// # let audit = Detached::new(&request, "audit", (), Default::default());
    /// let order = String::from("7");
    /// let work = move |_, _| async move { drop(order) };
    /// audit.detach(&request, within, work).unwrap();
    /// ```
    ///
    /// Neither does a borrow of it, for it may be gone:
    ///
    /// ```compile_fail,E0597
    /// # use std::sync::Arc;
    /// # use std::time::Duration;
    /// # use watertight_core::{Detached, Scope};
    /// # let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    /// # let _within = runtime.enter();
    /// # let (request, within) = (Scope::root("request"), Duration::from_millis(300));
    /// # let audit = Detached::new(&request, "audit", (), Default::default());
    /// let order = vec![7_u8; 80]; let order = &order[..];
    /// let work = move |_, _| async move { drop(order) };
    /// audit.detach(&request, within, work).unwrap();
    /// ```
    ///
    /// Nor what is too large; this one is found by a build, not by a check:
    ///
    /// ```compile_fail,E0080
    /// # use std::sync::Arc;
    /// # use std::time::Duration;
    /// # use watertight_core::{Detached, Scope};
    /// # let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    /// # let _within = runtime.enter();
    /// # let (request, within) = (Scope::root("request"), Duration::from_millis(300));
    /// # let audit = Detached::new(&request, "audit", (), Default::default());
    /// let order = [7_u8; 81];
    /// let work = move |_, _| async move { drop(order) };
    /// audit.detach(&request, within, work).unwrap();
    /// ```
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime.
    #[track_caller]
    pub fn detach<F, Fut>(&self, scope: &Scope, within: Duration, f: F) -> Result<(), Refused>
    where
        F: FnOnce(Arc<S>, Snapshot) -> Fut + Copy + Send + 'static,
        Fut: Future<Output = ()> + Send + 'static,
    {
        const {
            assert!(
                size_of::<F>() + size_of::<Snapshot>() <= DETACHED_BYTES_MAX,
                "a detached closure captures too much: pass an id, and look the rest up"
            );
        }
        let snapshot = Snapshot::of(scope);
        let state = Arc::clone(&self.state);
        let deadline = Deadline::after(within);
        let start = Box::new(move || -> BoxFuture<'static, ()> { Box::pin(f(state, snapshot)) });
        self.pool
            .submit(snapshot, deadline, Location::caller(), start)
    }

    /// How many pieces of work run and wait.
    #[must_use]
    pub fn load(&self) -> (usize, usize) {
        self.pool.load()
    }
}

impl<S> Clone for Detached<S> {
    fn clone(&self) -> Self {
        Self {
            state: Arc::clone(&self.state),
            pool: Arc::clone(&self.pool),
        }
    }
}

impl<S> fmt::Debug for Detached<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Detached")
            .field("load", &self.pool.load())
            .finish_non_exhaustive()
    }
}
