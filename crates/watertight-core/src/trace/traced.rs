//! A scope's place in a trace, and calls made from there.

use super::recording::Recording;
use super::{ATTRIBUTES_MAX, SpanEvent, SpanKind, SpanRecord, TraceContext, TraceState, Value};
use std::borrow::Cow;
use std::sync::Arc;
use std::time::Instant;

/// A place in a trace: the ids, what other vendors say, and where spans go, if
/// they are recorded. Cloning shares the buffer.
#[derive(Clone, Debug)]
pub struct Traced {
    context: TraceContext,
    state: Option<TraceState>,
    recording: Option<Arc<Recording>>,
}

impl From<TraceContext> for Traced {
    fn from(context: TraceContext) -> Self {
        Self::new(context, None, None)
    }
}

impl Traced {
    pub(super) fn new(
        context: TraceContext,
        state: Option<TraceState>,
        recording: Option<Arc<Recording>>,
    ) -> Self {
        Self {
            context,
            state,
            recording,
        }
    }

    /// A place that isn't recorded.
    #[must_use]
    pub fn unrecorded(context: TraceContext, state: Option<TraceState>) -> Self {
        Self::new(context, state, None)
    }

    /// The ids.
    #[must_use]
    pub fn context(&self) -> TraceContext {
        self.context
    }

    /// What other vendors say about the trace.
    #[must_use]
    pub fn state(&self) -> Option<&TraceState> {
        self.state.as_ref()
    }

    /// Whether spans go anywhere.
    #[must_use]
    pub fn is_recorded(&self) -> bool {
        self.recording.is_some()
    }

    /// The same trace without the buffer: for work that its local root doesn't
    /// wait for.
    #[must_use]
    pub fn outliving(&self) -> Self {
        Self::new(self.context, self.state.clone(), None)
    }

    /// A call that begins now; `None` if nothing is recorded.
    #[must_use]
    pub fn client(&self, name: impl FnOnce() -> Cow<'static, str>) -> Option<ClientSpan> {
        let recording = self.recording.as_ref()?;
        Some(ClientSpan(self.open(recording, SpanKind::Client, name())))
    }

    fn open(&self, recording: &Arc<Recording>, kind: SpanKind, name: Cow<'static, str>) -> Open {
        let record = recording.open(self.context.span_id(), kind, name);
        Open {
            context: self.context.hop(record.id.get()),
            recording: Arc::clone(recording),
            record: Some(record),
        }
    }

    /// A piece of work that begins now, and the place of what is done for it.
    pub(super) fn part(&self, name: &'static str) -> Option<(Self, Open)> {
        let recording = self.recording.as_ref()?;
        let open = self.open(recording, SpanKind::Internal, Cow::Borrowed(name));
        let within = Self {
            context: open.context,
            ..self.clone()
        };
        Some((within, open))
    }

    pub(super) fn event(
        &self,
        name: &'static str,
        attributes: impl FnOnce() -> Vec<(&'static str, Value)>,
    ) {
        if let Some(recording) = &self.recording {
            let mut attributes = attributes();
            let lost = attributes.len().saturating_sub(ATTRIBUTES_MAX);
            attributes.truncate(ATTRIBUTES_MAX);
            // What was asked for may have had room for a thousand.
            attributes.shrink_to_fit();
            recording.push_event(SpanEvent {
                span: self.context.span_id(),
                name,
                at: Instant::now(),
                attributes,
                attributes_lost: u32::try_from(lost).unwrap_or(u32::MAX),
            });
        }
    }

    pub(super) fn recording(&self) -> Option<&Recording> {
        self.recording.as_deref()
    }
}

/// A span under way; it ends when it is dropped.
#[derive(Debug)]
pub(super) struct Open {
    context: TraceContext,
    recording: Arc<Recording>,
    /// `None` only while it is dropped.
    record: Option<SpanRecord>,
}

impl Open {
    pub(super) fn record(&mut self) -> Option<&mut SpanRecord> {
        self.record.as_mut()
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        if let Some(mut record) = self.record.take() {
            record.ended = Instant::now();
            self.recording.push(record);
        }
    }
}

/// A call to somebody else while it is under way; it ends when it is dropped.
#[derive(Debug)]
#[must_use = "the span ends when it is dropped"]
pub struct ClientSpan(Open);

impl ClientSpan {
    /// What the other side is told: its spans are parts of this one.
    #[must_use]
    pub fn context(&self) -> TraceContext {
        self.0.context
    }

    /// Says more about it. Never what a caller sent.
    pub fn set(&mut self, name: &'static str, value: impl Into<Value>) {
        if let Some(record) = self.0.record() {
            record.attributes.push((name, value.into()));
        }
    }

    /// Says that it failed, and why.
    pub fn fail(&mut self, why: &'static str) {
        if let Some(record) = self.0.record() {
            record.error = Some(why);
        }
    }
}
