//! Named crash points, for tests that kill a process between two steps.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

/// What happens at named points of the code: nothing, unless a test asked for a crash.
///
/// Enters through constructors, never through a global. Without a fault a
/// point costs one branch.
///
/// # Examples
///
/// ```
/// use std::sync::Arc;
/// use std::sync::atomic::{AtomicBool, Ordering};
/// use watertight_core::Faults;
///
/// let crashed = Arc::new(AtomicBool::new(false));
/// let seen = Arc::clone(&crashed);
/// let faults = Faults::crash_at("orders.recorded", 2, Arc::new(move || seen.store(true, Ordering::Relaxed)));
/// faults.point("orders.recorded");
/// assert!(!crashed.load(Ordering::Relaxed));
/// faults.point("orders.recorded");
/// assert!(crashed.load(Ordering::Relaxed));
/// ```
#[derive(Clone, Default)]
pub struct Faults {
    crash: Option<Arc<Crash>>,
}

struct Crash {
    point: String,
    left: AtomicU32,
    crash: Arc<dyn Fn() + Send + Sync>,
}

impl Faults {
    /// No faults: every point does nothing.
    #[must_use]
    pub fn none() -> Self {
        Self::default()
    }

    /// Calls `crash` the `nth` time (from 1; 0 means 1) that `point` is passed,
    /// once.
    #[must_use]
    pub fn crash_at(point: &str, nth: u32, crash: Arc<dyn Fn() + Send + Sync>) -> Self {
        let left = AtomicU32::new(nth.max(1));
        Self {
            crash: Some(Arc::new(Crash {
                point: point.to_owned(),
                left,
                crash,
            })),
        }
    }

    /// Passes the point `name`.
    #[inline]
    pub fn point(&self, name: &'static str) {
        if let Some(crash) = &self.crash {
            crash.pass(name);
        }
    }
}

impl Crash {
    fn pass(&self, name: &str) {
        if self.point != name {
            return;
        }
        let count_down = |left: u32| left.checked_sub(1);
        if self
            .left
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, count_down)
            == Ok(1)
        {
            (self.crash)();
        }
    }
}

impl fmt::Debug for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let point = self.crash.as_ref().map(|crash| crash.point.as_str());
        f.debug_struct("Faults").field("crash_at", &point).finish()
    }
}
