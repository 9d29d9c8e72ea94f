//! Development commands of the workspace, run as `cargo xtask COMMAND`.
//!
//! Everything that a person or a CI machine does to this repository goes
//! through here or through plain cargo: there is no shell to keep in step.
//! Each part ends by itself: whatever runs a child gives it a wall limit and
//! kills its whole process group beyond that.

#![expect(
    clippy::print_stdout,
    reason = "a command line tool talks to a terminal"
)]

mod bench;
mod ci;
mod cli;
mod clients;
mod compose;
mod docs;
mod error;
mod openapi;
mod otlp;
mod process;
mod readme;
mod report;
mod scope;
mod shop;
mod stack;
mod test;
mod tidy;
mod tools;
mod workspace;

use std::process::ExitCode;

use clap::Parser as _;

fn main() -> ExitCode {
    match cli::Cli::parse().run() {
        Ok(code) => code,
        Err(error) => {
            println!("xtask: {}", error::chain(&error));
            ExitCode::FAILURE
        }
    }
}
