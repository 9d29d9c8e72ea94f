//! Tasks that can never run again are found, each of them, and no other.

mod common;

use common::{LIVENESS, alone, is_dead, parked, state, until};
use std::future::{pending, poll_fn};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Poll, Waker};
use std::time::Duration;
use tokio::runtime::Builder;
use tokio::sync::oneshot;
use watertight_core::{Deadline, Query, Scope, TaskState, Warden, census};

/// Something to wait for that forgets those who wait when it is dropped: what a
/// hand-written channel gets wrong.
#[derive(Default)]
struct Bell {
    waiting: Mutex<Vec<Waker>>,
}

impl Bell {
    async fn heard(bell: Weak<Self>) {
        poll_fn::<(), _>(|cx| {
            if let Some(bell) = bell.upgrade() {
                bell.leave(cx.waker());
            }
            Poll::Pending
        })
        .await;
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Waker>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn leave(&self, waker: &Waker) {
        self.lock().push(waker.clone());
    }

    fn take(&self) -> Option<Waker> {
        self.lock().pop()
    }
}

#[tokio::test]
async fn a_future_that_waits_without_registering_is_dead() {
    let scope = Scope::root("test");
    let task = scope.spawn("registers nowhere", pending::<()>());
    assert!(!is_dead("registers nowhere"), "it has not run yet");
    until("dead", || is_dead("registers nowhere")).await;
    scope.cancel();
    assert!(!is_dead("registers nowhere"), "it is about to go");
    assert!(task.await.is_err());
}

#[tokio::test]
async fn a_leaf_that_drops_its_waker_leaves_a_dead_task() {
    let scope = Scope::root("test");
    drop(scope.spawn(
        "leaf forgets",
        poll_fn::<(), _>(|cx| {
            let waker = cx.waker().clone();
            drop(waker);
            Poll::Pending
        }),
    ));
    until("dead", || is_dead("leaf forgets")).await;
    scope.cancel();
}

#[tokio::test]
async fn who_waits_for_an_owner_that_went_without_a_word_is_dead() {
    let scope = Scope::root("test");
    let bell = Arc::new(Bell::default());
    drop(scope.spawn("owner goes", Bell::heard(Arc::downgrade(&bell))));
    until("parked", || parked(&scope) == 1).await;
    assert!(!is_dead("owner goes"), "the bell can still wake it");
    drop(bell);
    assert!(is_dead("owner goes"));
    scope.cancel();
}

#[test]
fn the_dead_are_told_once_by_name_and_spawn_site() {
    let _alone = alone();
    let runtime = Builder::new_current_thread().enable_time().build().unwrap();
    runtime.block_on(told_once());
}

async fn told_once() {
    let mut warden = Warden::default();
    let scope = Scope::root("test");
    let (line, task) = (line!(), scope.spawn("told once", pending::<()>()));
    until("dead", || is_dead("told once")).await;
    let found = warden.look();
    let told: Vec<_> = found
        .newly_dead
        .iter()
        .filter(|task| task.site.name == "told once")
        .collect();
    assert_eq!(told.len(), 1);
    assert_eq!(
        told[0].site.to_string(),
        format!("told once ({}:{line})", file!())
    );
    assert_eq!((told[0].polls, told[0].state), (1, TaskState::Parked));
    assert!(found.dead >= 1 && found.live >= found.dead);
    let again = Warden::default().look();
    assert!(again.dead >= 1, "it is counted as long as it is there");
    assert!(
        again
            .newly_dead
            .iter()
            .all(|task| task.site.name != "told once"),
        "told twice"
    );
    scope.cancel();
    assert!(task.await.is_err());
}

/// The limit of the proof, as the documentation states it.
#[tokio::test]
async fn a_waker_that_the_task_keeps_itself_hides_it() {
    let scope = Scope::root("test");
    let own = Arc::new(Bell::default());
    drop(scope.spawn("keeps its own", async move {
        Bell::heard(Arc::downgrade(&own)).await;
        drop(own);
    }));
    until("parked", || parked(&scope) == 1).await;
    assert!(!is_dead("keeps its own"));
    scope.cancel();
}

#[tokio::test]
async fn a_wake_up_that_waits_to_happen_keeps_the_task_alive() {
    let scope = Scope::root("test");
    let bell = Arc::new(Bell::default());
    let woken = Arc::new(AtomicBool::new(false));
    let (seen, there) = (Arc::clone(&woken), Arc::downgrade(&bell));
    let task = scope.spawn(
        "wake in progress",
        poll_fn(move |cx| {
            if seen.load(Ordering::Relaxed) {
                return Poll::Ready(7);
            }
            if let Some(bell) = there.upgrade() {
                bell.leave(cx.waker());
            }
            Poll::Pending
        }),
    );
    until("parked", || parked(&scope) == 1).await;
    let waker = bell.take().unwrap();
    drop(bell);
    // Somebody is between taking the waker and using it.
    assert!(!is_dead("wake in progress"));
    woken.store(true, Ordering::Relaxed);
    waker.wake();
    assert_eq!(state(&scope, "wake in progress"), Some(TaskState::Queued));
    assert!(!is_dead("wake in progress"), "it has its turn to come");
    assert_eq!(task.await, Ok(7));
}

/// A destructor that looks whether the task it belongs to is called dead.
struct Looks(&'static str, Option<oneshot::Sender<bool>>);

impl Drop for Looks {
    fn drop(&mut self) {
        if let Some(answer) = self.1.take() {
            let _nobody_asks = answer.send(is_dead(self.0));
        }
    }
}

fn looks(name: &'static str) -> (Looks, oneshot::Receiver<bool>) {
    let (answer, answered) = oneshot::channel();
    (Looks(name, Some(answer)), answered)
}

/// Waits with a waker that goes before `looks` does.
async fn waits(_looks: Looks, wait: oneshot::Receiver<()>) {
    let _held = wait.await;
}

#[tokio::test]
async fn a_task_that_is_being_dropped_for_its_scope_is_not_dead() {
    let scope = Scope::root("test");
    let (looks, looked) = looks("dropped with scope");
    let (_never, wait) = oneshot::channel();
    drop(scope.spawn("dropped with scope", waits(looks, wait)));
    until("parked", || parked(&scope) == 1).await;
    scope.cancel();
    assert_eq!(looked.await, Ok(false));
}

#[test]
fn a_task_that_is_being_dropped_with_its_runtime_is_not_dead() {
    let runtime = Builder::new_current_thread().enable_time().build().unwrap();
    let scope = Scope::root("test");
    let (looks, looked) = looks("dropped with runtime");
    let (_never, wait) = oneshot::channel();
    runtime.block_on(async {
        drop(scope.spawn("dropped with runtime", waits(looks, wait)));
        until("parked", || parked(&scope) == 1).await;
    });
    assert_eq!(scope.tasks(), 1);
    drop(runtime);
    assert_eq!(looked.blocking_recv(), Ok(false));
    assert_eq!(scope.tasks(), 0);
}

#[test]
fn a_waker_that_outlives_its_task_keeps_nothing_and_wakes_nobody() {
    let runtime = Builder::new_current_thread().enable_time().build().unwrap();
    let scope = Scope::root("test");
    let bell = Arc::new(Bell::default());
    let held = Arc::new(());
    let child = scope.child("child");
    let (within, there) = (Arc::clone(&held), Arc::downgrade(&bell));
    runtime.block_on(async {
        drop(child.spawn("gone", async move {
            let _within = within;
            Bell::heard(there).await;
        }));
        drop(child);
        until("parked", || parked(&scope) == 1).await;
        scope.cancel();
        until("gone", || scope.tasks() == 0).await;
    });
    let waker = bell.take().unwrap();
    assert_eq!(Arc::strong_count(&held), 1);
    waker.wake_by_ref();
    drop(runtime);
    waker.wake();
}

#[tokio::test]
async fn the_registry_forgets_a_task_before_its_result_is_known() {
    let scope = Scope::root("test");
    for n in 0..100 {
        assert_eq!(scope.spawn("short", async move { n }).await, Ok(n));
        assert_eq!(census(Query::Root(scope.root_id()), 0).tasks, 0);
    }
}

#[tokio::test]
async fn a_dead_branch_of_a_live_task_is_not_a_dead_task() {
    let scope = Scope::root("test");
    let (go, wait) = oneshot::channel();
    let task = scope.spawn("half dead", async {
        watertight_core::race(pending::<()>(), wait).await
    });
    until("parked", || parked(&scope) == 1).await;
    assert!(!is_dead("half dead"));
    go.send(()).unwrap();
    assert!(task.await.is_ok());
    let timed = scope.spawn("timed", async {
        Deadline::after(Duration::from_millis(200))
            .run(pending::<()>())
            .await
    });
    until("parked", || parked(&scope) == 1 || timed.is_finished()).await;
    assert!(!is_dead("timed"), "its timer will wake it");
    let ended = Deadline::after(LIVENESS).run(timed).await;
    assert!(matches!(ended, Ok(Ok(Err(_)))));
}
