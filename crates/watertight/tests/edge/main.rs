//! The edge against peers that stall, flood, half-close and vanish, over real sockets.

#![expect(
    clippy::unwrap_used,
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
