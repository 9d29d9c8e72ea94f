//! What several of the tests need.
//!
//! The tests of this crate are `#[tokio::test]`, not `#[watertight::test]`: that one
//! is made of what is tested here (scopes, and the registry it looks for tasks that
//! are left in), and lives in the chassis, which stands above this crate. In a unit
//! test it would even look into the registry of another copy of this crate, the one
//! that the chassis was built with, and find nothing. What has to be gone at the end
//! each test asserts itself.
#![allow(dead_code, reason = "each test binary uses a part")]

use metrics::{Counter, Gauge, Histogram, Key, KeyName, Metadata, Recorder, SharedString, Unit};
use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use watertight_core::{Deadline, Query, Scope, TaskState, census, pause};

/// Nothing here takes that long; what does hangs.
pub(crate) const LIVENESS: Duration = Duration::from_secs(20);

/// Waits until `f` holds. For what gives no sign: that a poll has ended, that
/// something was dropped by somebody else.
pub(crate) async fn until(what: &str, f: impl FnMut() -> bool) {
    let wait = Deadline::after(LIVENESS).run(poll_until(f));
    assert!(wait.await.is_ok(), "never came: {what}");
}

async fn poll_until(mut f: impl FnMut() -> bool) {
    // First at once, then with a pause, in which a stopped clock can go on.
    for _ in 0..100 {
        if f() {
            return;
        }
        tokio::task::yield_now().await;
    }
    while !f() {
        let _without_a_scope = pause(Duration::from_millis(1)).await;
    }
}

/// The same on a plain thread.
pub(crate) fn block_until(what: &str, mut f: impl FnMut() -> bool) {
    let begin = std::time::Instant::now();
    while !f() {
        assert!(begin.elapsed() < LIVENESS, "never came: {what}");
        std::thread::yield_now();
    }
}

/// How many tasks with this root are parked.
pub(crate) fn parked(scope: &Scope) -> usize {
    census(Query::Root(scope.root_id()), 0).states[0]
}

/// The state of the one task of that name, if there is one.
pub(crate) fn state(scope: &Scope, name: &str) -> Option<TaskState> {
    let tasks = census(Query::Root(scope.root_id()), 1_000).oldest;
    let task = tasks.iter().find(|task| task.site.name == name)?;
    Some(task.state)
}

/// Whether a task of that name is found dead.
pub(crate) fn is_dead(name: &str) -> bool {
    let dead = census(Query::Dead, 1_000).oldest;
    dead.iter().any(|task| task.site.name == name)
}

/// For tests that use what the whole process shares.
pub(crate) fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

type Series = Mutex<HashMap<String, Arc<AtomicU64>>>;
static COUNTERS: LazyLock<Series> = LazyLock::new(Mutex::default);
static GAUGES: LazyLock<Series> = LazyLock::new(Mutex::default);

/// The number behind a series: its name and the values of its labels.
fn number_of(series: &Series, key: &Key) -> Arc<AtomicU64> {
    let labels = key.labels().map(|label| label.value());
    let name: Vec<&str> = [key.name()].into_iter().chain(labels).collect();
    let mut series = series.lock().unwrap_or_else(PoisonError::into_inner);
    Arc::clone(series.entry(name.join(" ")).or_default())
}

fn shown(series: &Series, name: &str) -> Option<u64> {
    let series = series.lock().unwrap_or_else(PoisonError::into_inner);
    series
        .get(name)
        .map(|number| number.load(Ordering::Relaxed))
}

struct Recording;

impl Recorder for Recording {
    fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
        Counter::from_arc(number_of(&COUNTERS, key))
    }

    fn register_gauge(&self, key: &Key, _: &Metadata<'_>) -> Gauge {
        Gauge::from_arc(number_of(&GAUGES, key))
    }

    fn register_histogram(&self, _: &Key, _: &Metadata<'_>) -> Histogram {
        Histogram::noop()
    }
}

/// Has metrics recorded from now on; call it first.
pub(crate) fn record() {
    // All but the first call fail, and change nothing.
    let _recorded = metrics::set_global_recorder(Recording);
}

/// What a counter shows: its name and the values of its labels.
pub(crate) fn counted(name: &str) -> u64 {
    shown(&COUNTERS, name).unwrap_or(0)
}

/// The same of a gauge; `None` if nobody has made it.
pub(crate) fn gauged(name: &str) -> Option<f64> {
    shown(&GAUGES, name).map(f64::from_bits)
}
