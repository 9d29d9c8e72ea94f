//! Figures of the allocator; absent where it can't be asked.

use crate::alloc;
use crate::series::{
    ALLOCATOR_ACTIVE, ALLOCATOR_ALLOCATED, ALLOCATOR_MAPPED, ALLOCATOR_METADATA,
    ALLOCATOR_REQUESTED, ALLOCATOR_REQUESTS, ALLOCATOR_RESIDENT, ALLOCATOR_RETAINED,
};

/// Sets the `allocator_*` series.
pub(super) fn collect() {
    // First: it brings jemalloc's figures up to date.
    if let Some(held) = alloc::held() {
        for (gauge, bytes) in [
            (&ALLOCATOR_ALLOCATED, held.allocated),
            (&ALLOCATOR_ACTIVE, held.active),
            (&ALLOCATOR_RESIDENT, held.resident),
            (&ALLOCATOR_MAPPED, held.mapped),
            (&ALLOCATOR_RETAINED, held.retained),
            (&ALLOCATOR_METADATA, held.metadata),
        ] {
            gauge.get().set(bytes as f64);
        }
    }
    if let Some(asked) = alloc::asked() {
        ALLOCATOR_REQUESTS.get().absolute(asked.requests);
        ALLOCATOR_REQUESTED.get().absolute(asked.bytes);
    }
}
