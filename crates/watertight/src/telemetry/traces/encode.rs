//! Spans as OTLP has them.

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{AnyValue, InstrumentationScope, KeyValue, any_value};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::{
    ResourceSpans, ScopeSpans, Span, Status, span, status,
};
use std::time::{Duration, Instant};
use watertight_core::{FinishedTrace, SpanEvent, SpanId, SpanKind, SpanRecord, Value};

/// Bit 0 of a span's flags: its trace was sampled (W3C).
const SAMPLED: u32 = 1;
/// Bits 8 and 9: whether the parent is in another process is known, and it is.
const PARENT_KNOWN: u32 = 0x100;
const PARENT_REMOTE: u32 = 0x200;

/// What the monotonic clock means in time of day: taken for each batch anew, so
/// that spans of a long-lived process still fit those of others.
#[derive(Clone, Copy, Debug)]
pub(super) struct Anchor {
    pub(super) instant: Instant,
    pub(super) since_1970: Duration,
}

impl Anchor {
    fn nanos(&self, at: Instant) -> u64 {
        let wall = match self.instant.checked_duration_since(at) {
            Some(ago) => self.since_1970.saturating_sub(ago),
            None => self.since_1970 + at.duration_since(self.instant),
        };
        u64::try_from(wall.as_nanos()).unwrap_or(u64::MAX)
    }
}

/// A request that carries all of them.
pub(super) fn request(
    resource: &Resource,
    traces: Vec<FinishedTrace>,
    anchor: Anchor,
) -> ExportTraceServiceRequest {
    let spans = traces.into_iter().flat_map(|trace| spans(trace, anchor));
    let scope = InstrumentationScope {
        name: "watertight".to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        ..InstrumentationScope::default()
    };
    let scope_spans = ScopeSpans {
        scope: Some(scope),
        spans: spans.collect(),
        ..ScopeSpans::default()
    };
    ExportTraceServiceRequest {
        resource_spans: vec![ResourceSpans {
            resource: Some(resource.clone()),
            scope_spans: vec![scope_spans],
            ..ResourceSpans::default()
        }],
    }
}

fn spans(trace: FinishedTrace, anchor: Anchor) -> Vec<Span> {
    let id = trace.trace_id.get().to_be_bytes().to_vec();
    let state = trace.state.as_ref().map_or("", |state| state.as_str());
    let sampled = if trace.sampled { SAMPLED } else { 0 };
    // Only a span of which we have the parent has one in this process for sure.
    let ours: Vec<SpanId> = trace.spans.iter().map(|span| span.id).collect();
    let mut spans: Vec<Span> = Vec::with_capacity(trace.spans.len());
    for record in trace.spans {
        let root = ours.last() == Some(&record.id);
        let local = record.parent.is_none_or(|parent| ours.contains(&parent));
        let mut flags = sampled | PARENT_KNOWN;
        if record.kind == SpanKind::Server && !local {
            flags |= PARENT_REMOTE;
        }
        let events = trace.events.iter();
        let events = events
            .filter(|event| event.span == record.id)
            .map(|event| encoded_event(event, anchor))
            .collect();
        let mut span = encoded(record, anchor);
        span.trace_id.clone_from(&id);
        state.clone_into(&mut span.trace_state);
        span.flags = flags;
        span.events = events;
        if root {
            span.dropped_events_count = trace.events_lost;
            if let Some(why) = trace.promoted {
                span.attributes
                    .push(text("sampling.promoted", why.as_str()));
            }
            if trace.spans_lost > 0 {
                let lost = i64::from(trace.spans_lost);
                span.attributes.push(attribute(("spans.lost", lost.into())));
            }
        }
        spans.push(span);
    }
    spans
}

fn encoded(record: SpanRecord, anchor: Anchor) -> Span {
    let kind = match record.kind {
        SpanKind::Internal => span::SpanKind::Internal,
        SpanKind::Server => span::SpanKind::Server,
        SpanKind::Client => span::SpanKind::Client,
    };
    let id = |id: SpanId| id.get().to_be_bytes().to_vec();
    let mut attributes: Vec<KeyValue> = record.attributes.into_iter().map(attribute).collect();
    let grpc = attributes
        .iter()
        .any(|attribute| attribute.key == "rpc.system");
    if let Some((service, method)) = record.name.split_once('/').filter(|_| grpc) {
        attributes.push(text("rpc.service", service));
        attributes.push(text("rpc.method", method));
    }
    Span {
        span_id: id(record.id),
        parent_span_id: record.parent.map(id).unwrap_or_default(),
        name: record.name.into_owned(),
        kind: kind.into(),
        start_time_unix_nano: anchor.nanos(record.started),
        end_time_unix_nano: anchor.nanos(record.ended.max(record.started)),
        attributes,
        status: record.error.map(|why| Status {
            message: why.to_owned(),
            code: status::StatusCode::Error.into(),
        }),
        ..Span::default()
    }
}

fn encoded_event(event: &SpanEvent, anchor: Anchor) -> span::Event {
    span::Event {
        time_unix_nano: anchor.nanos(event.at),
        name: event.name.to_owned(),
        attributes: event.attributes.iter().cloned().map(attribute).collect(),
        dropped_attributes_count: 0,
    }
}

/// An attribute that is a text.
pub(super) fn text(key: &str, value: impl Into<String>) -> KeyValue {
    key_value(key, any_value::Value::StringValue(value.into()))
}

fn attribute((key, value): (&'static str, Value)) -> KeyValue {
    let value = match value {
        Value::Bool(value) => any_value::Value::BoolValue(value),
        Value::Int(value) => any_value::Value::IntValue(value),
        Value::Float(value) => any_value::Value::DoubleValue(value),
        Value::Text(text) => any_value::Value::StringValue(text.into_owned()),
    };
    key_value(key, value)
}

fn key_value(key: &str, value: any_value::Value) -> KeyValue {
    KeyValue {
        key: key.to_owned(),
        value: Some(AnyValue { value: Some(value) }),
        ..KeyValue::default()
    }
}
