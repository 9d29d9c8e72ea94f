//! What is recorded, what is kept of it, and what bounds it.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "helpers of tests may fail the test"
)]

use std::time::{Duration, Instant};
use watertight_core::{
    EndedAs, FinishedTrace, FinishedTraces, Promotion, RootSpan, Sampling, Scope, SpanRecord,
    TraceContext, TraceLimits, Traced, Tracer, Value,
};

const NOTHING: Sampling = Sampling {
    ratio: 0.0,
    per_second: 1_000,
};
const ALL: Sampling = Sampling {
    ratio: 1.0,
    per_second: 1_000_000,
};
const SLOW: Duration = Duration::from_secs(3_600);
const ERROR: EndedAs = EndedAs {
    error: true,
    slow: false,
};
const WELL: EndedAs = EndedAs {
    error: false,
    slow: false,
};

fn tracer(sampling: Sampling, limits: TraceLimits) -> (Tracer, FinishedTraces) {
    Tracer::with_limits(sampling, SLOW, limits)
}

fn request(tracer: &Tracer, number: u64) -> (Scope, RootSpan) {
    let (scope, root) = received(tracer, None, number);
    (scope, root.unwrap())
}

fn received(
    tracer: &Tracer,
    caller: Option<TraceContext>,
    number: u64,
) -> (Scope, Option<RootSpan>) {
    let random = (u128::from(number), number);
    let (traced, root) = tracer.receive(caller, None, random, Instant::now());
    let service = Scope::root("test");
    service.set_tracer(tracer.clone());
    (service.with_trace(traced), root)
}

fn names(trace: &FinishedTrace) -> Vec<&str> {
    trace.spans.iter().map(|span| &*span.name).collect()
}

fn span<'a>(trace: &'a FinishedTrace, name: &str) -> &'a SpanRecord {
    trace.spans.iter().find(|span| span.name == name).unwrap()
}

#[test]
fn a_sampled_request_brings_its_spans_with_their_edges() {
    let (tracer, mut kept) = tracer(ALL, TraceLimits::default());
    let caller = TraceContext::new(0xabc, 0xdef).with_sampled(true);
    let (scope, root) = received(&tracer, Some(caller), 7);
    scope.event("begun", || vec![("by", "test".into())]);
    let mut reserve = scope.span("reserve");
    reserve.set("order", 7_i64);
    let traced = reserve.scope().traced().unwrap();
    let mut call = traced.client(|| "inventory/Reserve".into()).unwrap();
    call.fail("UNAVAILABLE");
    let sent = call.context();
    assert_eq!(
        (sent.trace_id(), sent.is_sampled()),
        (caller.trace_id(), true)
    );
    drop(call);
    drop(reserve);
    root.unwrap()
        .end(WELL, |record| record.name = "GET /".into());

    let trace = kept.try_next().unwrap();
    assert_eq!(trace.trace_id, caller.trace_id());
    assert_eq!(names(&trace), ["inventory/Reserve", "reserve", "GET /"]);
    let [call, reserve, root] = trace.spans.as_slice() else {
        panic!("three spans");
    };
    assert_eq!(root.parent, Some(caller.span_id()));
    assert_eq!(reserve.parent, Some(root.id));
    assert_eq!((call.parent, call.id), (Some(reserve.id), sent.span_id()));
    assert_eq!(call.error, Some("UNAVAILABLE"));
    assert_eq!(reserve.attributes, [("order", Value::Int(7))]);
    assert_eq!(trace.events[0].span, root.id);
    assert_eq!((trace.promoted, trace.sampled), (None, true));
    assert!(tracer.held_bytes() > 0);
    drop(trace);
    assert_eq!(tracer.held_bytes(), 0);
}

#[test]
fn the_callers_flag_counts_and_then_the_ratio() {
    let caller = TraceContext::new(1, 2);
    for (sampling, caller, sampled) in [
        (ALL, Some(caller), false),
        (NOTHING, Some(caller.with_sampled(true)), true),
        (ALL, None, true),
        (NOTHING, None, false),
    ] {
        let (tracer, mut kept) = tracer(sampling, TraceLimits::default());
        let (scope, root) = received(&tracer, caller, 3);
        assert_eq!(scope.trace().unwrap().is_sampled(), sampled);
        root.unwrap().end(WELL, |_| {});
        assert_eq!(kept.try_next().is_some(), sampled);
        assert_eq!((tracer.held_bytes(), kept.len()), (0, 0));
    }
}

#[test]
fn a_root_that_fails_or_is_slow_is_kept_with_all_it_did() {
    let slow = EndedAs {
        error: false,
        slow: true,
    };
    for (ended, why) in [(ERROR, Promotion::Error), (slow, Promotion::Slow)] {
        let (tracer, mut kept) = tracer(NOTHING, TraceLimits::default());
        let (scope, root) = request(&tracer, 9);
        drop(scope.span("part"));
        root.end(ended, |record| record.name = "root".into());
        let trace = kept.try_next().unwrap();
        assert_eq!(names(&trace), ["part", "root"]);
        assert_eq!((trace.promoted, trace.sampled), (Some(why), false));
    }
    let (tracer, _kept) = Tracer::new(NOTHING, Duration::ZERO);
    assert!(request(&tracer, 1).1.is_slow());
}

#[test]
fn a_root_that_is_dropped_keeps_nothing() {
    let (tracer, mut kept) = tracer(ALL, TraceLimits::default());
    let (scope, root) = request(&tracer, 9);
    let open = scope.span("part");
    drop(root);
    // What ends after its root is lost.
    drop(open);
    assert!(kept.try_next().is_none());
    assert_eq!(tracer.held_bytes(), 0);
}

#[test]
fn spans_and_events_are_bounded_and_the_root_has_its_place() {
    let limits = TraceLimits {
        spans: 4,
        events: 2,
        ..TraceLimits::default()
    };
    let (tracer, mut kept) = tracer(ALL, limits);
    let (scope, root) = request(&tracer, 1);
    for _ in 0..10 {
        drop(scope.span("part"));
        scope.event("event", Vec::new);
    }
    root.end(WELL, |record| record.name = "root".into());
    let trace = kept.try_next().unwrap();
    assert_eq!(names(&trace), ["part", "part", "part", "root"]);
    assert_eq!((trace.spans_lost, trace.events_lost), (7, 8));
    assert_eq!(trace.events.len(), 2);
}

#[test]
fn attributes_are_bounded_and_the_rest_is_counted() {
    let (tracer, mut kept) = tracer(ALL, TraceLimits::default());
    let (scope, root) = request(&tracer, 1);
    let mut part = scope.span("part");
    (0..40).for_each(|n| part.set("n", n));
    drop(part);
    scope.event("event", || (0..40).map(|n| ("n", n.into())).collect());
    root.end(WELL, |record| record.name = "root".into());
    let mut job = scope.job("job");
    (0..40).for_each(|n| job.set("n", n));
    drop(job);
    let trace = kept.try_next().unwrap();
    let of = |name| {
        let span = span(&trace, name);
        (span.attributes.len(), span.attributes_lost)
    };
    assert_eq!((of("part"), of("root")), ((32, 8), (0, 0)));
    let event = &trace.events[0];
    assert_eq!((event.attributes.len(), event.attributes_lost), (32, 8));
    let trace = kept.try_next().unwrap();
    let job = span(&trace, "job");
    assert_eq!((job.attributes.len(), job.attributes_lost), (32, 8));
}

#[test]
fn all_together_are_bounded_by_their_bytes() {
    let limits = TraceLimits {
        bytes: 8_000,
        queued_bytes: 4_000,
        ..TraceLimits::default()
    };
    let (tracer, mut kept) = tracer(ALL, limits);
    let under_way: Vec<_> = (1..100).map(|n| received(&tracer, None, n)).collect();
    let recorded = under_way.iter().filter(|(_, root)| root.is_some()).count();
    assert!((8..80).contains(&recorded), "{recorded}");
    for (scope, root) in under_way {
        // Not recorded, and still a trace for whoever comes next.
        let traced = scope.traced().unwrap();
        assert_eq!(traced.is_recorded(), root.is_some());
        assert!(traced.context().is_sampled());
        if let Some(root) = root {
            root.end(WELL, |_| {});
        }
        assert!(tracer.held_bytes() <= 8_000 + size_of::<SpanRecord>());
    }
    // A queue that nobody empties leaves room for what is under way.
    assert!(tracer.held_bytes() <= 4_000 + size_of::<SpanRecord>());
    assert!(received(&tracer, None, 500).1.is_some());
    assert!(!kept.is_empty());
    while kept.try_next().is_some() {}
    assert_eq!(tracer.held_bytes(), 0);
}

#[test]
fn the_queue_is_bounded() {
    let limits = TraceLimits {
        queued: 3,
        ..TraceLimits::default()
    };
    let (tracer, mut kept) = tracer(ALL, limits);
    for n in 1..10 {
        request(&tracer, n).1.end(WELL, |_| {});
    }
    assert_eq!((kept.len(), tracer.queued()), (3, 3));
    while kept.try_next().is_some() {}
    assert_eq!(tracer.held_bytes(), 0);
    drop(kept);
    request(&tracer, 11).1.end(WELL, |_| {});
    assert_eq!(tracer.held_bytes(), 0);
}

#[test]
fn when_everything_fails_some_of_it_is_kept() {
    let limits = TraceLimits {
        promoted_per_s: 5,
        ..TraceLimits::default()
    };
    let (tracer, kept) = tracer(NOTHING, limits);
    let start = Instant::now();
    for n in 1..50 {
        request(&tracer, n).1.end(ERROR, |_| {});
    }
    let seconds = usize::try_from(start.elapsed().as_secs()).unwrap() + 1;
    assert!((5..=5 * seconds).contains(&kept.len()), "{}", kept.len());
}

#[test]
fn a_root_that_goes_on_hands_on_what_it_has() {
    let limits = TraceLimits {
        age: Duration::from_millis(300),
        ..TraceLimits::default()
    };
    for (sampling, early) in [(ALL, 1), (NOTHING, 0)] {
        let (tracer, mut kept) = tracer(sampling, limits);
        let (scope, root) = request(&tracer, 1);
        drop(scope.span("early"));
        assert!(kept.is_empty());
        while root.started().elapsed() <= limits.age {
            std::hint::spin_loop();
        }
        drop(scope.span("late"));
        drop(scope.span("later"));
        assert_eq!(kept.len(), early);
        if let Some(trace) = kept.try_next() {
            assert_eq!(names(&trace), ["early"]);
        }
        assert_eq!(tracer.held_bytes(), 0);
        root.end(ERROR, |record| record.name = "root".into());
        let trace = kept.try_next().unwrap();
        assert_eq!((names(&trace), trace.spans_lost), (vec!["root"], 2));
    }
}

#[test]
fn a_job_is_a_root_of_its_own_in_its_callers_trace() {
    let (tracer, mut kept) = tracer(ALL, TraceLimits::default());
    let (request, root) = request(&tracer, 5);
    let service = Scope::root("service");
    service.set_tracer(tracer.clone());
    let jobs = service.child("jobs");
    let mut job = request.enter(|| jobs.job("saga"));
    root.end(WELL, |record| record.name = "request".into());
    let first = kept.try_next().unwrap();
    drop(job.scope().span("step"));
    job.fail("no stock");
    job.set("order", "7");
    drop(job);
    let second = kept.try_next().unwrap();
    assert_eq!(first.trace_id, second.trace_id);
    let saga = span(&second, "saga");
    assert_eq!(saga.parent, Some(span(&first, "request").id));
    assert_eq!(span(&second, "step").parent, Some(saga.id));
    assert_eq!(saga.error, Some("no stock"));

    // After a restart only the ids are left.
    let origin = TraceContext::new(0x77, 0x99).with_sampled(true);
    drop(jobs.job_in("saga", Some(origin)));
    let resumed = kept.try_next().unwrap();
    assert_eq!(resumed.trace_id, origin.trace_id());
    assert_eq!(resumed.spans[0].parent, Some(origin.span_id()));
    // And without any it begins a trace.
    drop(jobs.job("sweep"));
    let fresh = kept.try_next().unwrap();
    assert_eq!(fresh.spans[0].parent, None);
    assert_ne!(fresh.trace_id, origin.trace_id());
}

#[test]
fn without_a_tracer_spans_are_nothing_but_scopes() {
    let caller = TraceContext::new(1, 2).with_sampled(true);
    let service = Scope::root("test");
    let request = service.with_trace(Traced::unrecorded(caller, None));
    let asked = || panic!("asked for though nothing is recorded");
    request.event("event", asked);
    let span = request.span("part");
    assert_eq!(span.scope().trace(), Some(caller));
    assert!(request.traced().unwrap().client(asked_name).is_none());
    let job = request.enter(|| service.job("saga"));
    assert_eq!(job.scope().trace(), Some(caller));
    assert_eq!(service.job("sweep").scope().trace(), None);
}

fn asked_name() -> std::borrow::Cow<'static, str> {
    panic!("asked for though nothing is recorded");
}
