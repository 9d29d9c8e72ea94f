//! The engine against real files, threads and processes.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test that can't go on fails, and one that is skipped says so"
)]

mod batches;
mod cancelling;
mod full;
mod kill;
mod opening;
mod processes;
mod readers;
mod support;
