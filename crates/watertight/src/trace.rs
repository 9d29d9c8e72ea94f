//! The trace context at the edges of a process: headers in, headers out.

use crate::series::TRACE_CONTEXTS_REFUSED;
use http::header::{Entry, HeaderMap, HeaderName, HeaderValue};
use std::borrow::Cow;
use std::fmt::Display;
use std::time::Instant;
use watertight_core::{
    ClientSpan, RootSpan, TraceContext, TraceState, Traced, Tracer, current_traced,
};

pub(crate) const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
const TRACESTATE: HeaderName = HeaderName::from_static("tracestate");
/// On answers that report an error: what to quote to whoever runs the service.
const TRACE_ID: HeaderName = HeaderName::from_static("x-trace-id");

/// The trace that a request belongs to, with a span of this hop's own: the
/// caller's, or a new one if it brings none, a malformed one or several. With a
/// tracer it is recorded.
///
/// `baggage` is neither read nor passed on: nothing here needs it, and whatever a
/// stranger puts there would go to every service behind.
pub(crate) fn receive(
    (caller, state): Caller,
    tracer: Option<&Tracer>,
    started: Instant,
) -> (Traced, Option<RootSpan>) {
    let span = rand::random();
    // Random bits for a trace are drawn only for those that begin here.
    let trace = caller.map_or_else(rand::random, |_caller| 0);
    match tracer {
        Some(tracer) => tracer.receive(caller, state, (trace, span), started),
        None => {
            let begun = || TraceContext::new(trace, span);
            let here = caller.map_or_else(begun, |caller| caller.hop(span));
            (Traced::unrecorded(here, state), None)
        }
    }
}

/// The trace that a caller works for, as its headers tell.
pub(crate) type Caller = (Option<TraceContext>, Option<TraceState>);

/// What the headers tell of the caller's trace; nothing if they can't be read.
pub(crate) fn caller(headers: &HeaderMap) -> Caller {
    let mut values = headers.get_all(TRACEPARENT).iter();
    let Some(first) = values.next() else {
        return (None, None);
    };
    let only = Some(first).filter(|_| values.next().is_none());
    let Some(caller) = only.and_then(|value| TraceContext::parse(value.as_bytes())) else {
        TRACE_CONTEXTS_REFUSED.get().increment(1);
        return (None, None);
    };
    // Without a valid `traceparent` it means nothing (3.3).
    let states = headers.get_all(TRACESTATE).iter();
    (
        Some(caller),
        TraceState::parse(states.map(HeaderValue::as_bytes)),
    )
}

/// Begins a call to another service: tells it which trace the calling code works
/// for, unless the request says so itself. With a span of its own, if the trace
/// is recorded.
pub(crate) fn call(
    headers: &mut HeaderMap,
    name: impl FnOnce() -> Cow<'static, str>,
) -> Option<ClientSpan> {
    let traced = current_traced()?;
    let Entry::Vacant(vacant) = headers.entry(TRACEPARENT) else {
        return None;
    };
    let span = traced.client(name);
    let context = span.as_ref().map_or(traced.context(), ClientSpan::context);
    vacant.insert(value(&context)?);
    if let Some(state) = traced.state()
        && let Ok(state) = HeaderValue::from_str(state.as_str())
    {
        headers.insert(TRACESTATE, state);
    }
    span
}

/// Puts the trace id on a response.
pub(crate) fn name(headers: &mut HeaderMap, trace: TraceContext) {
    if let Some(value) = value(&trace.trace_id()) {
        headers.insert(TRACE_ID, value);
    }
}

/// Hexadecimal digits and dashes are always a legal value. Each is sent once, so
/// HTTP/2's tables of header fields, which save what comes again, aren't for it.
fn value(value: &impl Display) -> Option<HeaderValue> {
    let mut value = HeaderValue::try_from(value.to_string()).ok()?;
    value.set_sensitive(true);
    Some(value)
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

    fn of(headers: &HeaderMap) -> TraceContext {
        receive(caller(headers), None, Instant::now()).0.context()
    }

    fn send(headers: &mut HeaderMap) {
        assert!(call(headers, || Cow::Borrowed("call")).is_none());
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
        assert!(sent[TRACEPARENT].is_sensitive(), "no table keeps it");
        let mut own = headers(&[CALLER]);
        scope.enter(|| send(&mut own));
        assert_eq!(own[TRACEPARENT], CALLER);
    }

    #[test]
    fn what_other_vendors_say_goes_along_and_baggage_does_not() {
        let mut received = headers(&[CALLER]);
        received.append(TRACESTATE, "a=1".parse().unwrap());
        received.append(TRACESTATE, "b=2".parse().unwrap());
        received.insert("baggage", "user=7".parse().unwrap());
        let (traced, _) = receive(caller(&received), None, Instant::now());
        let mut sent = HeaderMap::new();
        Scope::root("test")
            .with_trace(traced)
            .enter(|| send(&mut sent));
        assert_eq!(sent[TRACESTATE], "a=1,b=2");
        assert_eq!(sent.len(), 2);
        // Without a trace it belongs to nothing.
        received.insert(TRACEPARENT, "00-nonsense".parse().unwrap());
        let (traced, _) = receive(caller(&received), None, Instant::now());
        assert_eq!(traced.state(), None);
    }
}
