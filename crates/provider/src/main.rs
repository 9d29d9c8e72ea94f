//! The payment provider stub as a process of its own.

use std::process::ExitCode;

fn main() -> ExitCode {
    provider::run(std::env::args_os().collect())
}
