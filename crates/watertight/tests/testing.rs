//! `#[watertight::test]`: what it lets pass and what it doesn't.

#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests fail the test they serve"
)]

use std::future::pending;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;
use std::sync::mpsc::sync_channel;
use std::time::Duration;
use tokio::time::Instant;
use watertight::testing::{Builder, run};
use watertight::{Scope, current};

/// What a test with this body says when it fails.
fn complaint<F: Future<Output = ()>>(builder: Builder, body: impl FnOnce() -> F) -> Option<String> {
    let outcome = catch_unwind(AssertUnwindSafe(|| run(builder, "inner", body)));
    let said = |payload: Box<dyn std::any::Any + Send>| *payload.downcast::<String>().unwrap();
    outcome.err().map(said)
}

fn scope() -> Scope {
    current().unwrap()
}

#[test]
fn a_task_that_is_left_is_named() {
    let said = complaint(Builder::new_current_thread(), async || {
        drop(scope().spawn("forgotten", pending::<()>()));
        tokio::task::yield_now().await;
    });
    let said = said.unwrap();
    for part in [
        "1 task left",
        "forgotten (",
        "testing.rs:",
        " s old",
        "Parked",
        "\"inner\"",
    ] {
        assert!(said.contains(part), "{part}: {said}");
    }
}

#[test]
fn so_is_one_of_a_root_that_the_test_makes_itself() {
    let said = complaint(Builder::new_multi_thread(), async || {
        let service = Scope::root("service").child("job");
        service.every("tick", Duration::from_secs(3600), |_| async {});
    });
    assert!(said.unwrap().contains("tick ("));
}

#[test]
fn so_is_a_closure_that_blocks() {
    let (release, held) = sync_channel::<()>(0);
    let said = complaint(Builder::new_current_thread(), async || {
        drop(scope().spawn_blocking("blocks", move |_| held.recv().is_err()));
    });
    drop(release);
    assert!(said.unwrap().contains("blocks ("));
}

#[test]
fn a_paused_clock_does_not_run_ahead_to_the_end_of_a_task() {
    let mut builder = Builder::new_current_thread();
    builder.start_paused(true);
    let said = complaint(builder, async || {
        let scope = scope();
        let long = scope.clone();
        drop(scope.spawn(
            "long",
            async move { long.pause(Duration::from_secs(9)).await },
        ));
    });
    assert!(said.unwrap().contains("long ("));
}

#[test]
fn panics_and_errors_of_the_body_come_first() {
    let said = complaint(Builder::new_current_thread(), async || {
        drop(scope().spawn("forgotten", pending::<()>()));
        let reason = "of the body".to_owned();
        std::panic::panic_any(reason);
    });
    assert_eq!(said.unwrap(), "of the body");
    let code = run(Builder::new_current_thread(), "inner", async || {
        drop(scope().spawn("forgotten", pending::<()>()));
        Err::<(), _>("of the body")
    });
    assert_eq!(code, ExitCode::FAILURE);
}

#[test]
fn tasks_of_another_test_do_not_count() {
    let (begun, other_runs) = sync_channel::<()>(0);
    let (release, over) = tokio::sync::oneshot::channel::<()>();
    std::thread::scope(|threads| {
        let other = threads.spawn(|| {
            complaint(Builder::new_current_thread(), async || {
                let task = scope().spawn("of another test", over);
                begun.send(()).unwrap();
                drop(task.await);
            })
        });
        other_runs.recv().unwrap();
        assert_eq!(complaint(Builder::new_current_thread(), async || {}), None);
        drop(release);
        assert_eq!(other.join().unwrap(), None);
    });
}

/// Cancelled when the body ends: it takes one more poll to go.
#[watertight::test]
async fn what_was_cancelled_may_still_go() {
    let job = scope().child("job");
    drop(job.spawn("cancelled", pending::<()>()));
    tokio::task::yield_now().await;
    job.cancel();
}

#[watertight::test]
async fn what_is_about_to_end_may_still_go() -> Result<(), watertight::TaskError> {
    let (told, heard) = tokio::sync::oneshot::channel::<()>();
    drop(scope().spawn("ends", async move { drop(told) }));
    drop(heard.await);
    scope().spawn("gives", async {}).await
}

#[watertight::test(flavor = "multi_thread", worker_threads = 2)]
async fn tasks_of_a_multi_thread_test_run_elsewhere() {
    let workers = scope().spawn("elsewhere", async { std::thread::current().id() });
    assert_ne!(workers.await.unwrap(), std::thread::current().id());
    assert!(
        current()
            .unwrap()
            .name()
            .ends_with("tasks_of_a_multi_thread_test_run_elsewhere")
    );
}

#[watertight::test(start_paused = true)]
async fn a_paused_clock_jumps() {
    let begin = Instant::now();
    scope().pause(Duration::from_secs(3600)).await.unwrap();
    assert!(begin.elapsed() >= Duration::from_secs(3600));
}

#[watertight::test]
#[should_panic(expected = "one task too many")]
async fn other_attributes_stay() {
    panic!("one task too many");
}
