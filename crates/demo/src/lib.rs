//! The whole shop on one machine: a supervisor for its processes, customers who
//! order, and a checker who believes nothing.
//!
//! One binary is everything: without a command it is the supervisor, with
//! `serve NAME` it is one of the services, so that killing one kills nothing
//! else.
//!
//! ```text
//! cli ─► run, verify, soak, storm, bench ─► stage ─► supervise   processes, ports, data directory
//!                                          ├► load        customers: open and closed loop
//!                                          ├► settle      resolve what is unknown
//!                                          └► shop, check read everything, compare
//! ```
//!
//! The checker knows nothing of the services but their public protocols: it
//! reads gRPC and the provider's HTTP ledger, never a store.

mod bench;
mod catalog;
mod check;
mod cli;
mod configuration;
mod console;
mod hand;
mod health;
mod load;
mod metrics;
mod outside;
mod prometheus;
mod report;
mod rest;
mod retry;
mod run;
mod screen;
pub mod series;
mod serve;
mod services;
mod settle;
mod shop;
mod signals;
mod soak;
mod stage;
mod storm;
mod supervise;
mod verify;

pub use cli::main;
pub use metrics::{all_series, catalogues};
