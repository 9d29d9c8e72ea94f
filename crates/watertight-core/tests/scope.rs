//! What a scope promises about the tasks it owns.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;
use tokio::sync::{Notify, oneshot};
use watertight_core::{Deadline, Label, Query, Scope, TaskError, current};

const LIVENESS: Duration = Duration::from_secs(60);

/// Says when the future that owns it has been dropped.
struct OnDrop(Arc<Notify>);

impl Drop for OnDrop {
    fn drop(&mut self) {
        self.0.notify_one();
    }
}

fn guard() -> (OnDrop, Arc<Notify>) {
    let dropped = Arc::new(Notify::new());
    (OnDrop(Arc::clone(&dropped)), dropped)
}

#[tokio::test]
async fn a_task_gives_its_result_and_leaves_the_books() {
    let root = Scope::root("root");
    let child = root.child("child");
    assert_eq!(child.spawn("seven", async { 7 }).await, Ok(7));
    assert!(root.close(LIVENESS).await.is_empty());
    assert_eq!((root.tasks(), child.tasks()), (0, 0));
}

#[tokio::test]
async fn cancelling_a_scope_drops_the_tasks_of_its_children() {
    let root = Scope::root("root");
    let child = root.child("child").with_deadline(Deadline::after(LIVENESS));
    let (held, dropped) = guard();
    let task = child.spawn("waits", async move {
        let _held = held;
        std::future::pending::<()>().await;
    });
    assert_eq!((root.tasks(), child.tasks()), (1, 1));
    root.cancel();
    assert_eq!(task.await, Err(TaskError::Cancelled));
    testkit::within(LIVENESS, dropped.notified()).await;
    assert!(root.close(Duration::ZERO).await.is_empty());
}

#[tokio::test]
async fn cancelling_a_child_leaves_its_parent_alone() {
    let root = Scope::root("root");
    let child = root.child("child");
    child.cancel();
    assert!(child.is_cancelled() && !root.is_cancelled());
    assert_eq!(
        child.spawn("late", async {}).await,
        Err(TaskError::Cancelled)
    );
    assert_eq!(root.spawn("fine", async { 1 }).await, Ok(1));
}

#[tokio::test]
async fn dropping_the_handle_neither_ends_nor_detaches_the_task() {
    let root = Scope::root("root");
    let (go, gone) = oneshot::channel::<()>();
    let (held, dropped) = guard();
    drop(root.spawn("kept", async move {
        let _held = held;
        gone.await
    }));
    assert_eq!(root.tasks(), 1);
    go.send(()).unwrap();
    testkit::within(LIVENESS, dropped.notified()).await;
    assert!(root.close(LIVENESS).await.is_empty());
}

#[tokio::test]
async fn closing_waits_for_what_runs_and_refuses_what_is_new() {
    let root = Scope::root("root");
    let (go, wait) = oneshot::channel::<()>();
    let finished = Arc::new(AtomicBool::new(false));
    let seen = Arc::clone(&finished);
    drop(root.child("child").spawn("works", async move {
        wait.await.unwrap();
        seen.store(true, Ordering::SeqCst);
    }));
    let close = root.close(LIVENESS);
    let work = async {
        while !root.is_closed() {
            tokio::task::yield_now().await;
        }
        let late = root.child("late").spawn("late", async {});
        assert!(late.is_finished());
        assert_eq!(late.await, Err(TaskError::Cancelled));
        go.send(()).unwrap();
    };
    let (stragglers, ()) = watertight_core::join(close, work).await;
    assert!(stragglers.is_empty());
    assert!(
        finished.load(Ordering::SeqCst),
        "close cut off a task that had time"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn closing_names_the_task_that_never_yields() {
    let root = Scope::root("root");
    let release = Arc::new(AtomicBool::new(false));
    let seen = Arc::clone(&release);
    let (started, running) = oneshot::channel();
    drop(root.child("job").spawn("stuck", async move {
        started.send(()).unwrap();
        while !seen.load(Ordering::SeqCst) {
            std::thread::yield_now();
        }
    }));
    running.await.unwrap();
    let stragglers = root.close(Duration::ZERO).await;
    release.store(true, Ordering::SeqCst);
    assert_eq!(
        stragglers
            .iter()
            .map(|task| task.name())
            .collect::<Vec<_>>(),
        ["stuck"]
    );
    assert!(
        stragglers.to_string().starts_with("stuck ("),
        "{stragglers}"
    );
}

#[tokio::test]
async fn a_panic_ends_its_task_alone() {
    let root = Scope::root("root");
    let panics = root.spawn("doomed", async {
        std::panic::resume_unwind(Box::new("boom"))
    });
    let outcome: Result<(), _> = panics.await;
    assert_eq!(outcome, Err(TaskError::Panicked));
    assert_eq!(root.spawn("fine", async { 1 }).await, Ok(1));
    assert!(root.close(LIVENESS).await.is_empty());
}

#[tokio::test]
async fn tasks_run_with_their_scope_as_the_ambient_one() {
    let root = Scope::root("root");
    let deadline = Deadline::after(LIVENESS);
    let child = root.child("child").with_deadline(deadline);
    let seen = child.spawn("looks", async {
        tokio::task::yield_now().await;
        current().map(|scope| (scope.name(), scope.deadline()))
    });
    assert_eq!(seen.await, Ok(Some(("child", Some(deadline)))));
    assert!(current().is_none());
}

#[tokio::test]
async fn a_child_never_outlives_its_parents_deadline() {
    let near = Deadline::after(Duration::from_secs(1));
    let parent = Scope::root("root").with_deadline(near);
    assert_eq!(
        parent.with_deadline(Deadline::after(LIVENESS)).deadline(),
        Some(near)
    );
    assert_eq!(parent.child("child").deadline(), Some(near));
}

#[tokio::test(start_paused = true)]
async fn periodic_runs_never_overlap_and_survive_a_panic() {
    let root = Scope::root("root");
    let (running, overlaps, runs) = (
        Arc::new(AtomicUsize::new(0)),
        Arc::new(AtomicUsize::new(0)),
        Arc::new(AtomicUsize::new(0)),
    );
    let (r, o, n) = (
        Arc::clone(&running),
        Arc::clone(&overlaps),
        Arc::clone(&runs),
    );
    root.every("sweep", Duration::from_millis(10), move |_scope| {
        let (r, o, n) = (Arc::clone(&r), Arc::clone(&o), Arc::clone(&n));
        async move {
            if r.fetch_add(1, Ordering::SeqCst) > 0 {
                o.fetch_add(1, Ordering::SeqCst);
            }
            // Three periods long: a ticker would start the next run meanwhile.
            testkit::let_pass(Duration::from_millis(30), "a run that takes its time").await;
            r.fetch_sub(1, Ordering::SeqCst);
            if n.fetch_add(1, Ordering::SeqCst) == 1 {
                std::panic::resume_unwind(Box::new("boom"));
            }
        }
    });
    testkit::let_pass(Duration::from_secs(1), "by a paused clock").await;
    assert!(runs.load(Ordering::SeqCst) > 10);
    assert_eq!(overlaps.load(Ordering::SeqCst), 0);
    assert!(root.close(LIVENESS).await.is_empty());
    let ended = runs.load(Ordering::SeqCst);
    testkit::let_pass(Duration::from_secs(1), "by a paused clock").await;
    assert_eq!(
        (runs.load(Ordering::SeqCst), running.load(Ordering::SeqCst)),
        (ended, 0)
    );
}

#[tokio::test(start_paused = true)]
async fn closing_waits_for_a_run_but_not_for_the_next() {
    let root = Scope::root("root");
    let finished = Arc::new(AtomicUsize::new(0));
    let seen = Arc::clone(&finished);
    root.every("sweep", Duration::from_secs(3600), move |_scope| {
        let seen = Arc::clone(&seen);
        async move {
            testkit::let_pass(Duration::from_secs(5), "a run that takes its time").await;
            seen.fetch_add(1, Ordering::SeqCst);
        }
    });
    testkit::let_pass(Duration::from_secs(1), "by a paused clock").await;
    let started = tokio::time::Instant::now();
    assert!(root.close(Duration::from_secs(600)).await.is_empty());
    assert_eq!(finished.load(Ordering::SeqCst), 1);
    assert!(
        started.elapsed() < Duration::from_secs(60),
        "waited for the next run"
    );
}

#[tokio::test]
async fn everything_spawned_by_a_run_ends_with_it() {
    let root = Scope::root("root");
    let (held, dropped) = guard();
    let held = std::sync::Mutex::new(Some(held));
    root.every("sweep", Duration::from_secs(3600), move |scope| {
        let held = held.lock().unwrap().take();
        async move {
            drop(scope.spawn("child", async move {
                let _held = held;
                std::future::pending::<()>().await;
            }));
        }
    });
    testkit::within(LIVENESS, dropped.notified()).await;
    assert!(root.close(LIVENESS).await.is_empty());
}

#[tokio::test]
async fn ten_thousand_scopes_and_tasks_leave_nothing_behind() {
    let root = Scope::root("root");
    let alive = Arc::new(());
    for _ in 0..10_000 {
        let scope = root.with_deadline(Deadline::after(LIVENESS));
        let held = Arc::clone(&alive);
        let task = scope.spawn("short", async move { drop(held) });
        if root.tasks() > 100 {
            task.await.unwrap();
        }
    }
    assert!(root.close(LIVENESS).await.is_empty());
    assert_eq!(Arc::strong_count(&alive), 1);
}

#[tokio::test]
async fn a_driver_is_listed_but_decides_by_itself_when_it_ends() {
    let request = Scope::root("root").child("request");
    let (answered, go) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (done, open) = (Arc::clone(&answered), Arc::clone(&go));
    request.spawn_driver("request", async move {
        open.notified().await;
        done.notify_one();
    });
    let listed = || watertight_core::census(Query::Root(request.root_id()), 1).oldest[0];
    request.set_label(Label::of("GET /"));
    assert_eq!(
        (listed().kind, listed().label),
        ("driver", Label::of("GET /"))
    );
    request.cancel();
    tokio::task::yield_now().await;
    assert_eq!((request.tasks(), listed().cancelled), (1, true));
    go.notify_one();
    testkit::within(LIVENESS, answered.notified()).await;
    assert!(request.close(LIVENESS).await.is_empty());
    // After the end nothing begins.
    request.spawn_driver("late", std::future::pending());
    assert_eq!(request.tasks(), 0);
}
