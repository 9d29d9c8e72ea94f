//! What the calling thread, or the process, has allocated and not freed, by
//! jemalloc's count.

use std::hint::black_box;
use tikv_jemalloc_ctl::thread::{ThreadLocal, allocatedp, deallocatedp};
use tikv_jemalloc_ctl::{epoch, stats};

/// jemalloc's counters of one thread; it can't go to another one.
#[derive(Clone, Copy)]
pub(super) struct Meter {
    allocated: ThreadLocal<u64>,
    deallocated: ThreadLocal<u64>,
}

impl Meter {
    pub(super) fn of_this_thread() -> Option<Self> {
        Some(Self {
            allocated: allocatedp::read().ok()?,
            deallocated: deallocatedp::read().ok()?,
        })
    }

    /// Bytes; negative if the thread has freed what others had allocated.
    pub(super) fn kept(&self) -> i64 {
        // Both only ever grow and may wrap; so may their difference.
        self.allocated
            .get()
            .wrapping_sub(self.deallocated.get())
            .cast_signed()
    }
}

/// Bytes that the whole process has allocated and not freed; 0 without jemalloc.
pub(super) fn of_the_process() -> i64 {
    // The figures are those of the last epoch.
    let read = epoch::advance().and_then(|_epoch| stats::allocated::read());
    read.map_or(0, |bytes| i64::try_from(bytes).unwrap_or(i64::MAX))
}

/// Whether an allocation shows up in `kept`: it doesn't if some other allocator
/// serves the program.
pub(super) fn counts(kept: impl Fn() -> i64) -> bool {
    const PROBE: u16 = 4096;
    let before = kept();
    let probe = black_box(Box::new([0_u8; PROBE as usize]));
    let during = kept();
    drop(probe);
    during - before >= i64::from(PROBE) && kept() == before
}
