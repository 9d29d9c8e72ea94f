//! The payments service as a process of its own.

use std::process::ExitCode;

fn main() -> ExitCode {
    payments::run(std::env::args_os().collect())
}
