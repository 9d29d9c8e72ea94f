//! What `sched.rs` is built from; its model under loom puts loom's here.

pub(super) use std::sync::atomic::{AtomicU64, Ordering};
