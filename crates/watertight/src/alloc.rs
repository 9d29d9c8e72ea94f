//! The allocator of every program on the chassis: jemalloc.
//!
//! Why not the system's: under the load of the demo glibc's cost a fifth of the
//! throughput, and what a burst of connections had taken stayed resident.
//! jemalloc is linked unprefixed, so that SQLite allocates from it too. Its
//! settings are compiled in, see `.cargo/config.toml`.

use tikv_jemallocator::Jemalloc;

#[global_allocator]
static ALLOCATOR: Jemalloc = Jemalloc;
