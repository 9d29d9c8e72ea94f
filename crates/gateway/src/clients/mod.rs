//! The services behind: gRPC calls with the deadlines of the requests that make them.

mod failure;
mod inventory;
mod orders;

pub use failure::{Failure, Violation};
pub use inventory::Inventory;
pub use orders::{Orders, Watch};

/// What a service answered that must not have been: a message without its part.
fn incomplete() -> Failure {
    Failure::from(tonic::Status::internal("an answer lacks its message"))
}
