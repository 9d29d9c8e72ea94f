//! Spans as OTLP has them.

use crate::telemetry::redact::{self, Extent};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{AnyValue, InstrumentationScope, KeyValue, any_value};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::{
    ResourceSpans, ScopeSpans, Span, Status, span, status,
};
use std::borrow::Cow;
use std::time::{Duration, Instant};
use watertight_core::{
    FinishedTrace, SpanEvent, SpanId, SpanKind, SpanRecord, TEXT_BYTES_MAX, Value,
};

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
        dropped_attributes_count: record.attributes_lost,
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
        dropped_attributes_count: event.attributes_lost,
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
        // What is spelled out in our code is no secret.
        Value::Text(Cow::Borrowed(text)) => any_value::Value::StringValue(text.to_owned()),
        Value::Text(Cow::Owned(text)) => any_value::Value::StringValue(cleaned(key, text)),
    };
    key_value(key, value)
}

/// Attributes are a service author's, who may err: what looks like a secret is
/// taken out, as in logs.
fn cleaned(key: &str, text: String) -> String {
    // Long ones were cut, between characters of up to four bytes.
    let whole = text.len() + 4 <= TEXT_BYTES_MAX;
    let extent = if whole { Extent::Whole } else { Extent::Cut };
    let mut secrets = Vec::new();
    redact::find(key, &text, extent, &mut secrets);
    if secrets.is_empty() {
        return text;
    }
    let (mut clean, mut at) = (String::new(), 0);
    for secret in secrets {
        clean.push_str(&text[at..secret.start]);
        clean.push_str(secret.kind.instead());
        redact::count(secret.kind);
        at = secret.end;
    }
    clean.push_str(&text[at..]);
    clean
}

fn key_value(key: &str, value: any_value::Value) -> KeyValue {
    KeyValue {
        key: key.to_owned(),
        value: Some(AnyValue { value: Some(value) }),
        ..KeyValue::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use watertight_core::{EndedAs, Sampling, Tracer};

    #[test]
    fn what_looks_like_a_secret_is_not_sent() {
        let all = Sampling {
            ratio: 1.0,
            per_second: 1,
        };
        let (tracer, mut finished) = Tracer::new(all, Duration::MAX);
        let (_, root) = tracer.receive(None, None, (1, 1), Instant::now());
        let order = "01987654-3210-7abc-8def-0123456789ab";
        root.unwrap().end(EndedAs::default(), |record| {
            let texts = [
                ("password", "canary-hunter2"),
                ("note", "card 4242 4242 4242 4242 canary"),
                ("order.id", order),
            ];
            for (name, text) in texts {
                record.attributes.push((name, Value::shown(text)));
            }
        });
        let anchor = Anchor {
            instant: Instant::now(),
            since_1970: Duration::ZERO,
        };
        let traces = vec![finished.try_next().unwrap()];
        let sent = format!("{:?}", request(&Resource::default(), traces, anchor));
        for secret in ["hunter2", "4242 4242"] {
            assert!(!sent.contains(secret), "{sent}");
        }
        assert!(
            sent.contains("[redacted:card]") && sent.contains(order),
            "{sent}"
        );
    }
}
