//! The service with a real store, and inventory and payments that misbehave.

#![expect(clippy::unwrap_used, reason = "a test may stop where it can't go on")]

mod calls;
mod cancelling;
mod counter;
#[path = "../common/fake.rs"]
#[expect(dead_code, reason = "each test uses a part of it")]
mod fake;
mod leaving;
mod placing;
mod reading;
mod recovery;
mod retention;
mod shop;
mod trouble;
#[path = "../common/world.rs"]
#[expect(dead_code, reason = "each test uses a part of it")]
mod world;
