//! The settings every service has.

use super::{Bytes, Checks, LogFilter, Percent, Secret, Url};
use crate::admin::Token;
use crate::error::chain;
use crate::{ServerConfig, TlsFiles};
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::time::Duration;
use watertight_core::BlockingLimits;

/// What the group and everybody may do with a file.
const FOR_OTHERS: u32 = 0o077;

crate::settings! {
    /// What every service has: addresses, limits of its server, deadlines, logs, shutdown.
    [watertight, check = check]
    pub struct ChassisSettings {
        /// Address of the service port: HTTP/1, HTTP/2 and gRPC. Port 0 lets the system choose.
        pub listen: SocketAddr = default("127.0.0.1:8080")
            .wrong("nobody reaches the service, or more do than should")
            .metric("server_connections"),
        /// Address of the admin port. /metrics, /livez and /readyz are open; everything else needs the admin token,
        /// or a caller on this machine if there is none.
        pub admin: SocketAddr = default("127.0.0.1:0")
            .wrong("probes and scrapes fail, or strangers read the metrics")
            .metric("admin_refused_total"),
        /// File with the bearer token of the admin port: one line of 16 characters or more. Read again at a reload.
        pub admin_token_file: Option<PathBuf> = optional()
            .wrong("without any token only callers on this machine see more than metrics and health")
            .metric("admin_refused_total").live(),
        /// The bearer token itself, instead of a file: 16 characters or more.
        pub admin_token: Option<Secret> = optional().secret()
            .wrong("without any token only callers on this machine see more than metrics and health")
            .metric("admin_refused_total"),
        /// Certificates of the service port, the server's first, as PEM; together with tls_key. Without them it speaks plain text.
        pub tls_cert: Option<PathBuf> = optional()
            .wrong("the service doesn't start; after a bad renewal the old certificate goes on to serve")
            .metric("tls_certificate_expiry_seconds"),
        /// The private key of tls_cert, as PEM.
        pub tls_key: Option<PathBuf> = optional()
            .wrong("the service doesn't start; after a bad renewal the old key goes on to serve")
            .metric("tls_certificate_expiry_seconds"),
        /// Authorities for client certificates, as PEM. If set, each client must have a certificate of one of them.
        pub tls_client_ca: Option<PathBuf> = optional()
            .wrong("clients are turned away, or strangers are let in")
            .metric("server_tls_handshakes_total"),
        /// Deadline of a request that brings none. More than request_timeout_max is cut down to it.
        pub request_timeout: Duration = default("10s").range("1ms", "1d").live()
            .breaks("slow but healthy requests end as 504 or DEADLINE_EXCEEDED", "callers that gave up long ago keep resources busy")
            .metric("http_server_request_duration_seconds, rpc_server_call_duration_seconds"),
        /// The longest deadline a request may ask for; more is cut down to it.
        pub request_timeout_max: Duration = default("30s").range("1ms", "7d").live()
            .breaks("callers that can wait are not allowed to", "one caller can hold a request open for as long as it likes")
            .metric("http_server_request_duration_seconds, rpc_server_call_duration_seconds"),
        /// The longest a response stream may last whose request brought no deadline.
        pub stream_timeout_max: Duration = default("1h").range("100ms", "7d").live()
            .breaks("watchers must come back all the time", "streams that nobody reads any more pile up")
            .metric("server_connections"),
        /// The longest a call of class `cache` takes, whatever its caller has left: lookups that one can do without.
        pub deadline_cache: Duration = default("100ms").range("1ms", "1m").live()
            .breaks("lookups that would have come fail", "callers wait for what they could do without")
            .metric("server_requests_cancelled_total"),
        /// The longest a call of class `rpc` takes, whatever its caller has left: calls to other services.
        pub deadline_rpc: Duration = default("500ms").range("1ms", "10m").live()
            .breaks("slow but healthy calls fail", "a service that hangs holds up all its callers")
            .metric("server_requests_cancelled_total"),
        /// The longest a call of class `batch` takes, whatever its caller has left: work on many things at once.
        pub deadline_batch: Duration = default("5s").range("1ms", "1h").live()
            .breaks("large batches never get done", "a batch that hangs is noticed late")
            .metric("server_requests_cancelled_total"),
        /// At shutdown: how long to report "not ready" before accepting stops.
        pub unready: Duration = default("1s").range("0s", "10m").live()
            .breaks("balancers still send requests when the port closes: connection refused during deployments", "deployments take longer")
            .metric("server_connections"),
        /// At shutdown: how long requests and jobs may take to finish before they are cut off.
        pub drain: Duration = default("10s").range("0s", "1h").live()
            .breaks("requests under way are cut off in each deployment", "the orchestrator kills the process before it is done")
            .metric("tasks"),
        /// Open connections of all listeners together; one more is closed at once.
        pub connections_max: usize = default("4096").range("1", "1000000").live()
            .breaks("callers are turned away while there is room", "memory and file descriptors run out first")
            .metric("server_connections, server_connections_refused_total"),
        /// Open connections of one IP address, or one /64 of IPv6; one more is closed at once.
        pub connections_per_ip_max: usize = default("1024").range("1", "1000000").live()
            .breaks("many callers behind one NAT or balancer are turned away", "one peer can take all connections")
            .metric("server_connections_refused_total"),
        /// Concurrent HTTP/2 streams per connection; the peer queues beyond it.
        pub streams_max: u32 = default("256").range("1", "100000").live()
            .breaks("busy callers queue, or open more connections", "memory grows with connections times streams")
            .metric("server_requests_refused_total"),
        /// Requests in flight, all connections together; one more is refused with 503 or RESOURCE_EXHAUSTED.
        pub requests_max: usize = default("8192").range("1", "1000000").live()
            .breaks("requests are refused while there is room", "a burst takes more memory than there is, 10 KiB and more for each")
            .metric("server_requests_refused_total"),
        /// HTTP/2 streams that this side had to reset before a connection is closed.
        pub error_resets_max: usize = default("1024").range("16", "100000").live()
            .breaks("a caller with a few broken requests loses its connection", "a flood of malformed frames costs more before it ends")
            .metric("server_connections_closed_total"),
        /// Streams reset by the peer and not yet accepted before a connection is closed (rapid reset).
        /// Raised to streams_max: an honest peer may time out that many at once.
        pub pending_resets_max: usize = default("256").range("16", "100000").live()
            .breaks("callers that cancel a lot lose their connection", "a reset flood costs more before it ends")
            .metric("server_connections_closed_total"),
        /// All headers of a request together; more is refused with 431.
        pub header_bytes_max: Bytes = default("16KiB").range("1KiB", "1MiB").live()
            .breaks("requests with large cookies or tokens are refused", "each connection may hold that much memory")
            .metric("http_server_request_duration_seconds"),
        /// The largest body of an HTTP request that a handler reads whole; more is refused with 413.
        pub body_bytes_max: Bytes = default("1MiB").range("1KiB", "1GiB").live()
            .breaks("honest requests are refused", "requests_max times this is what bodies may take of memory")
            .metric("http_server_request_duration_seconds"),
        /// Buffer per HTTP/2 stream for what the peer doesn't read.
        pub send_buffer_bytes_max: Bytes = default("64KiB").range("1KiB", "16MiB").live()
            .breaks("large responses take more wake-ups", "callers that don't read make the service hold that much for each stream")
            .metric("process_resident_memory_bytes"),
        /// HTTP/2 frames per second that carry no request, in the long run; then the connection is closed.
        pub control_frames_per_s_max: u32 = default("1000").range("10", "1000000").live()
            .breaks("lively honest callers lose their connection", "a flood of pings or settings takes the processor")
            .metric("server_connections_closed_total"),
        /// How many of them may come at once.
        pub control_frames_burst_max: u32 = default("10000").range("100", "10000000").live()
            .breaks("an honest burst closes its connection", "a flood lasts longer before it ends")
            .metric("server_connections_closed_total"),
        /// The time for a TLS handshake; then the connection is closed.
        pub handshake_timeout: Duration = default("10s").range("100ms", "10m").live()
            .breaks("callers on slow networks can't connect", "silent peers hold connections for longer")
            .metric("server_connections_closed_total"),
        /// The time a new connection has for its first bytes; then it is closed.
        pub first_byte_timeout: Duration = default("10s").range("100ms", "10m").live()
            .breaks("callers on slow networks can't connect", "silent peers hold connections for longer")
            .metric("server_connections_closed_total"),
        /// The time for the complete headers of an HTTP/1 request, and for the next request on an idle connection; then it is closed.
        pub header_timeout: Duration = default("10s").range("100ms", "10m").live()
            .breaks("pooled connections close between requests", "peers that trickle hold connections for longer")
            .metric("server_connections_closed_total"),
        /// How long a handler waits for the next bytes of a request's body; then 408 or DEADLINE_EXCEEDED.
        pub body_idle_timeout: Duration = default("10s").range("100ms", "1h").live()
            .breaks("uploads over slow networks fail", "stalled uploads hold requests for longer")
            .metric("http_server_request_duration_seconds, rpc_server_call_duration_seconds"),
        /// How long nobody may take what was written; then the stream or the connection is closed.
        pub write_stall_timeout: Duration = default("30s").range("100ms", "1h").live()
            .breaks("callers that pause lose their response", "callers that stopped reading hold memory for longer")
            .metric("server_connections_closed_total"),
        /// How long an HTTP/2 connection may go without a request; then it is told to finish.
        pub idle_timeout: Duration = default("5m").range("1s", "1d").live()
            .breaks("callers connect again and again", "connections that nobody uses add up")
            .metric("server_connections"),
        /// How old a connection gets, give or take a tenth; then it is told to finish, and nothing is cut off.
        pub connection_age_max: Duration = default("1h").range("1s", "30d").live()
            .breaks("callers connect again and again", "load stays where it was after new processes came up")
            .metric("server_connections"),
        /// How often an HTTP/2 peer is pinged.
        pub keep_alive_interval: Duration = default("20s").range("100ms", "1h").live()
            .breaks("pings cost more than they find", "peers that vanished hold connections for longer")
            .metric("server_connections"),
        /// How long it may take to answer a ping; then the connection is closed.
        pub keep_alive_timeout: Duration = default("10s").range("100ms", "1h").live()
            .breaks("callers with a short pause lose their connection", "peers that vanished hold connections for longer")
            .metric("server_connections_closed_total"),
        /// Whether an HTTP/1 peer that shut its sending side still gets its answer. Then one that left altogether looks
        /// the same, and only the deadline ends its handler.
        pub half_close: bool = default("false").live()
            .wrong("off, callers that shut their side early get nothing; on, work goes on for callers that left")
            .metric("http_server_request_duration_seconds"),
        /// Whether an HTTP/2 connection with several streams yields once before it writes, so that answers leave together.
        pub batch_writes: bool = default("true").live()
            .wrong("off, each answer is a write of its own: more processor time per request under load")
            .metric("process_cpu_seconds_total"),
        /// Closures that may block at once, see Scope::spawn_blocking; one more waits.
        pub blocking_threads: usize = default("16").range("1", "256").live()
            .breaks("closures wait for each other, and those that hang keep the others from running", "threads get into each other's way, and each takes memory")
            .metric("blocking_refused_total, process_threads"),
        /// Closures that wait for a thread; one more is refused.
        pub blocking_queue: usize = default("1024").range("0", "1000000").live()
            .breaks("work is refused in short bursts", "work is done for which nobody waits any more, and memory grows with what waits")
            .metric("blocking_refused_total"),
        /// How long a task may keep a worker in one poll before it is named and counted. Looked at every 50 ms.
        pub stall_after: Duration = default("100ms").range("10ms", "1h").live()
            .breaks("tasks are named that only waited for a processor", "tasks that hold up all others of their worker aren't named")
            .metric("worker_stalls_total, workers_stalled"),
        /// When listening, write {"listen","admin","pid"} to this file.
        pub ready_file: Option<PathBuf> = optional()
            .wrong("whoever waits for the file waits for ever")
            .metric("process_start_time_seconds"),
        /// Which log lines are written, such as `info` or `orders=debug,info`.
        pub log: LogFilter = default("info").live()
            .wrong("too little, and errors leave no trace; too much, and lines are dropped under load")
            .metric("log_lines_total"),
        /// Lines a second that one place in the code may log, below warnings. Of more, every k-th is written and says how many it stands for.
        pub log_site_lines_per_s_max: u32 = default("100").range("1", "1000000").live()
            .breaks("what happened often is seen only in part", "one busy place fills the log, and the buffer for all others")
            .metric("log_lines_sampled_total"),
        /// Log lines that stdout has not taken yet; one more is dropped and counted. The last quarter is kept for warnings and errors.
        pub log_buffer_bytes_max: Bytes = default("1MiB").range("64KiB", "64MiB").live()
            .breaks("bursts lose lines while stdout is healthy", "a reader that stands still costs that much memory")
            .metric("log_buffer_bytes, log_lines_dropped_total"),
        /// Where traces are sent: a collector that speaks OTLP over gRPC. Not set: nothing is recorded, and traces are only passed on.
        pub otlp: Option<Url> = optional()
            .wrong("traces are dropped; requests don't notice")
            .metric("traces_exported_total, traces_dropped_total"),
        /// Share of the traces beginning here that are kept whatever comes of them. Failed and slow ones are kept anyway.
        pub trace_ratio: Percent = default("1%").range("0%", "100%").live()
            .breaks("rare ways through the services are never seen", "the collector stores much that is alike")
            .metric("traces_exported_total"),
        /// How many of these may begin in a second; with more requests the share is lowered.
        pub traces_per_s_max: u32 = default("20").range("0", "100000").live()
            .breaks("rare ways through the services are never seen", "a burst of traffic is a burst at the collector, too")
            .metric("traces_exported_total, traces_dropped_total"),
        /// A request whose headers take so long, or a job, is kept as a trace.
        pub trace_slow_after: Duration = default("1s").range("1ms", "1h").live()
            .breaks("what is normal is kept as slow, a hundred traces a second at most", "slow requests leave no trace")
            .metric("traces_promoted_total"),
        /// Label sets that each name of a metric may have; further ones are counted under `other`, and of gauges
        /// not shown.
        pub label_sets_max: usize = default("500").range("10", "10000").live()
            .breaks("routes or tasks are lumped together in graphs", "a label that grows makes scrapes slow, here and in the database")
            .metric("metrics_label_sets_dropped_total"),
        /// Threads of the work runtime. Not set: one per processor.
        pub workers: Option<usize> = optional().range("1", "1024")
            .breaks("processors stand idle under load", "threads get into each other's way")
            .metric("process_threads, process_cpu_seconds_total"),
    }
}

impl ChassisSettings {
    /// What TLS is served with, if it is.
    pub(crate) fn tls_files(&self) -> Option<TlsFiles> {
        let files = TlsFiles::new(self.tls_cert.clone()?, self.tls_key.clone()?);
        Some(TlsFiles {
            client_ca: self.tls_client_ca.clone(),
            ..files
        })
    }

    /// Names secrets in files that others than their owner may read. No
    /// mistake: some platforms mount them like that.
    pub(super) fn warn_of_open_files(&self) {
        let files = [
            ("[watertight] admin_token_file", &self.admin_token_file),
            ("[watertight] tls_key", &self.tls_key),
        ];
        for (setting, path) in files {
            let Some(path) = path else { continue };
            let mode = std::fs::metadata(path).map(|file| file.permissions().mode());
            if mode.is_ok_and(|mode| mode & FOR_OTHERS != 0) {
                let path = path.display();
                tracing::warn!(setting, %path, "others than its owner may read or write this file");
            }
        }
    }

    /// Whether a server could start with the certificates. Later on they are
    /// watched beside the settings, and bad ones leave the old ones in use.
    pub(super) fn check_certificates(&self, checks: &mut Checks<'_>) {
        if let Some(Err(error)) = self.tls_files().map(|files| files.check()) {
            checks.fail("tls_cert", chain(&error), &[]);
        }
    }
}

fn check(chassis: &ChassisSettings, checks: &mut Checks<'_>) {
    for (key, set, other, other_set) in [
        (
            "tls_cert",
            chassis.tls_cert.is_some(),
            "tls_key",
            chassis.tls_key.is_some(),
        ),
        (
            "tls_key",
            chassis.tls_key.is_some(),
            "tls_cert",
            chassis.tls_cert.is_some(),
        ),
    ] {
        if set && !other_set {
            checks.fail(key, format!("needs {other} beside it"), &[]);
        }
    }
    if chassis.tls_client_ca.is_some() && chassis.tls_cert.is_none() {
        checks.fail("tls_client_ca", "needs tls_cert beside it", &[]);
    }
    if chassis.admin_token.is_some() && chassis.admin_token_file.is_some() {
        let what = "two tokens: set admin_token_file or WATERTIGHT_ADMIN_TOKEN, not both";
        checks.fail("admin_token_file", what, &[]);
    }
    if let Err(why) = Token::of(chassis) {
        let direct = chassis.admin_token.is_some();
        let key = if direct {
            "admin_token"
        } else {
            "admin_token_file"
        };
        checks.fail(key, why, &[]);
    }
}

impl From<&ChassisSettings> for BlockingLimits {
    fn from(chassis: &ChassisSettings) -> Self {
        Self {
            threads: chassis.blocking_threads,
            queue: chassis.blocking_queue,
        }
    }
}

impl From<&ChassisSettings> for ServerConfig {
    fn from(chassis: &ChassisSettings) -> Self {
        let streams = usize::try_from(chassis.streams_max).unwrap_or(usize::MAX);
        Self {
            connections_max: chassis.connections_max,
            connections_per_ip_max: chassis.connections_per_ip_max,
            streams_max: chassis.streams_max,
            requests_max: chassis.requests_max,
            error_resets_max: chassis.error_resets_max,
            pending_resets_max: chassis.pending_resets_max.max(streams),
            header_bytes_max: u32::try_from(chassis.header_bytes_max.0).unwrap_or(u32::MAX),
            body_bytes_max: chassis.body_bytes_max.as_usize(),
            send_buffer_bytes_max: chassis.send_buffer_bytes_max.as_usize(),
            control_frames_per_s_max: chassis.control_frames_per_s_max,
            control_frames_burst_max: chassis.control_frames_burst_max,
            handshake_timeout: chassis.handshake_timeout,
            first_byte_timeout: chassis.first_byte_timeout,
            header_timeout: chassis.header_timeout,
            body_idle_timeout: chassis.body_idle_timeout,
            write_stall_timeout: chassis.write_stall_timeout,
            idle_timeout: chassis.idle_timeout,
            connection_age_max: chassis.connection_age_max,
            keep_alive_interval: chassis.keep_alive_interval,
            keep_alive_timeout: chassis.keep_alive_timeout,
            request_timeout: chassis.request_timeout.min(chassis.request_timeout_max),
            request_timeout_max: chassis.request_timeout_max,
            stream_timeout_max: chassis.stream_timeout_max,
            half_close: chassis.half_close,
            batch_writes: chassis.batch_writes,
            metrics: true,
        }
    }
}
