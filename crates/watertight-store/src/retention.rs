//! Deleting what is old, a bounded batch at a time.

use std::num::NonZeroU32;

use watertight_core::Deadline;

use crate::command::Command;
use crate::error::StoreError;
use crate::store::Store;

/// How far one sweep goes.
#[derive(Clone, Copy, Debug)]
pub struct Sweep {
    /// Rows that one command deletes at most, so that others get in between.
    pub rows_max: NonZeroU32,
    /// Commands of one sweep at most; the next sweep goes on.
    pub batches_max: NonZeroU32,
}

/// What a sweep has done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Swept {
    /// Rows it dealt with.
    pub rows: u64,
    /// Whether it stopped at its bound, with work left.
    pub more: bool,
}

/// Repeats the command that `make` builds (given the rows it may touch) until
/// it touches fewer, or the sweep's bound is reached.
///
/// # Errors
///
/// The first error of a command; earlier batches are kept.
///
/// # Cancel safety
///
/// Batches that were queued are kept; the next sweep goes on from there.
pub async fn sweep<C>(
    store: &Store,
    deadline: Deadline,
    bounds: Sweep,
    make: impl Fn(NonZeroU32) -> C + Send,
) -> Result<Swept, StoreError>
where
    C: Command<Output = u32>,
{
    let mut rows = 0_u64;
    for _ in 0..bounds.batches_max.get() {
        let touched = store.write(deadline, make(bounds.rows_max)).await?;
        rows += u64::from(touched);
        if touched < bounds.rows_max.get() {
            return Ok(Swept { rows, more: false });
        }
    }
    Ok(Swept { rows, more: true })
}
