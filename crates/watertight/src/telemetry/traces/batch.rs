//! Which traces are sent together.

use std::time::{Duration, Instant};
use watertight_core::FinishedTrace;

/// Spans of a batch; the next trace begins another one. What OpenTelemetry's
/// exporters send by default.
const SPANS_MAX: usize = 512;
/// Bytes of a batch, as they are held. Encoded it is less, and far below the
/// 4 MiB that collectors take.
const BYTES_MAX: usize = 512 * 1024;
/// How long a trace waits for others.
const WAIT_MAX: Duration = Duration::from_secs(1);

/// Traces that are going to be sent together. One may go beyond the bounds by the
/// last trace, which is bounded itself.
#[derive(Debug, Default)]
pub(super) struct Batch {
    traces: Vec<FinishedTrace>,
    spans: usize,
    bytes: usize,
    since: Option<Instant>,
}

impl Batch {
    /// One more.
    pub(super) fn add(&mut self, trace: FinishedTrace, now: Instant) {
        self.spans += trace.spans.len();
        self.bytes += trace.bytes();
        self.since.get_or_insert(now);
        self.traces.push(trace);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.traces.is_empty()
    }

    pub(super) fn len(&self) -> usize {
        self.traces.len()
    }

    /// Whether no more should be added.
    pub(super) fn is_full(&self) -> bool {
        self.spans >= SPANS_MAX || self.bytes >= BYTES_MAX
    }

    /// When it should be sent though it isn't full; `None` while it is empty.
    pub(super) fn due(&self) -> Option<Instant> {
        self.since.map(|since| since + WAIT_MAX)
    }

    /// What has been gathered; the batch begins anew.
    pub(super) fn take(&mut self) -> Vec<FinishedTrace> {
        std::mem::take(self).traces
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use watertight_core::{EndedAs, FinishedTraces, Sampling, Tracer};

    fn traces(n: u64) -> FinishedTraces {
        let all = Sampling {
            ratio: 1.0,
            per_second: u32::MAX,
        };
        let (tracer, finished) = Tracer::new(all, Duration::MAX);
        for n in 1..=n {
            let (_, root) = tracer.receive(None, None, (n.into(), n), Instant::now());
            root.unwrap().end(EndedAs::default(), |_| {});
        }
        finished
    }

    #[test]
    fn a_batch_is_full_by_its_spans_and_due_by_its_first() {
        let mut finished = traces(SPANS_MAX as u64);
        let (mut batch, start) = (Batch::default(), Instant::now());
        assert_eq!((batch.due(), batch.is_empty()), (None, true));
        while let Some(trace) = finished.try_next() {
            assert!(!batch.is_full());
            let now = start + Duration::from_millis(batch.len() as u64);
            batch.add(trace, now);
        }
        assert!(batch.is_full());
        assert_eq!(batch.due(), Some(start + WAIT_MAX));
        assert_eq!(batch.take().len(), SPANS_MAX);
        assert_eq!((batch.due(), batch.is_full()), (None, false));
    }

    #[test]
    fn a_batch_is_full_by_its_bytes() {
        let mut batch = Batch::default();
        let mut finished = traces(1);
        let trace = finished.try_next().unwrap();
        batch.bytes = BYTES_MAX - trace.bytes();
        assert!(!batch.is_full());
        batch.add(trace, Instant::now());
        assert!(batch.is_full());
    }
}
