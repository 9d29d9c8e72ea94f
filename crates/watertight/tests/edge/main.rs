//! The edge against peers that stall, flood, half-close and vanish, over real sockets.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a failed step fails the test; helpers are not covered by clippy.toml"
)]

mod cancelled;
mod common;
mod counted;
mod disconnects;
mod faults;
mod floods;
mod limits;
mod memory;
mod stalled;
mod uploads;
