//! The orders service as a process of its own.

use std::process::ExitCode;

fn main() -> ExitCode {
    orders::run(std::env::args_os().collect())
}
