//! JSON logs on stderr, through a bounded queue that drops rather than blocks.

use std::io;
use std::sync::{Mutex, OnceLock, PoisonError};
use tracing_appender::non_blocking::{ErrorCounter, NonBlockingBuilder, WorkerGuard};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::format::FmtSpan;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

/// Lines in the queue; more are dropped and counted. The queue is allocated
/// as a whole (32 bytes a slot), so it is kept small.
const LINES_MAX: usize = 4_096;

/// Transport crates warn about what peers do; that is counted, not logged.
const QUIET: &str = "hyper=error,hyper_util=error,h2=error,tower=error,tonic=error";

struct Logs {
    dropped: ErrorCounter,
    /// Taken by the final flush.
    guard: Mutex<Option<WorkerGuard>>,
}

static LOGS: OnceLock<Logs> = OnceLock::new();

/// Sets the process' log subscriber, unless there is one already (tests set theirs).
pub(super) fn install(service: &'static str, filter: Option<&str>) {
    LOGS.get_or_init(|| {
        let (writer, guard) = NonBlockingBuilder::default()
            .lossy(true)
            .buffered_lines_limit(LINES_MAX)
            .thread_name("logs")
            .finish(io::stderr());
        let dropped = writer.error_counter();
        let json = tracing_subscriber::fmt::layer()
            .json()
            .flatten_event(true)
            .with_current_span(false)
            .with_span_list(false)
            .with_span_events(FmtSpan::NONE)
            .with_writer(writer);
        let taken = tracing_subscriber::registry()
            .with(env_filter(filter))
            .with(json)
            .try_init();
        if taken.is_ok() {
            tracing::info!(service, pid = std::process::id(), "starting");
        }
        Logs {
            dropped,
            guard: Mutex::new(Some(guard)),
        }
    });
}

/// A bad filter must not keep a service from starting: the real parser of the
/// command line doesn't know filters, so it falls back to `info`.
fn env_filter(filter: Option<&str>) -> EnvFilter {
    let wanted = filter.unwrap_or("info");
    EnvFilter::try_new(format!("{QUIET},{wanted}")).unwrap_or_else(|_bad| EnvFilter::new("info"))
}

pub(super) fn collect() {
    if let Some(logs) = LOGS.get() {
        let dropped = u64::try_from(logs.dropped.dropped_lines()).unwrap_or(u64::MAX);
        metrics::counter!("log_lines_dropped_total").absolute(dropped);
    }
}

/// Writes out what is queued, for a second at most. Logging is over then.
pub(crate) fn flush() {
    if let Some(logs) = LOGS.get() {
        drop(
            logs.guard
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .take(),
        );
    }
}
