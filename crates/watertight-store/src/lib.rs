//! Durable steps on SQLite: one writer that groups the commands of concurrent
//! requests into one commit, and a few readers beside it.
//!
//! A service hands the store *commands* ([`Command`]): small functions that
//! check everything, then write. The writer thread takes what has queued up,
//! runs each command in a savepoint of its own, commits all of them with one
//! fsync, and only then answers. Sixteen concurrent requests cost one commit,
//! not sixteen.
//!
//! What holds, stated as absences:
//!
//! - no acknowledged command is ever lost, and none is ever half applied;
//! - no command is undone because its caller left: a slot in the queue is the
//!   point of no return ([`Store::write`]);
//! - no failing command takes its neighbours with it, unless the disk does;
//! - no queue, batch, write-ahead log or reader set grows without a bound
//!   ([`Options`]);
//! - no second process works on the same directory ([`OpenError::Locked`]);
//! - no clock that is set back reaches a command ([`Store::clock`]).
//!
//! The crate knows nothing of the shop, of HTTP and of gRPC.

mod batch;
mod classify;
mod command;
mod connection;
mod error;
mod health;
mod inbox;
mod integrity;
mod lock;
mod made;
mod mark;
mod meters;
mod migrate;
mod open;
mod options;
mod readers;
pub mod series;
mod store;
mod threads;
mod wal;
mod writer;

pub use command::{Command, Tx};
pub use error::{OpenError, RetryReason, StepError, StoreError};
pub use migrate::Migration;
pub use options::Options;
pub use store::{Stats, Store};
