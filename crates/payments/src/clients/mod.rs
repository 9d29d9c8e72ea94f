//! The world outside: the payment provider.

mod provider;
mod wire;

pub use provider::{BadEndpoint, HttpProvider};
