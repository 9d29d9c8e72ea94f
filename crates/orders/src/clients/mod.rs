//! Inventory and payments over gRPC, in the words of the saga.

mod inventory;
mod payments;

use std::time::Duration;

use tonic::{Request, Status};
use watertight_core::Deadline;

use crate::service::{Call, Reply};

pub use inventory::InventoryClient;
pub use payments::PaymentsClient;

/// A request that carries what is left of `deadline`; the channel enforces it.
fn request<T>(deadline: Deadline, message: T) -> Request<T> {
    let mut request = Request::new(message);
    // A call with nothing left fails in the channel, before the network.
    request.set_timeout(deadline.left().unwrap_or(Duration::ZERO));
    request
}

/// Whatever isn't clearly refused may have been done.
fn unknown(call: Call, status: &Status) -> Reply {
    tracing::debug!(call = call.name(), code = ?status.code(), why = status.message(), "unknown");
    Reply::Unknown
}
