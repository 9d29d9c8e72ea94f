//! The metrics recorder and its text form.

use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use std::sync::OnceLock;

/// Latency buckets: 100 µs to 60 s, about ×2.2 a step.
const SECONDS: [f64; 18] = [
    0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5,
    5.0, 10.0, 30.0, 60.0,
];
/// Everything else that is distributed: counts and sizes, ×4 a step.
const COUNTS: [f64; 12] = [
    1.0,
    4.0,
    16.0,
    64.0,
    256.0,
    1_024.0,
    4_096.0,
    16_384.0,
    65_536.0,
    262_144.0,
    1_048_576.0,
    4_194_304.0,
];

static HANDLE: OnceLock<Option<PrometheusHandle>> = OnceLock::new();

/// Installs the recorder; where another one is installed already, `/metrics` stays empty.
///
/// To build it calibrates the processor's counter, once for the process: polls,
/// which are timed by the same counter, never wait for that.
pub(super) fn install() {
    HANDLE.get_or_init(|| {
        // Explicit buckets for every histogram: without them the exporter makes
        // summaries, which can't be aggregated.
        let recorder = PrometheusBuilder::new()
            .set_buckets(&COUNTS)
            .and_then(|b| {
                b.set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), &SECONDS)
            })
            .ok()?
            .build_recorder();
        let handle = recorder.handle();
        metrics::set_global_recorder(recorder).ok()?;
        Some(handle)
    });
}

fn handle() -> Option<&'static PrometheusHandle> {
    HANDLE.get().and_then(Option::as_ref)
}

/// The exposition text.
pub(crate) fn render() -> String {
    handle().map(PrometheusHandle::render).unwrap_or_default()
}

/// Drains histograms into their buckets: samples pile up otherwise when
/// nobody scrapes (67 → 702 MiB in metrics#467).
pub(super) fn upkeep() {
    if let Some(handle) = handle() {
        handle.run_upkeep();
    }
}
