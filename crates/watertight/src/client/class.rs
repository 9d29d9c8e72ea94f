//! Classes of calls, by how long anybody would wait for them.

use crate::config::{ChassisSettings, Live};
use std::fmt;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

/// How long a call may take, whatever its caller has left.
///
/// A caller's deadline says when nobody waits any more; it doesn't say what is
/// normal. A lookup in a cache that takes as long as a whole request may is
/// broken, and waiting for it helps nobody.
///
/// The times are settings of the chassis; a client that no [`crate::App`] made
/// has their defaults.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DeadlineClass {
    /// A lookup that one can do without: `deadline_cache`, 100 ms.
    Cache,
    /// A call to another service: `deadline_rpc`, 500 ms.
    Rpc,
    /// Work on many things at once: `deadline_batch`, 5 s.
    Batch,
}

/// The times of the classes, as they are set at the moment.
#[derive(Clone, Default)]
pub(crate) struct ClassTimes(Arc<OnceLock<Live<ChassisSettings>>>);

impl ClassTimes {
    /// From now on as set; the first settings stay.
    pub(crate) fn follow(&self, settings: &Live<ChassisSettings>) {
        let _known = self.0.set(settings.clone());
    }

    pub(super) fn of(&self, class: DeadlineClass) -> Duration {
        let settings = self.0.get().map(Live::load);
        match (class, settings) {
            (DeadlineClass::Cache, Some(set)) => set.deadline_cache,
            (DeadlineClass::Rpc, Some(set)) => set.deadline_rpc,
            (DeadlineClass::Batch, Some(set)) => set.deadline_batch,
            (DeadlineClass::Cache, None) => Duration::from_millis(100),
            (DeadlineClass::Rpc, None) => Duration::from_millis(500),
            (DeadlineClass::Batch, None) => Duration::from_secs(5),
        }
    }
}

impl fmt::Debug for ClassTimes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ClassTimes")
            .field(&self.0.get().is_some())
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_class_that_nobody_set_has_its_default() {
        let ms = |class| ClassTimes::default().of(class).as_millis();
        assert_eq!(ms(DeadlineClass::Cache), 100);
        assert_eq!(ms(DeadlineClass::Rpc), 500);
        assert_eq!(ms(DeadlineClass::Batch), 5_000);
    }
}
