//! The limits of a server.

use crate::ChassisArgs;
use std::time::Duration;

/// The limits of a server. Every field has a default that withstands a
/// hostile peer; see the field for what happens at the bound.
#[derive(Clone, Debug)]
pub struct ServerConfig {
    /// Open connections; one more is accepted and closed at once, so that its
    /// peer finds out immediately and the backlog doesn't fill up. Default 4,096.
    pub connections_max: usize,
    /// HTTP/2 streams per connection; the peer queues beyond it. Memory grows
    /// with connections × streams. Default 256.
    pub streams_max: u32,
    /// Requests in flight, all connections together, from their headers to the
    /// end of their responses; one more is refused at once with
    /// RESOURCE_EXHAUSTED or 503. A request that only sent its headers holds
    /// about 10 KiB. Default 8,192.
    pub requests_max: usize,
    /// HTTP/2 streams reset by us before the connection is closed, which a
    /// flood of malformed frames makes us do. Default 1,024.
    pub error_resets_max: usize,
    /// Streams reset by the peer and not yet accepted before the connection is
    /// closed ("rapid reset"). Not below `streams_max`: after a pause of this
    /// process, all streams of an honest peer may have timed out at once.
    /// Default 256.
    pub pending_resets_max: usize,
    /// All headers of a request together; more is refused. Default 16 KiB.
    pub header_bytes_max: u32,
    /// Buffer per HTTP/2 stream for what the peer doesn't read. Default 64 KiB.
    pub send_buffer_bytes_max: usize,
    /// The time a new connection has for its first bytes (a whole HTTP/2
    /// preface); then it is closed. Default 10 s.
    pub first_byte_timeout: Duration,
    /// The time for the complete headers of an HTTP/1 request, and for the
    /// next request on an idle connection; then it is closed. Default 10 s.
    pub header_timeout: Duration,
    /// How often an HTTP/2 peer is pinged. Default 20 s.
    pub keep_alive_interval: Duration,
    /// How long it may take to answer; then the connection is closed. Default 10 s.
    pub keep_alive_timeout: Duration,
    /// Deadline of a request that brings none. Default 10 s.
    pub request_timeout: Duration,
    /// The longest deadline a request may ask for; more is cut down to it. Default 30 s.
    pub request_timeout_max: Duration,
    /// The longest a response body may last whose request brought no deadline. Default 1 h.
    pub stream_timeout_max: Duration,
    /// Whether requests are counted and timed; the admin port's are not.
    pub metrics: bool,
}

impl Default for ServerConfig {
    fn default() -> Self {
        Self {
            connections_max: 4_096,
            streams_max: 256,
            requests_max: 8_192,
            error_resets_max: 1_024,
            pending_resets_max: 256,
            header_bytes_max: 16 * 1024,
            send_buffer_bytes_max: 64 * 1024,
            first_byte_timeout: Duration::from_secs(10),
            header_timeout: Duration::from_secs(10),
            keep_alive_interval: Duration::from_secs(20),
            keep_alive_timeout: Duration::from_secs(10),
            request_timeout: Duration::from_secs(10),
            request_timeout_max: Duration::from_secs(30),
            stream_timeout_max: Duration::from_secs(3600),
            metrics: true,
        }
    }
}

impl From<&ChassisArgs> for ServerConfig {
    fn from(args: &ChassisArgs) -> Self {
        let default = Self::default();
        Self {
            connections_max: args.connections_max,
            streams_max: args.streams_max,
            requests_max: args.requests_max,
            pending_resets_max: default.pending_resets_max.max(args.streams_max as usize),
            request_timeout: args.request_timeout.min(args.request_timeout_max),
            request_timeout_max: args.request_timeout_max,
            stream_timeout_max: args.stream_timeout_max,
            ..default
        }
    }
}
