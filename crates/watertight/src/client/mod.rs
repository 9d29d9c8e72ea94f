//! Clients: gRPC channels and a pooled HTTP/1 client, both bound by the ambient deadline.

mod deadline_body;
mod exec;
mod grpc;
mod http;

pub use self::http::{HttpClient, HttpError};
pub use grpc::{GrpcChannel, GrpcChannelBuilder};

use crate::Deadline;
use std::time::Duration;

/// How long a call may take that has no deadline at all.
const TIMEOUT_DEFAULT: Duration = Duration::from_secs(30);
/// What the next hop is given less, so that its answer arrives before we stop waiting.
const MARGIN_MAX: Duration = Duration::from_millis(5);
/// On short deadlines the margin must not eat the whole: at most a tenth.
const MARGIN_SHARE: u32 = 10;
/// How long a TCP connection may take to be made.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);

/// The deadline of whoever is calling, if any.
fn ambient_deadline() -> Option<Deadline> {
    watertight_core::current().and_then(|scope| scope.deadline())
}

/// What to tell the next hop when `left` is left here.
fn for_next_hop(left: Duration) -> Duration {
    left - MARGIN_MAX.min(left / MARGIN_SHARE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_margin_is_five_ms_or_a_tenth() {
        assert_eq!(
            for_next_hop(Duration::from_secs(1)),
            Duration::from_millis(995)
        );
        assert_eq!(
            for_next_hop(Duration::from_millis(10)),
            Duration::from_millis(9)
        );
        assert_eq!(for_next_hop(Duration::ZERO), Duration::ZERO);
    }
}
