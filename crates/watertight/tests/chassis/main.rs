//! The chassis over real sockets and as a real process.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a failed step fails the test; helpers are not covered by clippy.toml"
)]

mod answers;
mod bad_requests;
mod cancels;
mod children;
mod clients;
mod common;
mod configuration;
mod deadlines;
mod exported;
mod hostile;
mod layers;
mod logs;
mod process;
mod protocols;
mod shutdown;
mod tasks;
mod tls;
mod traces;
