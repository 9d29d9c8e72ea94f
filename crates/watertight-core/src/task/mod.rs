//! Tasks: owned, named, counted, and polled with a waker of our own.

mod entry;
mod future;
mod handle;
mod sched;
mod site;
mod spawn;
mod sync;

pub(crate) use entry::Entry;
pub(crate) use future::{Task, report_panic};
pub use handle::{TaskError, TaskHandle};
pub use sched::TaskState;
pub(crate) use site::Site;
pub use site::SpawnSite;
pub(crate) use spawn::{Kind, start};
