//! The command line of the stack; `cargo xtask dashboards` and `cargo xtask alerts` run it.

use std::process::ExitCode;

fn main() -> ExitCode {
    stack::main()
}
