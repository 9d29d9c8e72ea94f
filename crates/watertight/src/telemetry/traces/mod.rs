//! Traces: from what requests and jobs recorded to a collector, over OTLP.
//!
//! The recording itself is `watertight_core`'s: each local root has a buffer, and
//! what is kept of it comes out of a bounded queue. Here it is gathered into
//! batches, encoded and sent, on the ops thread. Why not OpenTelemetry's SDK? Its
//! batch processor queues what isn't sampled, too, its samplers can't keep a root
//! for how it ended, and its flush has deadlocked on small runtimes.
//!
//! A collector that is absent, slow or refuses costs the traces, and nothing else.

mod batch;
mod encode;
mod export;
mod resource;

pub(crate) use export::{Exporter, Exporting, FLUSH_MAX};

use crate::config::{ChassisSettings, Url};
use watertight_core::{FinishedTraces, Sampling, Tracer};

/// How the traces of a service are made.
pub(crate) fn sampling(chassis: &ChassisSettings) -> Sampling {
    Sampling {
        ratio: chassis.trace_ratio.share(),
        per_second: chassis.traces_per_s_max,
    }
}

/// A tracer as set, and who exports what it keeps; nothing without a collector.
pub(crate) fn set_up(
    service: &'static str,
    version: Option<&'static str>,
    chassis: &ChassisSettings,
) -> Option<(Tracer, Exporter)> {
    let url: Url = chassis.otlp.clone()?;
    let made: (Tracer, FinishedTraces) = Tracer::new(sampling(chassis), chassis.trace_slow_after);
    let (tracer, finished) = made;
    let exporter = Exporter::new(
        &url,
        resource::of(service, version),
        tracer.clone(),
        finished,
    );
    Some((tracer, exporter))
}
