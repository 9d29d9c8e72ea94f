//! A poll that doesn't end is named while it goes on, and not afterwards.
#![expect(clippy::unwrap_used, reason = "helpers of tests unwrap as tests do")]

mod common;

use common::{alone, block_until};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::runtime::{Builder, Runtime};
use watertight_core::{Scope, Stall, TaskState, stalls};

const LIMIT: Duration = Duration::from_millis(20);

fn runtime(thread: &str) -> Runtime {
    Builder::new_multi_thread()
        .worker_threads(1)
        .thread_name(thread)
        .enable_time()
        .build()
        .unwrap()
}

fn stall_on(thread: &str) -> Option<Stall> {
    stalls(LIMIT)
        .into_iter()
        .find(|stall| stall.thread == thread)
}

/// Keeps the worker until told otherwise.
fn keep(release: &AtomicBool) {
    block_until("release", || release.load(Ordering::SeqCst));
}

#[test]
fn a_task_that_does_not_give_its_worker_back_is_named_while_it_runs() {
    let _alone = alone();
    let runtime = runtime("kept");
    let scope = Scope::root("test");
    let release = Arc::new(AtomicBool::new(false));
    let released = Arc::clone(&release);
    let within = runtime.enter();
    let (line, task) = (line!() + 1, async move { keep(&released) });
    let task = scope.spawn("never yields", task);
    drop(within);
    let mut first = None;
    block_until("a stall", || {
        first = stall_on("kept");
        first.is_some()
    });
    let first = first.unwrap();
    assert_eq!(
        first.task.site.to_string(),
        format!("never yields ({}:{line})", file!())
    );
    assert_eq!(first.task.state, TaskState::Running);
    assert!(first.polling >= LIMIT && first.is_new);
    let again = stall_on("kept").unwrap();
    assert!(!again.is_new, "the same poll is not new twice");
    assert!(again.polling >= first.polling);

    release.store(true, Ordering::SeqCst);
    assert_eq!(runtime.block_on(task), Ok(()));
    block_until("no stall", || stall_on("kept").is_none());
}

#[test]
fn a_runtime_within_a_poll_does_not_hide_the_task_around_it() {
    let _alone = alone();
    let runtime = runtime("nested");
    let scope = Scope::root("test");
    let release = Arc::new(AtomicBool::new(false));
    let (released, inner) = (Arc::clone(&release), scope.clone());
    let within = runtime.enter();
    let task = scope.spawn("outer", async move {
        tokio::task::block_in_place(|| {
            let runtime = Builder::new_current_thread().build().unwrap();
            let task = async { inner.spawn("inner", async {}).await };
            runtime.block_on(task).unwrap();
            keep(&released);
        });
    });
    drop(within);
    let mut name = None;
    block_until("a stall", || {
        name = stall_on("nested").map(|stall| stall.task.site.name);
        name.is_some()
    });
    release.store(true, Ordering::SeqCst);
    assert_eq!(name, Some("outer"));
    assert_eq!(runtime.block_on(task), Ok(()));
}
