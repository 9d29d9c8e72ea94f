//! `demo storm`: clients who leave at random moments, over everything the shop
//! speaks; afterwards nothing of their requests may be left.
//!
//! ```text
//! plan ─► runner ─► http1, http2, grpc      who asks for what, and when he leaves
//!                └► look                    tasks, orphans, memory of each process
//! latency ─► relay × 3                      from the reset to the last drop
//! command ─► verdict ─► page                what is promised, and whether it held
//! ```
//!
//! The same requests are sent to shops of their own by clients who wait for
//! their answers: what those leave behind in memory is what is allowed.

mod admin;
mod command;
mod grpc;
mod http1;
mod http2;
mod latency;
mod look;
mod page;
mod plan;
mod relay;
mod run;
mod runner;
mod verdict;
mod warm_up;

pub(crate) use command::{StormArgs, storm};
pub(crate) use relay::{RelayArgs, relay};
