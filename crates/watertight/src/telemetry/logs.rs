//! JSON logs on stderr, through a bounded queue that drops rather than blocks.

use super::trace_field::WithTrace;
use std::io;
use std::sync::{Mutex, OnceLock, PoisonError};
use tracing::Subscriber;
use tracing_appender::non_blocking::{ErrorCounter, NonBlockingBuilder, WorkerGuard};
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::fmt::format::FmtSpan;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer, Registry, reload};

/// Lines in the queue; more are dropped and counted. The queue is allocated
/// as a whole (32 bytes a slot), so it is kept small.
const LINES_MAX: usize = 4_096;

/// Transport crates warn about what peers do; that is counted, not logged.
const QUIET: &str = "hyper=error,hyper_util=error,h2=error,tower=error,tonic=error";

struct Logs {
    dropped: ErrorCounter,
    filter: reload::Handle<EnvFilter, Registry>,
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
        let (layer, filter) = reload::Layer::new(env_filter(filter));
        let taken = tracing_subscriber::registry()
            .with(layer)
            .with(json(writer))
            .try_init();
        if taken.is_ok() {
            tracing::info!(service, pid = std::process::id(), "starting");
        }
        Logs {
            dropped,
            filter,
            guard: Mutex::new(Some(guard)),
        }
    });
}

/// Events as JSON, one a line, with the trace they belong to.
fn json<S, W>(writer: W) -> impl Layer<S>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    tracing_subscriber::fmt::layer()
        .json()
        .flatten_event(true)
        .with_current_span(false)
        .with_span_list(false)
        .with_span_events(FmtSpan::NONE)
        .with_writer(writer)
        .map_event_format(WithTrace)
}

/// A bad filter must not keep a service from starting: the real parser of the
/// command line doesn't know filters, so it falls back to `info`.
fn env_filter(filter: Option<&str>) -> EnvFilter {
    let wanted = filter.unwrap_or("info");
    EnvFilter::try_new(format!("{QUIET},{wanted}")).unwrap_or_else(|_bad| EnvFilter::new("info"))
}

/// Changes which lines are written.
pub(crate) fn set_filter(filter: &str) {
    if let Some(logs) = LOGS.get() {
        // Gone means that somebody else's subscriber was there first.
        let _gone = logs.filter.reload(env_filter(Some(filter)));
    }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Scope, TraceContext};
    use std::sync::Arc;

    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn lines_name_the_trace_they_belong_to() {
        let lines = Lines::default();
        let writer = lines.clone();
        let subscriber = tracing_subscriber::registry().with(json(move || writer.clone()));
        let trace = TraceContext::new(0xbeef, 1);
        let scope = Scope::root("test").with_trace(trace);
        tracing::subscriber::with_default(subscriber, || {
            tracing::info!("outside");
            scope.enter(|| tracing::info!(order = 7, "brace }}"));
        });
        let bytes = lines.0.lock().unwrap().clone();
        let lines = String::from_utf8(bytes).unwrap();
        let lines: Vec<serde_json::Value> = lines
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        assert_eq!(lines.len(), 2);
        assert_eq!(lines[0].get("trace_id"), None);
        assert_eq!(lines[1]["trace_id"], trace.trace_id().to_string());
        assert_eq!(lines[1]["message"], "brace }");
        assert_eq!(lines[1]["order"], 7);
    }
}
