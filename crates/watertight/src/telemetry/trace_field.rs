//! The trace id in each line of the log.

use std::fmt;
use tracing::{Event, Subscriber};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

/// Adds `trace_id` to the JSON object that the inner format writes, if the
/// event belongs to a trace.
///
/// Why not a span around each request? It would live in the registry for as
/// long as the request, and cost more than the scope that is there anyway.
#[derive(Debug)]
pub(super) struct WithTrace<F>(pub(super) F);

impl<S, N, F> FormatEvent<S, N> for WithTrace<F>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'w> FormatFields<'w> + 'static,
    F: FormatEvent<S, N>,
{
    fn format_event(
        &self,
        ctx: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let Some(trace) = watertight_core::current_trace() else {
            return self.0.format_event(ctx, writer, event);
        };
        let mut line = String::new();
        self.0.format_event(ctx, Writer::new(&mut line), event)?;
        match line.trim_ascii_end().strip_suffix('}') {
            Some(object) => writeln!(writer, r#"{object},"trace_id":"{}"}}"#, trace.trace_id()),
            None => writer.write_str(&line),
        }
    }
}
