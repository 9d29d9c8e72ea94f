//! The gateway as a process of its own.

use std::process::ExitCode;

fn main() -> ExitCode {
    gateway::run(std::env::args_os().collect())
}
