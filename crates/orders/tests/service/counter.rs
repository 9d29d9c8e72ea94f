//! A recorder of metrics that keeps one counter.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use metrics::{Counter, Gauge, Histogram, Key, KeyName, Metadata, Recorder, SharedString, Unit};

/// Counts what is counted under one name, whatever its labels.
pub(super) struct OneCounter {
    name: &'static str,
    count: Arc<AtomicU64>,
}

impl OneCounter {
    pub(super) fn new(name: &'static str) -> Self {
        Self {
            name,
            count: Arc::default(),
        }
    }

    pub(super) fn get(&self) -> u64 {
        self.count.load(Ordering::Acquire)
    }
}

impl Recorder for OneCounter {
    fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
        if key.name() == self.name {
            Counter::from_arc(Arc::clone(&self.count))
        } else {
            Counter::noop()
        }
    }

    fn register_gauge(&self, _: &Key, _: &Metadata<'_>) -> Gauge {
        Gauge::noop()
    }

    fn register_histogram(&self, _: &Key, _: &Metadata<'_>) -> Histogram {
        Histogram::noop()
    }
}
