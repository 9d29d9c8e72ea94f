//! The chassis over real sockets and as a real process.

mod common;
mod deadlines;
mod hostile;
mod process;
mod protocols;
mod shutdown;
