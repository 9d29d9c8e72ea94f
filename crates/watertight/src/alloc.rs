//! The allocator of every program on the chassis: jemalloc.
//!
//! Why not the system's: the demo's saturated shop did 1.18 times as many orders
//! as on glibc's (`docs/results/shop-profile.md`), and what a burst of
//! connections had taken stayed resident there.
//! jemalloc is linked unprefixed, so that SQLite allocates from it too. Its
//! settings are compiled in, see `.cargo/config.toml`.

use tikv_jemallocator::Jemalloc;

#[global_allocator]
static ALLOCATOR: Jemalloc = Jemalloc;
