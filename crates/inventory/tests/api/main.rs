//! Inventory over real sockets, started with the chassis, and as a process.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that can't go on fails"
)]

mod bad_input;
mod describe;
mod import;
mod process;
mod selling;
mod support;
mod watch;
