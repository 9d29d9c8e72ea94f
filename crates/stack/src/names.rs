//! The series that dashboards and rules are made of.

/// A declared series.
#[derive(Debug)]
pub(crate) struct Series(&'static str, char);
/// A series that has a name.
pub(crate) trait Named {
    /// The name.
    fn named(&self) -> &'static str;
}
impl Named for Series {
    fn named(&self) -> &'static str {
        self.0
    }
}
pub(crate) type Counted = Series;
pub(crate) type Gauged = Series;

macro_rules! names { ($($id:ident $name:literal $kind:literal,)+) => {
    $(pub(crate) static $id: Series = Series($name, $kind);)+
    static ALL: &[&Series] = &[$(&$id),+];
} }
names! {
    HTTP_SERVER_DURATION "http_server_request_duration_seconds" 'h',
    RPC_SERVER_DURATION "rpc_server_call_duration_seconds" 'h',
    REQUESTS_CANCELLED "server_requests_cancelled_total" 'c',
    REQUESTS_REFUSED "server_requests_refused_total" 'c',
    REQUEST_DEADLINES "server_request_deadlines_total" 'c',
    HANDLER_PANICS "server_handler_panics_total" 'c',
    RESPONSE_FAULTS "server_response_faults_total" 'c',
    STREAMS_CUT "server_streams_cut_total" 'c',
    CONNECTIONS "server_connections" 'g',
    CONNECTIONS_REFUSED "server_connections_refused_total" 'c',
    CONNECTIONS_CLOSED "server_connections_closed_total" 'c',
    TLS_HANDSHAKES "server_tls_handshakes_total" 'c',
    ADMIN_REFUSED "admin_refused_total" 'c',
    CONFIG_LAST_RELOAD_OK "config_last_reload_ok" 'g',
    TASKS "tasks" 'g',
    TASKS_OLDEST "tasks_oldest_seconds" 'g',
    TASKS_LIVE "tasks_live" 'g',
    TASKS_ORPHANS "tasks_orphans" 'g',
    TASKS_DEAD "tasks_dead" 'g',
    TASKS_SUSPECT "tasks_suspect" 'g',
    TASKS_STRAGGLERS "tasks_stragglers" 'g',
    WORKERS_STALLED "workers_stalled" 'g',
    WORKER_STALLS "worker_stalls_total" 'c',
    PANICS "panics_total" 'c',
    PROCESS_RESIDENT "process_resident_memory_bytes" 'g',
    PROCESS_FDS "process_open_fds" 'g',
    PROCESS_THREADS "process_threads" 'g',
    PROCESS_CPU "process_cpu_seconds_total" 'c',
    PROCESS_START "process_start_time_seconds" 'g',
    ALLOCATOR_ALLOCATED "allocator_allocated_bytes" 'g',
    ALLOCATOR_ACTIVE "allocator_active_bytes" 'g',
    ALLOCATOR_RESIDENT "allocator_resident_bytes" 'g',
    LOG_DROPPED "log_lines_dropped_total" 'c',
    LABEL_SETS_DROPPED "metrics_label_sets_dropped_total" 'c',
    TASK_PANICS "task_panics_total" 'c',
    TASK_CANCELS "task_cancels_total" 'c',
    TASK_OVERRUNS "task_overruns_total" 'c',
    CANCELLED_WORK "cancelled_work_seconds" 'h',
    BLOCKING_REFUSED "blocking_refused_total" 'c',
    DETACHED "detached_total" 'c',
    STORE_COMMANDS "watertight_store_commands_total" 'c',
    STORE_QUEUE "watertight_store_queue_commands" 'g',
    STORE_QUEUE_MAX "watertight_store_queue_commands_max" 'g',
    STORE_BATCH "watertight_store_batch_commands" 'h',
    STORE_COMMIT "watertight_store_commit_seconds" 'h',
    STORE_READERS_BUSY "watertight_store_readers_busy" 'g',
    STORE_READERS_MAX "watertight_store_readers_max" 'g',
    STORE_READER_WAIT "watertight_store_reader_wait_seconds" 'h',
    STORE_WAL "watertight_store_wal_bytes" 'g',
    STORE_WAL_MAX "watertight_store_wal_bytes_max" 'g',
    STORE_FILE "watertight_store_file_bytes" 'g',
    STORE_FILE_MAX "watertight_store_file_bytes_max" 'g',
    GATEWAY_EVENT_STREAMS "gateway_event_streams" 'g',
    GATEWAY_IMPORT_ROWS "gateway_import_rows_total" 'c',
    INVENTORY_EXPIRED "inventory_reservations_expired_total" 'c',
    INVENTORY_BAD_ROWS "inventory_bad_rows_total" 'c',
    ORDERS_ENDED "orders_ended_total" 'c',
    ORDERS_SAGA_STEP "orders_saga_step_seconds" 'h',
    ORDERS_SAGA_RETRIES "orders_saga_retries_total" 'c',
    ORDERS_JOBS "orders_jobs_running" 'g',
    ORDERS_JOBS_MAX "orders_jobs_max" 'g',
    ORDERS_WATCHERS "orders_watchers" 'g',
    ORDERS_LEASES_CLAIMED "orders_leases_claimed_total" 'c',
    ORDERS_LEASES_LOST "orders_leases_lost_total" 'c',
    ORDERS_UNFINISHED_OLDEST "orders_unfinished_oldest_seconds" 'g',
    ORDERS_CORRUPT "orders_corrupt" 'g',
    ORDERS_REFUND_WITHOUT_PAYMENT "orders_refund_without_payment_total" 'c',
    ORDERS_AUDIT_LINES "orders_audit_lines_total" 'c',
    PAYMENTS_ASKS "payments_asks_total" 'c',
    PAYMENTS_DISCREPANCIES "payments_discrepancies_total" 'c',
    PAYMENTS_PROVIDER_ATTEMPTS "payments_provider_attempts_total" 'c',
    PAYMENTS_INTENTS_SWEPT "payments_intents_swept_total" 'c',
    PAYMENTS_CHECKS "payments_checks_total" 'c',
    MACHINE_MEMORY "machine_memory_bytes" 'g',
    MACHINE_AVAILABLE "machine_memory_available_bytes" 'g',
    CGROUP_LIMIT "cgroup_memory_limit_bytes" 'g',
    CGROUP_WORKING_SET "cgroup_memory_working_set_bytes" 'g',
    CGROUP_KILLS "cgroup_memory_oom_kills_total" 'c',
    CGROUP_USAGE "cgroup_memory_usage_bytes" 'g',
    CGROUP_PRESSURE "cgroup_memory_stalled_seconds_total" 'c',
    ALLOCATOR_MAPPED "allocator_mapped_bytes" 'g',
    ALLOCATOR_RETAINED "allocator_retained_bytes" 'g',
    ALLOCATOR_METADATA "allocator_metadata_bytes" 'g',
    ALLOCATOR_REQUESTED "allocator_requested_bytes_total" 'c',
    LOG_SECRETS "log_secrets_redacted_total" 'c',
    SPANS_DROPPED "trace_spans_dropped_total" 'c',
    HTTP_CLIENT_DURATION "http_client_request_duration_seconds" 'h',
    RPC_CLIENT_DURATION "rpc_client_call_duration_seconds" 'h',
    RUNTIME_WORKERS "runtime_workers" 'g',
    RUNTIME_TASKS "runtime_tasks" 'g',
    RUNTIME_QUEUE "runtime_queue_tasks" 'g',
    RUNTIME_BUSY "runtime_worker_busy_seconds_total" 'c',
    RUNTIME_PARKS "runtime_worker_parks_total" 'c',
    PROCESS_FDS_MAX "process_max_fds" 'g',
    LOAD_VIOLATIONS "load_violations_total" 'c',
    LOAD_STOCK "load_stock_pieces" 'g',
    LOAD_MONEY "load_money_cents" 'g',
    BLOCKING_BUSY "blocking_threads_busy" 'g',
    BLOCKING_THREADS_MAX "blocking_threads_max" 'g',
    BLOCKING_QUEUE "blocking_queue" 'g',
    BLOCKING_QUEUE_MAX "blocking_queue_max" 'g',
    STORE_SYNC "watertight_store_sync_seconds" 'h',
    STORE_QUEUE_WAIT "watertight_store_queue_wait_seconds" 'h',
    STORE_BATCH_AGE "watertight_store_batch_age_seconds" 'g',
    STORE_DISK_FREE "watertight_store_disk_free_bytes" 'g',
    CONNECTIONS_MAX "server_connections_max" 'g',
    REQUESTS_IN_FLIGHT "server_requests_in_flight" 'g',
    REQUESTS_IN_FLIGHT_MAX "server_requests_in_flight_max" 'g',
    LOG_LINES "log_lines_total" 'c',
    LOG_SAMPLED "log_lines_sampled_total" 'c',
    LOG_CUT "log_fields_cut_total" 'c',
    LOG_BUFFER "log_buffer_bytes" 'g',
    LOG_BUFFER_MAX "log_buffer_bytes_max" 'g',
    DETACHED_TASKS "detached_tasks" 'g',
    DETACHED_TASKS_MAX "detached_tasks_max" 'g',
    BUILD_INFO "build_info" 'g',
}

/// The declaration of what a name or a part of a histogram stands for.
fn find(name: &str) -> Option<&'static Series> {
    let parts = ["_bucket", "_sum", "_count"];
    let stem = parts.iter().find_map(|part| name.strip_suffix(part));
    ALL.iter()
        .find(|series| match series.1 {
            'h' => stem == Some(series.0),
            _ => series.0 == name,
        })
        .copied()
}

/// Whether a crate, a rule of ours or Prometheus itself makes a series of this name.
pub(crate) fn is_known(name: &str) -> bool {
    name == "up" || name.starts_with("watertight:") || find(name).is_some()
}

/// Whether it only grows.
pub(crate) fn is_counter(name: &str) -> bool {
    find(name).is_some_and(|series| series.1 != 'g')
}
