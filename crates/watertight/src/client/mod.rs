//! Clients: gRPC channels and a pooled HTTP/1 client, both bound by the ambient deadline.

mod class;
mod deadline_body;
mod exec;
mod grpc;
mod http;
mod series;
mod span;

pub use self::http::{HttpClient, HttpError};
pub(crate) use class::ClassTimes;
pub use class::DeadlineClass;
pub use grpc::{GrpcChannel, GrpcChannelBuilder};

use crate::Deadline;
use std::time::Duration;

/// How long a call may take that has no deadline at all.
const TIMEOUT_DEFAULT: Duration = Duration::from_secs(30);
/// What the next hop is given less, so that its answer arrives before we stop waiting.
const MARGIN_MAX: Duration = Duration::from_millis(5);
/// On short deadlines the margin must not eat the whole: at most a tenth.
const MARGIN_SHARE: u32 = 10;
/// A wide margin has its bound too: nobody answers for half a second.
const WIDE_MARGIN_MAX: Duration = Duration::from_millis(500);
/// How long a response's body may bring nothing while somebody waits for it. Longer
/// than any stream that is merely quiet: those end at the server before.
const STREAM_IDLE: Duration = Duration::from_secs(15 * 60);
/// How long a TCP connection may take to be made.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);

/// The deadline of whoever is calling, if any.
fn ambient_deadline() -> Option<Deadline> {
    watertight_core::current().and_then(|scope| scope.deadline())
}

/// What to tell the next hop when `left` is left here.
fn for_next_hop(left: Duration) -> Duration {
    Margin::Small.off(left)
}

/// What the next hop is told less than what is left here.
#[derive(Clone, Copy, Debug, Default)]
enum Margin {
    /// 5 ms or a tenth, whichever is less.
    #[default]
    Small,
    /// This much or a tenth, whichever is more; at most 500 ms or half.
    AtLeast(Duration),
}

impl Margin {
    /// `left` without the margin.
    fn off(self, left: Duration) -> Duration {
        let share = left / MARGIN_SHARE;
        left - match self {
            Self::Small => MARGIN_MAX.min(share),
            Self::AtLeast(min) => min.max(share).min(WIDE_MARGIN_MAX).min(left / 2),
        }
    }
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
    #[test]
    fn a_wide_margin_is_at_least_what_was_asked_and_at_most_half() {
        let off = |ms| {
            let left = Duration::from_millis(ms);
            (left - Margin::AtLeast(Duration::from_millis(50)).off(left)).as_millis()
        };
        assert_eq!([0, 60, 300, 2_000, 30_000].map(off), [0, 30, 50, 200, 500]);
    }
}
