//! The inventory service as a process of its own.

use std::process::ExitCode;

fn main() -> ExitCode {
    inventory::run(std::env::args_os().collect())
}
