//! The gateway over real sockets, before the real services of the shop or
//! before one that says what the test wants.

#![expect(clippy::unwrap_used, reason = "a test may stop where it can't go on")]

mod answers;
mod document;
mod events;
mod fake;
mod fake_inventory;
mod http;
mod imports;
mod input;
mod large;
mod leaving;
mod orders;
mod process;
#[path = "../../examples/import_load/rows.rs"]
mod rows;
#[path = "../../examples/import_load/send.rs"]
mod send;
mod shop;
