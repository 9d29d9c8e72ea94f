//! Payments over real sockets, against the provider stub over real sockets.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests"
)]

mod calls;
mod crash;
mod disk;
mod faults;
mod input;
mod shop;
mod twins;
