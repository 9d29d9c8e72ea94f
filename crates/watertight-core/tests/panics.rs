//! A panic is reported under the name of its task, counted, and hurts nobody else.

mod common;

use common::{LIVENESS, counted, record, until};
use std::future::pending;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::runtime::Builder;
use watertight_core::{Scope, ShieldError, TaskError, pause};

struct PanicsOnDrop;

impl Drop for PanicsOnDrop {
    fn drop(&mut self) {
        std::panic::resume_unwind(Box::new("boom"));
    }
}

fn panics(name: &str) -> u64 {
    counted(&format!("task_panics_total {name}"))
}

#[tokio::test]
async fn a_destructor_of_what_a_task_had_done_already() {
    record();
    let scope = Scope::root("test");
    let held = PanicsOnDrop;
    // A result is a result, whatever happens to the rest.
    let ends = std::future::poll_fn(move |_| {
        let _within = &held;
        std::task::Poll::Ready(7)
    });
    let task = scope.spawn("ends and drops", ends);
    assert_eq!(task.await, Ok(7));
    assert_eq!(panics("ends and drops"), 1);
    assert_eq!(scope.spawn("fine", async { 1 }).await, Ok(1));
    assert!(scope.close(LIVENESS).await.is_empty());
}

#[tokio::test]
async fn a_destructor_of_what_is_cancelled() {
    record();
    let scope = Scope::root("test");
    let (doomed, other) = (scope.child("doomed"), scope.child("other"));
    let (held, held_on_first) = (PanicsOnDrop, PanicsOnDrop);
    let parked = doomed.spawn("cancelled and drops", async move {
        let _held = held;
        pending::<()>().await;
    });
    let fine = other.spawn("fine", async {
        tokio::task::yield_now().await;
        1
    });
    until("parked", || common::parked(&scope) >= 1).await;
    let unpolled = doomed.spawn("unpolled and drops", async move {
        let _held = held_on_first;
    });
    doomed.cancel();
    assert_eq!(parked.await, Err(TaskError::Cancelled));
    assert_eq!(unpolled.await, Err(TaskError::Cancelled));
    assert_eq!(fine.await, Ok(1));
    assert_eq!(
        (panics("cancelled and drops"), panics("unpolled and drops")),
        (1, 1)
    );
    assert!(scope.close(LIVENESS).await.is_empty());
}

#[test]
fn a_destructor_of_what_goes_with_its_runtime() {
    record();
    let runtime = Builder::new_multi_thread()
        .worker_threads(1)
        .enable_time()
        .build();
    let runtime = runtime.unwrap();
    let scope = Scope::root("test");
    let others = Arc::new(());
    runtime.block_on(async {
        for n in 0..10 {
            let other = Arc::clone(&others);
            let name = if n == 5 { "runtime drops" } else { "other" };
            drop(scope.spawn(name, async move {
                let _held = (n == 5).then(|| PanicsOnDrop);
                let _other = other;
                pending::<()>().await;
            }));
        }
        until("parked", || common::parked(&scope) == 10).await;
    });
    drop(runtime);
    assert_eq!(panics("runtime drops"), 1);
    assert_eq!((scope.tasks(), Arc::strong_count(&others)), (0, 1));
}

#[tokio::test(start_paused = true)]
async fn a_periodic_task_goes_on_after_each_kind_of_panic() {
    record();
    let scope = Scope::root("test");
    let runs = Arc::new(AtomicUsize::new(0));
    let seen = Arc::clone(&runs);
    scope.every("periodic", Duration::from_secs(1), move |_| {
        let run = seen.fetch_add(1, Ordering::SeqCst);
        if run == 0 {
            std::panic::resume_unwind(Box::new("the closure"));
        }
        async move {
            let _held = (run == 1).then(|| PanicsOnDrop);
            if run == 2 {
                std::panic::resume_unwind(Box::new("the future"));
            }
        }
    });
    until("five runs", || runs.load(Ordering::SeqCst) >= 5).await;
    assert_eq!(panics("periodic"), 3);
    assert!(scope.close(LIVENESS).await.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_periodic_task_that_takes_too_long_is_counted() {
    record();
    let scope = Scope::root("test");
    let runs = Arc::new(AtomicUsize::new(0));
    let seen = Arc::clone(&runs);
    scope.every("overruns", Duration::from_secs(1), move |_| {
        let late = seen.fetch_add(1, Ordering::SeqCst).is_multiple_of(2);
        let takes = Duration::from_millis(if late { 1_500 } else { 500 });
        async move { pause(takes).await.unwrap_or_default() }
    });
    until("six runs", || runs.load(Ordering::SeqCst) >= 6).await;
    assert_eq!(counted("task_overruns_total overruns"), 3);
    assert!(scope.close(LIVENESS).await.is_empty());
    let ended = runs.load(Ordering::SeqCst);
    assert_eq!(pause(Duration::from_secs(10)).await, Ok(()));
    assert_eq!(
        runs.load(Ordering::SeqCst),
        ended,
        "it stops with its scope"
    );
}

#[tokio::test]
async fn a_shielded_section() {
    record();
    let scope = Scope::root("test");
    let section = async { std::panic::resume_unwind(Box::new("boom")) };
    let out: Result<(), _> = scope.shield("shielded", LIVENESS, section).await;
    assert_eq!(out, Err(ShieldError::Panicked));
    assert_eq!(panics("shielded"), 1);
}
