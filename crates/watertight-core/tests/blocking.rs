//! Closures on threads: bounded, cancelled if they listen, and named if they don't.
#![expect(clippy::unwrap_used, reason = "helpers of tests unwrap as tests do")]
#![expect(
    clippy::disallowed_methods,
    reason = "whether a closure runs within its own runtime, only a handle tells"
)]

mod common;

use common::{LIVENESS, alone, block_until, counted, record, state};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Barrier};
use std::time::Duration;
use tokio::runtime::{Builder, Handle, Runtime};
use watertight_core::{BlockingLimits, Scope, TaskError, TaskHandle, TaskState, Warden, current};

fn runtime() -> Runtime {
    Builder::new_current_thread().enable_time().build().unwrap()
}

fn limits(threads: usize, queue: usize) {
    BlockingLimits { threads, queue }.set();
}

/// A closure that holds its thread until the other end says so or goes.
fn held(scope: &Scope, name: &'static str) -> (TaskHandle<()>, SyncSender<()>) {
    let (go, gone) = sync_channel(1);
    (scope.spawn_blocking(name, move |_| wait_for(&gone)), go)
}

fn wait_for(go: &Receiver<()>) {
    let _gone = go.recv();
}

#[test]
fn it_runs_in_its_scope_and_its_runtime() {
    let _alone = alone();
    limits(2, 2);
    let (runtime, scope) = (runtime(), Scope::root("test"));
    runtime.block_on(async {
        let own = Handle::try_current().unwrap().id();
        let seen = scope.spawn_blocking("looks", |scope| {
            let ambient = current().map(|scope| scope.name());
            (scope.name(), ambient, Handle::try_current().unwrap().id())
        });
        assert_eq!(seen.await, Ok(("test", Some("test"), own)));
        assert!(scope.close(LIVENESS).await.is_empty());
    });
}

#[test]
fn as_many_run_as_may_others_wait_and_the_rest_is_refused() {
    let _alone = alone();
    limits(2, 3);
    record();
    let (runtime, scope) = (runtime(), Scope::root("test"));
    runtime.block_on(async {
        let (now, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let go = Arc::new(Barrier::new(3));
        let work = |n: usize| {
            let (now, most, go) = (Arc::clone(&now), Arc::clone(&most), Arc::clone(&go));
            scope.spawn_blocking("bounded", move |_| {
                most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                if n < 2 {
                    go.wait();
                }
                now.fetch_sub(1, Ordering::SeqCst);
                n
            })
        };
        let taken: Vec<_> = (0..5).map(work).collect();
        assert_eq!(scope.tasks(), 5);
        assert_eq!(work(5).await, Err(TaskError::Full));
        assert_eq!(counted("blocking_refused_total bounded"), 1);
        assert_eq!(scope.tasks(), 5, "what is refused leaves nothing behind");
        go.wait();
        for (n, task) in taken.into_iter().enumerate() {
            assert_eq!(task.await, Ok(n));
        }
        assert_eq!(most.load(Ordering::SeqCst), 2);
        assert_eq!(work(6).await, Ok(6), "there is room again");
    });
}

#[test]
fn one_that_listens_ends_when_its_scope_is_cancelled() {
    let _alone = alone();
    limits(2, 2);
    let (runtime, scope) = (runtime(), Scope::root("test"));
    runtime.block_on(async {
        let listens = scope.spawn_blocking("listens", |scope| {
            block_until("cancelled", || scope.is_cancelled());
            "stopped"
        });
        block_until("running", || {
            state(&scope, "listens") == Some(TaskState::Running)
        });
        assert!(scope.close(Duration::ZERO).await.is_empty());
        assert_eq!(listens.await, Ok("stopped"));
    });
}

#[test]
fn one_that_waits_when_its_scope_is_cancelled_is_not_started_and_does_not_stay() {
    let _alone = alone();
    limits(1, 1);
    let (runtime, scope) = (runtime(), Scope::root("test"));
    runtime.block_on(async {
        let (holds, go) = held(&Scope::root("other"), "holds");
        let started = Arc::new(AtomicBool::new(false));
        let seen = Arc::clone(&started);
        let job = scope.child("job");
        let waits = job.spawn_blocking("waits", move |_| seen.store(true, Ordering::SeqCst));
        assert_eq!(state(&scope, "waits"), Some(TaskState::Queued));
        // The pool is as busy as before, and yet nothing is left.
        assert!(job.close(Duration::ZERO).await.is_empty());
        assert_eq!(waits.await, Err(TaskError::Cancelled));
        // Cancelled without closing, it makes room for the next.
        let job = scope.child("job");
        let waits = job.spawn_blocking("waits", |_| ());
        job.cancel();
        let next = scope.spawn_blocking("next", |_| "ran");
        assert_eq!(waits.await, Err(TaskError::Cancelled));
        go.send(()).unwrap();
        assert_eq!((holds.await, next.await), (Ok(()), Ok("ran")));
        assert!(!started.load(Ordering::SeqCst));
    });
}

#[test]
fn one_that_does_not_listen_is_a_straggler_and_is_named() {
    let _alone = alone();
    limits(2, 2);
    let (runtime, scope) = (runtime(), Scope::root("test"));
    runtime.block_on(async {
        let (ignores, go) = held(&scope.child("job"), "ignores");
        block_until("running", || {
            state(&scope, "ignores") == Some(TaskState::Running)
        });
        let left = scope.close(Duration::ZERO).await;
        assert_eq!(left.len(), 1);
        assert!(left.to_string().starts_with("ignores ("), "{left}");
        let found = Warden::default().look();
        let told = found.new_stragglers.iter().map(|task| task.site.name);
        assert_eq!(told.collect::<Vec<_>>(), ["ignores"]);
        assert_eq!(Warden::default().look().new_stragglers.len(), 0);
        go.send(()).unwrap();
        assert_eq!(ignores.await, Ok(()));
        assert_eq!(scope.tasks(), 0);
    });
}

struct PanicsOnDrop;

impl Drop for PanicsOnDrop {
    fn drop(&mut self) {
        std::panic::resume_unwind(Box::new("boom"));
    }
}

#[test]
fn panics_end_neither_the_thread_nor_the_pool() {
    let _alone = alone();
    limits(1, 4);
    record();
    let (runtime, scope) = (runtime(), Scope::root("test"));
    runtime.block_on(async {
        let panics =
            scope.spawn_blocking("panics", |_| std::panic::resume_unwind(Box::new("boom")));
        let out: Result<(), _> = panics.await;
        assert_eq!(out, Err(TaskError::Panicked));
        // A result that nobody waits for any more is dropped on the thread.
        let (left, nobody) = sync_channel(1);
        let result = scope.spawn_blocking("result", move |_| {
            wait_for(&nobody);
            PanicsOnDrop
        });
        drop(result);
        left.send(()).unwrap();
        // What a closure holds that is never started is dropped by whoever ends it.
        let (holds, go) = held(&scope, "holds");
        let (job, held) = (scope.child("job"), PanicsOnDrop);
        let waits = job.spawn_blocking("captured", move |_| drop(held));
        assert!(job.close(Duration::ZERO).await.is_empty());
        assert_eq!(waits.await, Err(TaskError::Cancelled));
        go.send(()).unwrap();
        assert_eq!(holds.await, Ok(()));
        assert_eq!(scope.spawn_blocking("fine", |_| 1).await, Ok(1));
        for name in ["panics", "result", "captured"] {
            assert_eq!(counted(&format!("task_panics_total {name}")), 1, "{name}");
        }
        assert!(scope.close(LIVENESS).await.is_empty());
    });
}

#[test]
fn a_runtime_that_ends_takes_no_thread_with_it() {
    let _alone = alone();
    limits(1, 4);
    let scope = Scope::root("test");
    let first = runtime();
    let ((_holds, go), queued) = {
        let _entered = first.enter();
        (held(&scope, "holds"), scope.spawn_blocking("queued", |_| 7))
    };
    drop(first);
    let second = runtime();
    let own = second.handle().id();
    let third = {
        let _entered = second.enter();
        scope.spawn_blocking("third", move |_| Handle::try_current().unwrap().id() == own)
    };
    go.send(()).unwrap();
    second.block_on(async {
        assert_eq!(queued.await, Ok(7), "its runtime is gone, it is not");
        assert_eq!(third.await, Ok(true));
        assert!(scope.close(LIVENESS).await.is_empty());
    });
}
