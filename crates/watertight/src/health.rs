//! Readiness: named checks, `/readyz`, and the gRPC health service that follows them.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::Notify;
use tonic_health::ServingStatus;
use tonic_health::server::HealthReporter;

type Check = Box<dyn Fn() -> Result<(), String> + Send + Sync>;

/// Whether the service should get traffic, and if not, why.
///
/// Clones share the same state. Checks run on the ops thread, each time
/// `/readyz` is asked and once a second: they must not block.
#[derive(Clone, Default)]
pub struct Readiness {
    inner: Arc<Inner>,
}

#[derive(Default)]
struct Inner {
    checks: Mutex<Vec<(&'static str, Check)>>,
    draining: AtomicBool,
    /// Told when `draining` is set, so that health doesn't lag by its period.
    changed: Notify,
}

impl Readiness {
    /// Adds a check; the service is ready while all of them are `Ok`.
    pub fn add(
        &self,
        name: &'static str,
        check: impl Fn() -> Result<(), String> + Send + Sync + 'static,
    ) {
        self.lock().push((name, Box::new(check)));
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<(&'static str, Check)>> {
        self.inner
            .checks
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs all checks; the failing ones with their reasons.
    #[must_use]
    pub fn failing(&self) -> Vec<(&'static str, String)> {
        let mut failing: Vec<_> = self
            .lock()
            .iter()
            .filter_map(|(name, check)| Some((*name, check().err()?)))
            .collect();
        if self.inner.draining.load(Ordering::Acquire) {
            failing.push(("shutdown", "the service is shutting down".to_owned()));
        }
        failing
    }

    /// From now on not ready, for good: the first step of a shutdown.
    pub fn drain(&self) {
        self.inner.draining.store(true, Ordering::Release);
        self.inner.changed.notify_waiters();
    }

    /// Waits until [`Readiness::drain`] is called.
    ///
    /// # Cancel safety
    ///
    /// Safe: nothing is lost.
    pub async fn draining(&self) {
        loop {
            let changed = self.inner.changed.notified();
            if self.inner.draining.load(Ordering::Acquire) {
                return;
            }
            changed.await;
        }
    }
}

impl fmt::Debug for Readiness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Readiness")
            .field("failing", &self.failing())
            .finish()
    }
}

/// The gRPC health service's view of [`Readiness`]: "" and every service are
/// serving while the checks hold.
#[derive(Clone, Debug)]
pub(crate) struct GrpcHealth {
    reporter: HealthReporter,
    services: Vec<&'static str>,
    readiness: Readiness,
}

impl GrpcHealth {
    pub(crate) fn new(
        reporter: HealthReporter,
        services: Vec<&'static str>,
        readiness: Readiness,
    ) -> Self {
        Self {
            reporter,
            services,
            readiness,
        }
    }

    /// Brings the health service up to date.
    pub(crate) async fn refresh(&self) {
        let ready = self.readiness.failing().is_empty();
        let status = if ready {
            ServingStatus::Serving
        } else {
            ServingStatus::NotServing
        };
        self.reporter.set_service_status("", status).await;
        for service in &self.services {
            self.reporter.set_service_status(*service, status).await;
        }
    }
}
