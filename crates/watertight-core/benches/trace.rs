//! What it costs to record a request that is not kept in the end, as nearly all are.
//!
//! `cargo bench -p watertight-core --bench trace` prints the median of the differences
//! to a request whose trace is only passed on; both run in turn.
#![expect(clippy::print_stdout, reason = "a bench prints its result")]

use std::borrow::Cow;
use std::hint::black_box;
use std::time::{Duration, Instant};
use watertight_core::{
    Deadline, EndedAs, Sampling, Scope, TraceContext, Traced, Tracer, current_traced,
};

/// Runs of each side, in turn.
const PAIRS: usize = 21;
/// Requests of a run.
const REQUESTS: u32 = 100_000;

fn main() {
    let sampling = Sampling {
        ratio: 0.01,
        per_second: 20,
    };
    let (tracer, mut finished) = Tracer::new(sampling, Duration::from_secs(1));
    let service = Scope::root("bench");
    let deadline = Deadline::after(Duration::from_secs(60));
    let caller = TraceContext::new(7, 7);
    let bare = |_n: u32| {
        let traced = Traced::unrecorded(caller.hop(1), None);
        drop(black_box(service.for_request(deadline, traced)));
    };
    let recorded = |call: bool, n: u32| {
        let started = Instant::now();
        let (traced, root) = tracer.receive(None, None, (u128::from(n), u64::from(n)), started);
        let scope = service.for_request(deadline, traced);
        if call {
            scope.enter(|| {
                let name = || Cow::Owned("shop.orders.v1.OrdersService/PlaceOrder".to_owned());
                let mut span = current_traced().and_then(|traced| traced.client(name));
                if let Some(span) = &mut span {
                    span.set("rpc.system", "grpc");
                    span.set("peer.service", "orders");
                    span.set("rpc.grpc.status_code", 0);
                }
            });
        }
        drop(black_box(scope));
        if let Some(root) = root {
            let slow = root.is_slow();
            root.end(EndedAs { error: false, slow }, |_| {});
        }
    };
    let mut each = |what: &str, f: &dyn Fn(u32)| {
        let mut more: Vec<_> = (0..PAIRS).map(|_| run(f) - run(&bare)).collect();
        more.sort_by(f64::total_cmp);
        println!("{what}: {:.0} ns a request", more[PAIRS / 2]);
        while finished.try_next().is_some() {}
    };
    each("recorded", &|n| recorded(false, n));
    each("recorded, with a call", &|n| recorded(true, n));
}

/// Nanoseconds for one request.
fn run(f: &dyn Fn(u32)) -> f64 {
    let begin = Instant::now();
    (1..=REQUESTS).for_each(f);
    begin.elapsed().as_secs_f64() * 1e9 / f64::from(REQUESTS)
}
