//! Decisions of the gateway: plain values, no transport, no clock.

pub mod chunk;
pub mod etag;
pub mod lines;
pub mod places;
pub mod resume;
pub mod retry;
pub mod rfc3339;
pub mod tally;
