//! `demo soak kill`: under load one process after the other is killed, at
//! random times and between the steps that must not come apart; then everything
//! is verified.

mod kill;
mod plan;

pub(crate) use kill::{KillArgs, kill};
