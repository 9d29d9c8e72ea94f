//! The limits of a server.

use std::time::Duration;

/// The limits of a server. Every field has a default that withstands a
/// hostile peer; see the field for what happens at the bound.
#[derive(Clone, Debug)]
pub struct ServerConfig {
    /// Open connections; one more is accepted and closed at once, so that its
    /// peer finds out immediately and the backlog doesn't fill up. Default 4,096.
    pub connections_max: usize,
    /// Open connections of one IP address (of one /64 for IPv6, which is what
    /// one peer usually has); one more is closed at once. Peers behind one NAT
    /// or balancer share it. Default 1,024.
    pub connections_per_ip_max: usize,
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
    /// The longest HTTP request body that is read into memory, in bytes; a
    /// longer one is answered with 413. A route may have a limit of its own
    /// ([`axum::extract::DefaultBodyLimit`]). gRPC messages have tonic's, 4 MiB.
    /// Default 1 MiB.
    pub body_bytes_max: usize,
    /// Buffer per HTTP/2 stream for what the peer doesn't read. Default 64 KiB.
    pub send_buffer_bytes_max: usize,
    /// HTTP/2 frames per second that carry no request (SETTINGS, PING,
    /// PRIORITY, WINDOW_UPDATE, RST_STREAM, CONTINUATION, empty DATA, unknown
    /// ones), in the long run and beyond what the traffic in both directions
    /// accounts for; then the connection is closed. Default 1,000.
    pub control_frames_per_s_max: u32,
    /// How many of them may come at once. Default 10,000.
    pub control_frames_burst_max: u32,
    /// The time for what an [`Acceptor`](crate::Acceptor) does before HTTP, such as a TLS
    /// handshake; then the connection is closed. Default 10 s.
    pub handshake_timeout: Duration,
    /// The time a new connection has for its first bytes (a whole HTTP/2
    /// preface); then it is closed. Default 10 s.
    pub first_byte_timeout: Duration,
    /// The time for the complete headers of an HTTP/1 request, and for the
    /// next request on an idle connection; then it is closed. Default 10 s.
    pub header_timeout: Duration,
    /// How long a handler may wait for the next bytes of a request's body: then
    /// 408 (gRPC: DEADLINE_EXCEEDED) if the response hasn't begun, else an
    /// HTTP request is cut off. A gRPC stream that has begun to answer may stay
    /// silent. Bytes that trickle are bounded by the request's deadline. Default 10 s.
    pub body_idle_timeout: Duration,
    /// How long nobody may take what was written: an HTTP/2 stream whose window
    /// stays shut is reset, a connection on which nothing can be sent is
    /// closed. Default 30 s.
    pub write_stall_timeout: Duration,
    /// How long an HTTP/2 connection may go without a request; then it is told
    /// to finish (GOAWAY). Checked in steps of a quarter. Default 5 min.
    pub idle_timeout: Duration,
    /// How old a connection gets, give or take a tenth: then it is told to
    /// finish (GOAWAY, `connection: close`) and nothing is cut, so that peers
    /// come back through the balancer. Default 1 h.
    pub connection_age_max: Duration,
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
    /// Whether an HTTP/1 peer that shut its side down still gets its answer.
    /// Then a peer that left altogether looks the same, and only the deadline
    /// ends its handler. Default false: such a peer is taken as gone.
    pub half_close: bool,
    /// Whether an HTTP/2 connection with several streams yields once before it
    /// writes, so that answers leave together. Default true; for measurements.
    pub batch_writes: bool,
    /// Whether requests are counted and timed; the admin port's are not. Fixed
    /// when the server is made.
    pub metrics: bool,
}

/// The deadlines of one route, where they differ from the server's. They
/// bound the whole request, to the last byte of its response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RouteTimeouts {
    /// Deadline of a request that brings none; not more than `max`.
    pub default: Duration,
    /// The longest deadline a request may ask for; more is cut down to it.
    pub max: Duration,
}

impl Default for ServerConfig {
    fn default() -> Self {
        Self {
            connections_max: 4_096,
            connections_per_ip_max: 1_024,
            streams_max: 256,
            requests_max: 8_192,
            error_resets_max: 1_024,
            pending_resets_max: 256,
            header_bytes_max: 16 * 1024,
            body_bytes_max: 1024 * 1024,
            send_buffer_bytes_max: 64 * 1024,
            control_frames_per_s_max: 1_000,
            control_frames_burst_max: 10_000,
            handshake_timeout: Duration::from_secs(10),
            first_byte_timeout: Duration::from_secs(10),
            header_timeout: Duration::from_secs(10),
            body_idle_timeout: Duration::from_secs(10),
            write_stall_timeout: Duration::from_secs(30),
            idle_timeout: Duration::from_secs(300),
            connection_age_max: Duration::from_secs(3600),
            keep_alive_interval: Duration::from_secs(20),
            keep_alive_timeout: Duration::from_secs(10),
            request_timeout: Duration::from_secs(10),
            request_timeout_max: Duration::from_secs(30),
            stream_timeout_max: Duration::from_secs(3600),
            half_close: false,
            batch_writes: true,
            metrics: true,
        }
    }
}

impl ServerConfig {
    /// The deadlines of routes that have none of their own.
    pub(crate) fn timeouts(&self) -> RouteTimeouts {
        RouteTimeouts {
            default: self.request_timeout,
            max: self.request_timeout_max,
        }
    }
}
