//! Figures of the allocator; absent where it can't be asked.

use crate::alloc;

/// Sets the `allocator_*` gauges.
pub(super) fn collect() {
    if let Some(held) = alloc::held() {
        metrics::gauge!("allocator_allocated_bytes").set(held.allocated as f64);
        metrics::gauge!("allocator_active_bytes").set(held.active as f64);
        metrics::gauge!("allocator_resident_bytes").set(held.resident as f64);
    }
}
