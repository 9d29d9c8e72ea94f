//! The buffer of one local root: a request, or a job.

use super::ids::nth;
use super::tracer::Held;
use super::{FinishedTrace, SpanEvent, SpanId, SpanKind, SpanRecord, TraceContext, TraceState};
use super::{TraceLimits, Tracer};
use crate::series::{SPANS_DROPPED, TRACES_PROMOTED};
use std::borrow::Cow;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

/// Where the spans of a local root are collected until it ends.
#[derive(Debug)]
pub(crate) struct Recording {
    tracer: Tracer,
    root: TraceContext,
    state: Option<TraceState>,
    started: Instant,
    ids: AtomicU64,
    buffer: Mutex<Buffer>,
}

/// Open → *aged*, when it has collected for as long as it may, → *ended*, with
/// its root; or straight from the one to the other.
#[derive(Debug)]
struct Buffer {
    phase: Phase,
    spans: Vec<SpanRecord>,
    events: Vec<SpanEvent>,
    spans_lost: u32,
    events_lost: u32,
    held: Held,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Open,
    Aged,
    Ended,
}

/// How a local root ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EndedAs {
    /// It failed, and that is the service's fault.
    pub error: bool,
    /// It took longer than it should have.
    pub slow: bool,
}

/// Why a trace is kept that wasn't sampled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Promotion {
    /// Its local root failed.
    Error,
    /// Its local root was slow.
    Slow,
}

impl Promotion {
    /// As metrics and attributes name it: `error`, `slow`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Slow => "slow",
        }
    }
}

impl Recording {
    pub(super) fn new(
        tracer: Tracer,
        root: TraceContext,
        state: Option<TraceState>,
        started: Instant,
        held: Held,
    ) -> Self {
        let buffer = Buffer {
            phase: Phase::Open,
            spans: Vec::new(),
            events: Vec::new(),
            spans_lost: 0,
            events_lost: 0,
            held,
        };
        Self {
            tracer,
            root,
            state,
            started,
            ids: AtomicU64::new(0),
            buffer: Mutex::new(buffer),
        }
    }

    pub(super) fn tracer(&self) -> &Tracer {
        &self.tracer
    }

    /// A span that begins now.
    pub(super) fn open(
        &self,
        parent: SpanId,
        kind: SpanKind,
        name: Cow<'static, str>,
    ) -> SpanRecord {
        let n = self.ids.fetch_add(1, Ordering::Relaxed) + 1;
        let now = Instant::now();
        SpanRecord {
            id: SpanId::new(nth(self.root.span_id().get(), n)),
            parent: Some(parent),
            kind,
            name,
            started: now,
            ended: now,
            error: None,
            attributes: Vec::new(),
            attributes_lost: 0,
        }
    }

    fn lock(&self) -> MutexGuard<'_, Buffer> {
        self.buffer.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes a span that has ended.
    pub(super) fn push(&self, span: SpanRecord) {
        let limits = self.tracer.limits();
        let mut buffer = self.lock();
        let why = if let Some(why) = self.closed(&mut buffer, span.ended) {
            why
        // One place is the root's.
        } else if buffer.spans.len() + 1 >= limits.spans {
            "spans"
        } else if !buffer.held.grow(span.bytes()) {
            "memory"
        } else {
            buffer.spans.push(span);
            return;
        };
        buffer.spans_lost = buffer.spans_lost.saturating_add(1);
        drop(buffer);
        dropped_spans(why, 1);
    }

    /// Notes something that happened.
    pub(super) fn push_event(&self, event: SpanEvent) {
        let limits = self.tracer.limits();
        let mut buffer = self.lock();
        let fits = self.closed(&mut buffer, event.at).is_none()
            && buffer.events.len() < limits.events
            && buffer.held.grow(event.bytes());
        if fits {
            buffer.events.push(event);
        } else {
            buffer.events_lost = buffer.events_lost.saturating_add(1);
        }
    }

    /// Why nothing is noted any more, if so. Looks at the age, and acts on it.
    fn closed(&self, buffer: &mut Buffer, now: Instant) -> Option<&'static str> {
        let age = now.saturating_duration_since(self.started);
        if buffer.phase == Phase::Open && age > self.tracer.limits().age {
            buffer.phase = Phase::Aged;
            let spans = buffer.spans.len();
            let trace = self.take(buffer, None);
            if self.root.is_sampled() && spans > 0 {
                self.tracer.hand_over(trace);
            } else if spans > 0 {
                dropped_spans("age", spans);
            }
        }
        match buffer.phase {
            Phase::Open => None,
            Phase::Aged => Some("age"),
            Phase::Ended => Some("late"),
        }
    }

    /// What has been collected, with the room it takes.
    fn take(&self, buffer: &mut Buffer, promoted: Option<Promotion>) -> FinishedTrace {
        FinishedTrace {
            trace_id: self.root.trace_id(),
            state: self.state.clone(),
            sampled: self.root.is_sampled(),
            promoted,
            spans: std::mem::take(&mut buffer.spans),
            events: std::mem::take(&mut buffer.events),
            spans_lost: std::mem::take(&mut buffer.spans_lost),
            events_lost: std::mem::take(&mut buffer.events_lost),
            held: buffer.held.split(),
        }
    }

    /// The root's own record, to be filled in.
    fn root(&self, parent: Option<SpanId>) -> SpanRecord {
        SpanRecord {
            id: self.root.span_id(),
            parent,
            kind: SpanKind::Internal,
            name: Cow::Borrowed(""),
            started: self.started,
            ended: Instant::now(),
            error: None,
            attributes: Vec::new(),
            attributes_lost: 0,
        }
    }

    /// The root ends; `record` is asked for it only if it is kept.
    fn end(&self, parent: Option<SpanId>, ended: EndedAs, record: impl FnOnce(&mut SpanRecord)) {
        let promoted = match ended {
            _ if self.root.is_sampled() => None,
            EndedAs { error: true, .. } => Some(Promotion::Error),
            EndedAs { slow: true, .. } => Some(Promotion::Slow),
            EndedAs { .. } => {
                self.forget();
                return;
            }
        };
        let mut root = self.root(parent);
        if let Some(why) = promoted {
            if !self.tracer.may_promote(root.ended) {
                self.forget();
                return;
            }
            TRACES_PROMOTED.with([why.as_str()]).increment(1);
        }
        record(&mut root);
        let mut buffer = self.lock();
        buffer.phase = Phase::Ended;
        // The one record that may go beyond the bound: a trace needs its root.
        let _room = buffer.held.grow(root.bytes());
        let mut trace = self.take(&mut buffer, promoted);
        drop(buffer);
        trace.spans.push(root);
        self.tracer.hand_over(trace);
    }

    /// Nothing of it is kept.
    fn forget(&self) {
        let mut buffer = self.lock();
        buffer.phase = Phase::Ended;
        let dropped = self.take(&mut buffer, None);
        drop(buffer);
        drop(dropped);
    }
}

fn dropped_spans(reason: &'static str, spans: usize) {
    let spans = u64::try_from(spans).unwrap_or(u64::MAX);
    SPANS_DROPPED.with([reason]).increment(spans);
}

/// A request or a job while it is under way.
///
/// End it with [`RootSpan::end`]; dropped before, nothing of it is kept.
#[derive(Debug)]
#[must_use = "dropped, it forgets what was recorded"]
pub struct RootSpan {
    recording: Arc<Recording>,
    parent: Option<SpanId>,
    ended: bool,
}

impl RootSpan {
    pub(super) fn new(recording: Arc<Recording>, parent: Option<SpanId>) -> Self {
        Self {
            recording,
            parent,
            ended: false,
        }
    }

    /// When it began.
    #[must_use]
    pub fn started(&self) -> Instant {
        self.recording.started
    }

    /// Whether that is so long ago that it counts as slow.
    #[must_use]
    pub fn is_slow(&self) -> bool {
        self.recording.started.elapsed() >= self.recording.tracer.slow()
    }

    /// Ends it. `record` fills in what is known of it, and is called only if the
    /// trace is kept.
    pub fn end(mut self, ended: EndedAs, record: impl FnOnce(&mut SpanRecord)) {
        self.ended = true;
        self.recording.end(self.parent, ended, record);
    }
}

impl Drop for RootSpan {
    fn drop(&mut self) {
        if !self.ended {
            self.recording.forget();
        }
    }
}

const _: () = {
    // What a request costs that isn't kept: the bound on memory counts on it.
    assert!(size_of::<Recording>() <= 512);
    assert!(size_of::<TraceLimits>() <= 64);
};
