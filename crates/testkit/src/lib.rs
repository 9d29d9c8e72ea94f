//! Helpers of the test suites: waiting, leaks, child processes, temporary directories, HTTP/2 by hand, a collector for traces.

pub mod attack;
mod binary;
mod child;
mod leaks;
mod log;
#[cfg(feature = "otlp")]
pub mod otlp;
mod time;
mod wait;
pub mod wire;

pub use binary::{binary, example};
pub use child::ChildGuard;
pub use leaks::{assert_no_leaks, assert_no_leaks_alone};
pub use log::log_lines;
pub use tempfile::TempDir;
pub use time::{at_once, let_pass, within};
pub use wait::{LIVENESS, wait_until, wait_until_async};

/// A fresh temporary directory, removed on drop.
///
/// # Panics
///
/// If the directory can't be made: a test can't go on without it.
#[must_use]
#[expect(clippy::expect_used, reason = "a test can't go on without a directory")]
pub fn temp_dir() -> TempDir {
    tempfile::Builder::new()
        .prefix("watertight-")
        .tempdir()
        .expect("temporary directory")
}
