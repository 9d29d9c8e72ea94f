//! The service over real sockets, on the chassis, beside a scripted inventory and
//! payments: what callers send, and what they get for it.

#![expect(clippy::unwrap_used, reason = "a test may stop where it can't go on")]

mod audit;
#[path = "../common/fake.rs"]
#[expect(dead_code, reason = "each test uses a part of it")]
mod fake;
mod limits;
mod placing;
mod reading;
mod shop;
#[path = "../common/world.rs"]
mod world;
