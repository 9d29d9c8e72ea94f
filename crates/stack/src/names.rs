//! The series that dashboards and rules are made of: the statics that the code
//! counts with, under names that tell the crates apart.

use watertight::catalogue::{Counters, Gauges, Histograms, Kind, Series, Totals};

pub(crate) use demo::series::{
    MONEY as LOAD_MONEY, STOCK as LOAD_STOCK, VIOLATIONS as LOAD_VIOLATIONS,
};
pub(crate) use gateway::series::{
    EVENT_STREAMS as GATEWAY_EVENT_STREAMS, IMPORT_ROWS as GATEWAY_IMPORT_ROWS,
};
pub(crate) use inventory::series::{
    BAD_ROWS as INVENTORY_BAD_ROWS, RESERVATIONS_EXPIRED as INVENTORY_EXPIRED,
};
pub(crate) use orders::series::{
    AUDIT_LINES as ORDERS_AUDIT_LINES, CORRUPT as ORDERS_CORRUPT, ENDED as ORDERS_ENDED,
    JOBS as ORDERS_JOBS, JOBS_MAX as ORDERS_JOBS_MAX, LEASES_CLAIMED as ORDERS_LEASES_CLAIMED,
    LEASES_LOST as ORDERS_LEASES_LOST, REFUNDS_WITHOUT_PAYMENT as ORDERS_REFUND_WITHOUT_PAYMENT,
    SAGA_RETRIES as ORDERS_SAGA_RETRIES, SAGA_STEP as ORDERS_SAGA_STEP,
    UNFINISHED_OLDEST as ORDERS_UNFINISHED_OLDEST, WATCHERS as ORDERS_WATCHERS,
};
pub(crate) use payments::series::{
    ASKS as PAYMENTS_ASKS, CHECKS as PAYMENTS_CHECKS, DISCREPANCIES as PAYMENTS_DISCREPANCIES,
    INTENTS_SWEPT as PAYMENTS_INTENTS_SWEPT, PROVIDER_ATTEMPTS as PAYMENTS_PROVIDER_ATTEMPTS,
};
pub(crate) use watertight::series::core::{
    BLOCKING_BUSY, BLOCKING_QUEUE, BLOCKING_QUEUE_MAX, BLOCKING_REFUSED, BLOCKING_THREADS_MAX,
    CANCELLED_WORK, DETACHED, DETACHED_TASKS, DETACHED_TASKS_MAX, SPANS_DROPPED, TASK_CANCELS,
    TASK_OVERRUNS, TASK_PANICS,
};
pub(crate) use watertight::series::{
    ADMIN_REFUSED, ALLOCATOR_ACTIVE, ALLOCATOR_ALLOCATED, ALLOCATOR_MAPPED, ALLOCATOR_METADATA,
    ALLOCATOR_REQUESTED, ALLOCATOR_RESIDENT, ALLOCATOR_RETAINED, BUILD_INFO, CGROUP_LIMIT,
    CGROUP_OOM_KILLS as CGROUP_KILLS, CGROUP_PRESSURE, CGROUP_USAGE, CGROUP_WORKING_SET,
    CONFIG_LAST_RELOAD_OK, CONNECTIONS, CONNECTIONS_CLOSED, CONNECTIONS_MAX, CONNECTIONS_REFUSED,
    HANDLER_PANICS, HTTP_CLIENT_DURATION, HTTP_SERVER_DURATION, LABEL_SETS_DROPPED, LOG_BUFFER,
    LOG_BUFFER_MAX, LOG_FIELDS_CUT as LOG_CUT, LOG_LINES, LOG_LINES_DROPPED as LOG_DROPPED,
    LOG_LINES_SAMPLED as LOG_SAMPLED, LOG_SECRETS, MACHINE_AVAILABLE, MACHINE_MEMORY, PANICS,
    PROCESS_CPU, PROCESS_FDS, PROCESS_FDS_MAX, PROCESS_RESIDENT, PROCESS_START, PROCESS_THREADS,
    REQUEST_DEADLINES, REQUESTS as REQUESTS_IN_FLIGHT, REQUESTS_CANCELLED,
    REQUESTS_MAX as REQUESTS_IN_FLIGHT_MAX, REQUESTS_REFUSED, RESPONSE_FAULTS, RPC_CLIENT_DURATION,
    RPC_SERVER_DURATION, RUNTIME_BUSY, RUNTIME_PARKS, RUNTIME_QUEUE, RUNTIME_TASKS,
    RUNTIME_WORKERS, STREAMS_CUT, TASKS, TASKS_DEAD, TASKS_LIVE, TASKS_OLDEST, TASKS_ORPHANS,
    TASKS_STRAGGLERS, TASKS_SUSPECT, TLS_HANDSHAKES, WORKER_STALLS, WORKERS_STALLED,
};
pub(crate) use watertight_store::series::{
    BATCH as STORE_BATCH, BATCH_AGE as STORE_BATCH_AGE, COMMANDS as STORE_COMMANDS,
    COMMIT as STORE_COMMIT, DISK_FREE as STORE_DISK_FREE, FILE as STORE_FILE,
    FILE_MAX as STORE_FILE_MAX, QUEUE as STORE_QUEUE, QUEUE_MAX as STORE_QUEUE_MAX,
    QUEUE_WAIT as STORE_QUEUE_WAIT, READER_WAIT as STORE_READER_WAIT,
    READERS_BUSY as STORE_READERS_BUSY, READERS_MAX as STORE_READERS_MAX, SYNC as STORE_SYNC,
    WAL as STORE_WAL,
};

/// What has a name in Prometheus.
pub(crate) trait Named {
    /// The name.
    fn named(&self) -> &'static str;
}

macro_rules! named {
    ($($family:ident),+) => {$(
        impl<const N: usize> Named for $family<N> {
            fn named(&self) -> &'static str {
                self.name()
            }
        }
    )+};
}

named!(Counters, Totals, Gauges, Histograms);

/// A gauge without labels of its own.
pub(crate) type Gauged = Gauges<0>;

/// A counter without labels of its own.
pub(crate) type Counted = Counters<0>;

/// What kind of series a name or a part of a histogram stands for.
fn find(name: &str) -> Option<Kind> {
    let parts = ["_bucket", "_sum", "_count"];
    let stem = parts.iter().find_map(|part| name.strip_suffix(part));
    let declared = demo::all_series().find(|series| match series.kind() {
        Kind::Histogram(_) => stem == Some(series.name()),
        Kind::Counter | Kind::Gauge => series.name() == name,
    });
    declared.map(Series::kind)
}

/// Whether a crate, a rule of ours or Prometheus itself makes a series of this name.
pub(crate) fn is_known(name: &str) -> bool {
    name == "up" || name.starts_with("watertight:") || find(name).is_some()
}

/// Whether it only grows.
pub(crate) fn is_counter(name: &str) -> bool {
    find(name).is_some_and(|kind| kind != Kind::Gauge)
}
