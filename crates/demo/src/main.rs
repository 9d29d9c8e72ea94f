//! The demo: `cargo run --release -p demo`.

use std::process::ExitCode;

fn main() -> ExitCode {
    demo::main()
}
