//! The allocator of every program on the chassis: jemalloc, unless the feature
//! `jemalloc` is off.
//!
//! Why not the system's: the demo's saturated shop did 1.18 times as many orders
//! as on glibc's (`docs/results/shop-profile.md`), and what a burst of
//! connections had taken stayed resident there.
//! jemalloc is linked unprefixed, so that SQLite allocates from it too. Its
//! settings are compiled in, see `.cargo/config.toml`.

#[cfg(feature = "jemalloc")]
mod jemalloc;
#[cfg(feature = "jemalloc")]
pub(crate) use jemalloc::{arenas, asked, held, purge};

/// What the allocator has, in bytes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Held {
    /// What the program has allocated and not freed.
    pub(crate) allocated: usize,
    /// The pages in which that lies.
    pub(crate) active: usize,
    /// What of the machine's memory is in use for it, empty pages included.
    pub(crate) resident: usize,
    /// What it has mapped for active pages.
    pub(crate) mapped: usize,
    /// Address space that it keeps without memory behind it.
    pub(crate) retained: usize,
    /// What its own books take.
    pub(crate) metadata: usize,
}

/// What was asked of the allocator since the start of the process.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Asked {
    pub(crate) requests: u64,
    pub(crate) bytes: u64,
}

/// What the allocator has; `None` where it can't be asked.
#[cfg(not(feature = "jemalloc"))]
pub(crate) fn held() -> Option<Held> {
    None
}

/// What was asked of it; `None` where it doesn't count.
#[cfg(not(feature = "jemalloc"))]
pub(crate) fn asked() -> Option<Asked> {
    None
}

/// The number of arenas that [`purge`] knows.
#[cfg(not(feature = "jemalloc"))]
pub(crate) fn arenas() -> u32 {
    0
}

/// Gives the empty pages of one arena back.
#[cfg(not(feature = "jemalloc"))]
pub(crate) fn purge(_arena: u32) {}
