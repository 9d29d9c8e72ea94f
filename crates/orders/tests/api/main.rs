//! The service over real sockets, on the chassis, beside a scripted inventory and
//! payments: what callers send, and what they get for it.

#![expect(clippy::unwrap_used, reason = "a test may stop where it can't go on")]

mod audit;
mod deadlines;
#[path = "../common/fake.rs"]
mod fake;
mod limits;
mod placing;
mod reading;
mod shop;
#[path = "../common/world.rs"]
mod world;
