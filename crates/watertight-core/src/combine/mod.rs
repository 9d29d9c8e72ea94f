//! Waiting for several futures at once, in one task.

mod branch;
mod join;
mod join_all;
mod race;

pub use branch::{Branch, branch};
pub use join::{join, try_join};
pub use join_all::{join_all, try_join_all};
pub use race::{Either, race, race_all};
