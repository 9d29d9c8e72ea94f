//! The trace context at the edges of a process: headers in, headers out.

use crate::TraceContext;
use http::header::{Entry, HeaderMap, HeaderName, HeaderValue};
use std::fmt::Display;

const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
/// On answers that report an error: what to quote to whoever runs the service.
const TRACE_ID: HeaderName = HeaderName::from_static("x-trace-id");

/// The trace that a request belongs to, with a span of this hop's own: the
/// caller's, or a new one if it brings none, a malformed one or several.
pub(crate) fn of(headers: &HeaderMap) -> TraceContext {
    let mut values = headers.get_all(TRACEPARENT).iter();
    let only = values.next().filter(|_| values.next().is_none());
    let caller = only.and_then(|value| TraceContext::parse(value.as_bytes()));
    let span = rand::random();
    caller.map_or_else(
        || TraceContext::new(rand::random(), span),
        |caller| caller.hop(span),
    )
}

/// Tells the next hop which trace the calling code works for, unless the
/// request says so itself.
pub(crate) fn send(headers: &mut HeaderMap) {
    let Some(trace) = watertight_core::current_trace() else {
        return;
    };
    if let (Entry::Vacant(vacant), Some(value)) = (headers.entry(TRACEPARENT), value(&trace)) {
        vacant.insert(value);
    }
}

/// Puts the trace id on a response.
pub(crate) fn name(headers: &mut HeaderMap, trace: TraceContext) {
    if let Some(value) = value(&trace.trace_id()) {
        headers.insert(TRACE_ID, value);
    }
}

/// Hexadecimal digits and dashes are always a legal value.
fn value(value: &impl Display) -> Option<HeaderValue> {
    HeaderValue::try_from(value.to_string()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Scope;

    const CALLER: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    fn headers(values: &[&str]) -> HeaderMap {
        let values = values.iter();
        values
            .map(|value| (TRACEPARENT, value.parse().unwrap()))
            .collect()
    }

    #[test]
    fn a_caller_keeps_its_trace_and_gets_a_new_span() {
        let trace = of(&headers(&[CALLER]));
        assert_eq!(trace.trace_id().to_string(), &CALLER[3..35]);
        assert_ne!(trace.span_id().to_string(), &CALLER[36..52]);
        assert!(trace.is_sampled());
    }

    #[test]
    fn without_a_valid_caller_each_request_begins_a_trace() {
        for values in [&[][..], &["00-nonsense"], &[CALLER, CALLER]] {
            let (one, other) = (of(&headers(values)), of(&headers(values)));
            assert_ne!(one.trace_id(), other.trace_id(), "{values:?}");
            assert_ne!(one.trace_id().to_string(), &CALLER[3..35]);
        }
    }

    #[test]
    fn the_ambient_trace_is_sent_unless_the_request_has_its_own() {
        let mut sent = HeaderMap::new();
        send(&mut sent);
        assert!(sent.is_empty());
        let scope = Scope::root("test").with_trace(of(&headers(&[CALLER])));
        scope.enter(|| send(&mut sent));
        let value = sent[TRACEPARENT].to_str().unwrap();
        assert_eq!(&value[..35], &CALLER[..35]);
        let mut own = headers(&[CALLER]);
        scope.enter(|| send(&mut own));
        assert_eq!(own[TRACEPARENT], CALLER);
    }
}
