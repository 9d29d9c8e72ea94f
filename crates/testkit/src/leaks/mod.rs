//! Work that is repeated and must leave nothing behind.

mod growth;
mod meter;

use growth::{BYTES_MIN, REPETITIONS_MIN, steady_growth};
use meter::Meter;
use std::time::Duration;
use tokio::runtime::{Builder, Runtime};
use watertight_core::{LeftBehind, Scope};

/// What tasks have to go after each repetition.
const GRACE: Duration = Duration::from_secs(1);
/// Growth of the process for each repetition from which it is a leak: what threads
/// hold in their caches comes and goes.
const PROCESS_BYTES_MIN: i64 = 4 * 1024;
/// Times that everything that can go on does so between two looks.
const YIELDS: usize = 16;

/// Runs `f` `n` times and fails if tasks are left or memory keeps growing.
///
/// The repetitions run one after the other on a current-thread runtime of their
/// own and under a root scope of their own, so call it from a plain `#[test]`.
/// After each one its tasks have a second to go. The first quarter warms up:
/// what it allocates may stay. The rest is cut into four windows, and memory is
/// said to leak if each of them keeps 8 bytes or more for each repetition.
/// Memory is what jemalloc counts for the *calling thread* (`thread.allocated`
/// less `thread.deallocated`), so tests in parallel don't disturb it.
///
/// # Limits
///
/// It finds a single object of any size per repetition, and one of 64 bytes in
/// every eighth repetition if `n` is 100 or more. It doesn't find what is
/// allocated on other threads (blocking closures, writers of a store), a cache
/// that is still filling up when the last window begins (that *is* reported: let
/// it fill within `n / 4`), growth by doubling of one buffer that falls into a
/// single window, or objects that only a later repetition would keep. Memory that
/// is allocated here and freed on another thread counts as kept.
///
/// # Panics
///
/// If tasks are left, with their names and spawn sites; if memory leaks, with the
/// bytes per repetition; if `n` is less than 16; if jemalloc is not the allocator
/// of the program, for then nothing would be measured; inside a runtime.
///
/// # Examples
///
/// ```
/// # use watertight as _; // links jemalloc
/// testkit::assert_no_leaks(100, async || {
///     drop(String::from("nothing stays"));
/// });
/// ```
#[track_caller]
pub fn assert_no_leaks(n: usize, f: impl AsyncFnMut()) {
    let meter = Meter::of_this_thread();
    let kept = || meter.as_ref().map_or(0, Meter::kept);
    must_count(kept);
    repeat(n, f, kept, BYTES_MIN);
}

/// The same for work that goes over threads, such as that of a store: memory is
/// that of the whole process.
///
/// It must be the only test of its process, in a file of its own: what others
/// keep would count, too.
///
/// # Limits
///
/// It finds 4 KiB and more for each repetition, so let one do a hundred requests
/// or more; for the rest as [`assert_no_leaks`].
///
/// # Panics
///
/// As [`assert_no_leaks`].
#[track_caller]
pub fn assert_no_leaks_alone(n: usize, f: impl AsyncFnMut()) {
    let meter = Meter::of_this_thread();
    must_count(|| meter.as_ref().map_or(0, Meter::kept));
    repeat(n, f, meter::of_the_process, PROCESS_BYTES_MIN);
}

#[track_caller]
fn must_count(kept: impl Fn() -> i64) {
    assert!(
        meter::counts(kept),
        "jemalloc is not the allocator of this program, so nothing can be measured: \
         link `watertight` with its feature `jemalloc`"
    );
}

#[track_caller]
fn repeat(n: usize, mut f: impl AsyncFnMut(), kept: impl Fn() -> i64, bytes_min: i64) {
    assert!(
        n >= REPETITIONS_MIN,
        "{n} repetitions say nothing: at least {REPETITIONS_MIN}"
    );
    let runtime = runtime();
    let scope = Scope::root("assert_no_leaks");
    let mut series = Vec::with_capacity(n + 1);
    series.push(kept());
    for number in 1..=n {
        runtime.block_on(scope.ambient(f()));
        let left = left_behind(&runtime, &scope);
        assert!(left.is_empty(), "repetition {number} is over, but {left}");
        series.push(kept());
    }
    if let Some(bytes) = steady_growth(&series, bytes_min) {
        let last = series[n] - series[0];
        assert!(
            bytes == 0.0,
            "memory leaks: {bytes:.1} bytes for each repetition, {last} after {n} of them"
        );
    }
}

#[expect(clippy::expect_used, reason = "a test can't go on without a runtime")]
fn runtime() -> Runtime {
    Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("runtime of the repetitions")
}

fn left_behind(runtime: &Runtime, scope: &Scope) -> LeftBehind {
    LeftBehind::of(scope.root_id(), GRACE, || {
        runtime.block_on(async {
            for _ in 0..YIELDS {
                tokio::task::yield_now().await;
            }
        });
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[should_panic(expected = "jemalloc is not the allocator of this program")]
    fn a_meter_that_stands_still_is_noticed() {
        must_count(|| 0);
    }

    #[test]
    #[should_panic(expected = "15 repetitions say nothing")]
    fn too_few_repetitions_are_refused() {
        assert_no_leaks(15, async || {});
    }
}
