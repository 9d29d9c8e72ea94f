//! What the chassis counts. What the mechanisms below it count stands in
//! [`watertight_core::series`].

use watertight_core::catalogue::LATENCY;

pub use watertight_core::series as core;

watertight_core::catalogue! {
    /// Time from the headers of an HTTP request to the end of its response, by method, route and status; error_type is the status of a server error, broken_off for a body that the handler broke off, or caller_left, without a status, for a caller that didn't wait.
    pub HTTP_SERVER_DURATION: Histograms("http_server_request_duration_seconds", Seconds,
        [http_request_method, http_route, http_response_status_code, error_type]; LATENCY);
    /// Time from the headers of a gRPC call to the end of its response, by method and status; error_type is a status that is the server's fault, broken_off for a body that the handler broke off, or caller_left for a caller that didn't wait.
    pub RPC_SERVER_DURATION: Histograms("rpc_server_call_duration_seconds", Seconds,
        [rpc_system_name, rpc_method, rpc_response_status_code, error_type]; LATENCY);
    /// Time from the beginning of a gRPC call to the end of its response, by what it leads to, method and status; error_type is any status but OK, or caller_left for a call that nobody waited for to its end.
    pub RPC_CLIENT_DURATION: Histograms("rpc_client_call_duration_seconds", Seconds,
        [rpc_system_name, server_address, rpc_method, rpc_response_status_code, error_type]; LATENCY);
    /// Time from the beginning of an HTTP call to the end of its response, by what it leads to, method and status; error_type is a status from 400 on, or what kept the call from an answer: caller_left, connect, expired, deadline, broken or too_large.
    pub HTTP_CLIENT_DURATION: Histograms("http_client_request_duration_seconds", Seconds,
        [http_request_method, server_address, http_response_status_code, error_type]; LATENCY);
    /// Requests that ended before their response did, by route and by why: client, deadline or shutdown.
    pub REQUESTS_CANCELLED: Counters("server_requests_cancelled_total", Count, [route, reason]);
    /// Requests that were refused because requests_max were in flight.
    pub REQUESTS_REFUSED: Counters("server_requests_refused_total", Count);
    /// Requests in flight, from their headers to the end of their response.
    pub REQUESTS: Gauges("server_requests_in_flight", Count);
    /// How many may be.
    pub REQUESTS_MAX: Gauges("server_requests_in_flight_max", Count);
    /// Deadlines that callers asked for and didn't get: clamped, malformed or expired.
    pub REQUEST_DEADLINES: Counters("server_request_deadlines_total", Count, [outcome]);
    /// Panics of handlers.
    pub HANDLER_PANICS: Counters("server_handler_panics_total", Count);
    /// Responses that contradict themselves and were ended, by what is wrong with them.
    pub RESPONSE_FAULTS: Counters("server_response_faults_total", Count, [kind]);
    /// Uploads whose next bytes didn't come in time.
    pub UPLOADS_STALLED: Counters("server_uploads_stalled_total", Count);
    /// HTTP/2 streams that were reset because the peer took nothing, by why.
    pub STREAMS_CUT: Counters("server_streams_cut_total", Count, [reason]);

    /// Connections that are open, by listener.
    pub CONNECTIONS: Gauges("server_connections", Count, [listener]);
    /// How many may be, all listeners together.
    pub CONNECTIONS_MAX: Gauges("server_connections_max", Count);
    /// Connections that were closed at once because a cap was reached, by listener and cap.
    pub CONNECTIONS_REFUSED: Counters("server_connections_refused_total", Count, [listener, reason]);
    /// Connections that ended otherwise than in order, by why.
    pub CONNECTIONS_CLOSED: Counters("server_connections_closed_total", Count, [reason]);
    /// Times that the system gave no connection, such as for want of file descriptors.
    pub ACCEPT_ERRORS: Counters("server_accept_errors_total", Count);
    /// TLS handshakes by result.
    pub TLS_HANDSHAKES: Counters("server_tls_handshakes_total", Count, [result]);
    /// Reloads of the certificates by result: ok or refused.
    pub TLS_RELOADS: Counters("tls_reloads_total", Count, [result]);
    /// When the certificate in use expires.
    pub TLS_EXPIRY: Gauges("tls_certificate_expiry_seconds", UnixSeconds);

    /// Requests to the admin port that were refused, by why.
    pub ADMIN_REFUSED: Counters("admin_refused_total", Count, [reason]);
    /// Reloads of the configuration by result: ok or refused.
    pub CONFIG_RELOADS: Counters("config_reloads_total", Count, [result]);
    /// Whether the last reload of the configuration was taken over.
    pub CONFIG_LAST_RELOAD_OK: Gauges("config_last_reload_ok", Flag);

    /// Tasks by name; 256 names, further ones are other.
    pub TASKS: Gauges("tasks", Count, [task]);
    /// Age of the oldest task of a name.
    pub TASKS_OLDEST: Gauges("tasks_oldest_seconds", Seconds, [task]);
    /// Tasks that have an owner.
    pub TASKS_LIVE: Gauges("tasks_live", Count);
    /// Tasks of the runtimes that have no owner; anything but 0 is a fault.
    pub TASKS_ORPHANS: Gauges("tasks_orphans", Count);
    /// Tasks that can never run again, as nobody is left who could wake them.
    pub TASKS_DEAD: Gauges("tasks_dead", Count);
    /// Tasks that were found dead.
    pub TASKS_DEAD_FOUND: Counters("tasks_dead_found_total", Count);
    /// Tasks parked for far longer than others of their spawn site.
    pub TASKS_SUSPECT: Gauges("tasks_suspect", Count);
    /// Tasks still there a second after their scope was cancelled.
    pub TASKS_STRAGGLERS: Gauges("tasks_stragglers", Count);
    /// Tasks that were found still there a second after their scope was cancelled.
    pub TASK_STRAGGLERS: Counters("task_stragglers_total", Count);
    /// Workers whose task has not given them back for longer than stall_after.
    pub WORKERS_STALLED: Gauges("workers_stalled", Count);
    /// Polls that took longer than stall_after, by the task's name.
    pub WORKER_STALLS: Counters("worker_stalls_total", Count, [task]);
    /// Threads of a runtime that run tasks: work for requests and jobs, ops for the admin port.
    pub RUNTIME_WORKERS: Gauges("runtime_workers", Count, [runtime]);
    /// Tasks of a runtime.
    pub RUNTIME_TASKS: Gauges("runtime_tasks", Count, [runtime]);
    /// Tasks that wait in a runtime's common queue until a worker takes them.
    pub RUNTIME_QUEUE: Gauges("runtime_queue_tasks", Count, [runtime]);
    /// Time in which a worker ran tasks; its rate is the share in which it was busy.
    pub RUNTIME_BUSY: Totals("runtime_worker_busy_seconds_total", Seconds, [runtime, worker]);
    /// Times that a worker had nothing to do and went to sleep.
    pub RUNTIME_PARKS: Counters("runtime_worker_parks_total", Count, [runtime, worker]);
    /// Panics, wherever they were.
    pub PANICS: Counters("panics_total", Count);

    /// What of the machine's memory the process takes.
    pub PROCESS_RESIDENT: Gauges("process_resident_memory_bytes", Bytes);
    /// Address space of the process.
    pub PROCESS_VIRTUAL: Gauges("process_virtual_memory_bytes", Bytes);
    /// File descriptors that the process may have open.
    pub PROCESS_FDS_MAX: Gauges("process_max_fds", Count);
    /// File descriptors that are open.
    pub PROCESS_FDS: Gauges("process_open_fds", Count);
    /// Threads of the process.
    pub PROCESS_THREADS: Gauges("process_threads", Count);
    /// Processor time that the process has used, in user and system mode.
    pub PROCESS_CPU: Totals("process_cpu_seconds_total", Seconds);
    /// When the process was started.
    pub PROCESS_START: Gauges("process_start_time_seconds", UnixSeconds);

    /// Memory of the machine, or of the virtual one that stands for it.
    pub MACHINE_MEMORY: Gauges("machine_memory_bytes", Bytes);
    /// What of it programs could still get without swapping.
    pub MACHINE_AVAILABLE: Gauges("machine_memory_available_bytes", Bytes);
    /// Memory that counts against the limit of the process' control group, pages of files included.
    pub CGROUP_USAGE: Gauges("cgroup_memory_usage_bytes", Bytes);
    /// The same without pages of files that nobody has used for a while: what can't be given up.
    pub CGROUP_WORKING_SET: Gauges("cgroup_memory_working_set_bytes", Bytes);
    /// The lowest limit of the control group and those that it is part of; absent if there is none.
    pub CGROUP_LIMIT: Gauges("cgroup_memory_limit_bytes", Bytes);
    /// Processes of the control group that the kernel has killed for want of memory.
    pub CGROUP_OOM_KILLS: Counters("cgroup_memory_oom_kills_total", Count);
    /// Time in which tasks of the control group waited for memory: some of them, or full, all that weren't idle. Version 2 alone.
    pub CGROUP_PRESSURE: Totals("cgroup_memory_stalled_seconds_total", Seconds, [tasks]);

    /// What the program has allocated and not freed.
    pub ALLOCATOR_ALLOCATED: Gauges("allocator_allocated_bytes", Bytes);
    /// The pages in which that lies.
    pub ALLOCATOR_ACTIVE: Gauges("allocator_active_bytes", Bytes);
    /// What of the machine's memory is in use for the allocator, empty pages included.
    pub ALLOCATOR_RESIDENT: Gauges("allocator_resident_bytes", Bytes);

    /// Memory that the allocator has mapped for active pages.
    pub ALLOCATOR_MAPPED: Gauges("allocator_mapped_bytes", Bytes);
    /// Address space that the allocator keeps without memory behind it, to use again.
    pub ALLOCATOR_RETAINED: Gauges("allocator_retained_bytes", Bytes);
    /// What the allocator needs for its own books.
    pub ALLOCATOR_METADATA: Gauges("allocator_metadata_bytes", Bytes);
    /// Bytes that were asked for since the start, freed ones included: its rate is the allocation rate. Some seconds late, as threads report when their caches are looked through.
    pub ALLOCATOR_REQUESTED: Counters("allocator_requested_bytes_total", Bytes);
    /// Allocations since the start, as late.
    pub ALLOCATOR_REQUESTS: Counters("allocator_requests_total", Count);

    /// What runs; always 1. A service without settings of its own has no version.
    pub BUILD_INFO: Gauges("build_info", Flag, [service, version, profile]);
    /// Log lines that were made, by level.
    pub LOG_LINES: Counters("log_lines_total", Count, [level]);
    /// Log lines that a busy place in the code was not let write.
    pub LOG_LINES_SAMPLED: Counters("log_lines_sampled_total", Count);
    /// Log lines that are lost, by why.
    pub LOG_LINES_DROPPED: Counters("log_lines_dropped_total", Count, [reason]);
    /// Fields of log lines that were too long and were cut.
    pub LOG_FIELDS_CUT: Counters("log_fields_cut_total", Count);
    /// Log lines that stdout has not taken yet.
    pub LOG_BUFFER: Gauges("log_buffer_bytes", Bytes);
    /// The bound of that.
    pub LOG_BUFFER_MAX: Gauges("log_buffer_bytes_max", Bytes);
    /// Secrets that were kept out of logs and traces, by kind.
    pub LOG_SECRETS: Counters("log_secrets_redacted_total", Count, [kind]);
    /// Traces that the collector took.
    pub TRACES_EXPORTED: Counters("traces_exported_total", Count);
    /// Spans that the collector took.
    pub SPANS_EXPORTED: Counters("trace_spans_exported_total", Count);
    /// Time of one export, repeats included.
    pub TRACE_EXPORT: Histograms("trace_export_seconds", Seconds; LATENCY);
    /// What all traces under way and those that wait for the collector hold.
    pub TRACE_BUFFER: Gauges("trace_buffer_bytes", Bytes);
    /// Traces that wait for the collector.
    pub TRACE_QUEUE: Gauges("trace_queue_length", Count);
    /// Trace contexts of callers that make no sense and were not gone on with.
    pub TRACE_CONTEXTS_REFUSED: Counters("trace_contexts_refused_total", Count);
    /// Times that a label set was asked for beyond the bounds, by metric; what is set, such as a gauge, isn't shown then, the rest is other.
    pub LABEL_SETS_DROPPED: Counters("metrics_label_sets_dropped_total", Count, [metric]);
}
