//! Work after the response: bounded, on time, and done though the service ends.
#![expect(clippy::unwrap_used, reason = "helpers of tests unwrap as tests do")]

mod common;

use common::{LIVENESS, counted, gauged, record, until};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::Semaphore;
use watertight_core::{
    Deadline, Detached, DetachedLimits, Full, Label, Priority, Refused, Scope, Snapshot,
    TraceContext, current, join,
};

const LONG: Duration = Duration::from_secs(60);

/// What the work finds in its place: permits to go on with, and a list to write to.
#[derive(Debug)]
struct Desk {
    go: Semaphore,
    done: Mutex<Vec<u32>>,
}

/// The registered state; the test keeps a hand on it.
type Shared = Arc<Desk>;

async fn write(desk: Arc<Shared>, id: u32) {
    desk.go.acquire().await.unwrap().forget();
    desk.done.lock().unwrap().push(id);
}

fn desk(
    scope: &Scope,
    name: &'static str,
    (running, waiting, full): (usize, usize, Full),
) -> (Detached<Shared>, Shared) {
    record();
    let desk = Arc::new(Desk {
        go: Semaphore::new(0),
        done: Mutex::default(),
    });
    let limits = DetachedLimits {
        running,
        waiting,
        full,
    };
    (Detached::new(scope, name, Arc::clone(&desk), limits), desk)
}

fn ask(detached: &Detached<Shared>, request: &Scope, id: u32) -> Result<(), Refused> {
    detached.detach(request, LONG, move |desk, _| write(desk, id))
}

fn outcomes(pool: &str) -> [(&'static str, u64); 6] {
    [
        "done",
        "late",
        "panicked",
        "cancelled",
        "rejected",
        "dropped",
    ]
    .map(|outcome| {
        (
            outcome,
            counted(&format!("detached_total {pool} {outcome}")),
        )
    })
}

/// All that was counted, but for zeros.
fn only(pool: &str) -> Vec<(&'static str, u64)> {
    let all = outcomes(pool).into_iter();
    all.filter(|(_, count)| *count > 0).collect()
}

#[tokio::test]
async fn what_is_too_much_is_rejected_and_the_rest_is_done_in_order() {
    let (service, request) = (Scope::root("service"), Scope::root("request"));
    let (detached, desk) = desk(&service, "rejects", (1, 2, Full::Reject));
    let asked: Vec<_> = (0..4).map(|id| ask(&detached, &request, id)).collect();
    assert_eq!(asked, [Ok(()), Ok(()), Ok(()), Err(Refused::Full)]);
    assert_eq!((detached.load(), service.tasks()), ((1, 2), 3));
    // The request ends, and what was taken is done all the same.
    request.cancel();
    desk.go.add_permits(3);
    until("done", || detached.load() == (0, 0)).await;
    assert_eq!(*desk.done.lock().unwrap(), [0, 1, 2]);
    assert_eq!(only("rejects"), [("done", 3), ("rejected", 1)]);
}

/// Of those that run and those that wait.
fn gauges(name: &str, pool: &str) -> [Option<f64>; 2] {
    ["running", "waiting"].map(|state| gauged(&format!("{name} {pool} {state}")))
}

#[tokio::test]
async fn how_full_a_pool_is_stands_beside_how_full_it_may_be() {
    let (service, request) = (Scope::root("service"), Scope::root("request"));
    let (detached, desk) = desk(&service, "gauged", (2, 3, Full::DropOldest));
    let now = || gauges("detached_tasks", "gauged");
    assert_eq!(
        gauges("detached_tasks_max", "gauged"),
        [Some(2.0), Some(3.0)]
    );
    assert_eq!(now(), [Some(0.0), Some(0.0)]);
    for id in 0..4 {
        assert_eq!(ask(&detached, &request, id), Ok(()));
    }
    assert_eq!(now(), [Some(2.0), Some(2.0)]);
    for id in 4..7 {
        assert_eq!(ask(&detached, &request, id), Ok(()));
    }
    assert_eq!(now(), [Some(2.0), Some(3.0)], "one came for one that went");
    desk.go.add_permits(3);
    until("three are done", || desk.done.lock().unwrap().len() == 3).await;
    until("their places", || now() == [Some(2.0), Some(0.0)]).await;
    service.cancel();
    until("dropped", || now() == [Some(0.0), Some(0.0)]).await;
    assert_eq!(detached.load(), (0, 0));
}

#[tokio::test]
async fn what_has_waited_longest_makes_room_if_that_is_wanted() {
    let (service, request) = (Scope::root("service"), Scope::root("request"));
    let (detached, desk) = desk(&service, "drops", (1, 2, Full::DropOldest));
    for id in 0..5 {
        assert_eq!(ask(&detached, &request, id), Ok(()));
    }
    desk.go.add_permits(3);
    until("done", || detached.load() == (0, 0)).await;
    assert_eq!(*desk.done.lock().unwrap(), [0, 3, 4]);
    assert_eq!(only("drops"), [("done", 3), ("dropped", 2)]);
    assert_eq!(service.tasks(), 0);
}

#[tokio::test(start_paused = true)]
async fn the_deadline_counts_from_the_call() {
    let (service, request) = (Scope::root("service"), Scope::root("request"));
    let (detached, desk) = desk(&service, "late", (1, 2, Full::Reject));
    let within = Duration::from_millis(300);
    let ask = |id| detached.detach(&request, within, move |desk, _| write(desk, id));
    assert_eq!((ask(0), ask(1)), (Ok(()), Ok(())));
    // The first is ended by its deadline, the second has waited past its own.
    until("late", || detached.load() == (0, 0)).await;
    desk.go.add_permits(9);
    assert_eq!(ask(2), Ok(()));
    until("done", || detached.load() == (0, 0)).await;
    assert_eq!(*desk.done.lock().unwrap(), [2]);
    assert_eq!(only("late"), [("done", 1), ("late", 2)]);
}

#[tokio::test]
async fn what_blocks_past_its_deadline_was_late() {
    let (service, request) = (Scope::root("service"), Scope::root("request"));
    let (detached, _) = desk(&service, "outlives", (1, 2, Full::Reject));
    let deadline = Deadline::after(Duration::from_millis(5));
    let outlives = move |_, _| async move {
        // Nothing can end it, for it doesn't yield.
        while !deadline.has_passed() {
            std::thread::yield_now();
        }
    };
    let within = Duration::from_millis(5);
    assert_eq!(detached.detach(&request, within, outlives), Ok(()));
    until("late", || detached.load() == (0, 0)).await;
    // One that passed as the other began may be late without having begun.
    assert_eq!(only("outlives"), [("late", 1)]);
}

#[tokio::test]
async fn a_panic_takes_neither_the_place_nor_the_rest_with_it() {
    let (service, request) = (Scope::root("service"), Scope::root("request"));
    let (detached, desk) = desk(&service, "panics", (1, 3, Full::Reject));
    let at_once = |_, _| -> std::future::Ready<()> { std::panic::resume_unwind(Box::new("a")) };
    let later = |_, _| async {
        tokio::task::yield_now().await;
        std::panic::resume_unwind(Box::new("b"))
    };
    assert_eq!(detached.detach(&request, LONG, at_once), Ok(()));
    assert_eq!(detached.detach(&request, LONG, later), Ok(()));
    assert_eq!(ask(&detached, &request, 7), Ok(()));
    desk.go.add_permits(1);
    until("done", || detached.load() == (0, 0)).await;
    assert_eq!(*desk.done.lock().unwrap(), [7]);
    assert_eq!(only("panics"), [("done", 1), ("panicked", 2)]);
    assert_eq!(counted("task_panics_total panics"), 2);
}

#[tokio::test]
async fn closing_waits_for_what_runs_and_waits_and_takes_no_more() {
    let (service, request) = (Scope::root("service"), Scope::root("request"));
    let (detached, desk) = desk(&service, "closes", (1, 2, Full::Reject));
    for id in 0..3 {
        assert_eq!(ask(&detached, &request, id), Ok(()));
    }
    let late = async {
        service.closing().await;
        assert_eq!(ask(&detached, &request, 3), Err(Refused::Closed));
        desk.go.add_permits(3);
    };
    let (left, ()) = join(service.close(LIVENESS), late).await;
    assert!(left.is_empty());
    assert_eq!(*desk.done.lock().unwrap(), [0, 1, 2]);
    assert_eq!(only("closes"), [("done", 3)]);
}

#[tokio::test]
async fn what_is_cut_off_is_counted_and_leaves_nothing() {
    let (service, request) = (Scope::root("service"), Scope::root("request"));
    let (detached, desk) = desk(&service, "cut off", (2, 2, Full::Reject));
    for id in 0..4 {
        assert_eq!(ask(&detached, &request, id), Ok(()));
    }
    assert!(service.close(Duration::ZERO).await.is_empty());
    assert_eq!(detached.load(), (0, 0));
    assert_eq!(only("cut off"), [("cancelled", 4)]);
    drop(detached);
    assert_eq!(Arc::strong_count(&desk), 1);
}

#[tokio::test]
async fn the_work_runs_under_the_labels_of_its_request() {
    let (service, request) = (Scope::root("service"), Scope::root("request"));
    let trace = TraceContext::new(1, 2);
    let request = request.with_trace(trace).with_priority(Priority::Critical);
    request.set_label(Label::of("/v1/detached"));
    let (detached, desk) = desk(&service, "labels", (1, 1, Full::Reject));
    let look = move |desk: Arc<Shared>, snapshot: Snapshot| async move {
        let scope = current().unwrap();
        assert_eq!(
            (snapshot.trace(), scope.trace()),
            (Some(trace), Some(trace))
        );
        assert_eq!(scope.priority(), Priority::Critical);
        assert_eq!(scope.label(), snapshot.label());
        assert_eq!(&*scope.label().text(), "/v1/detached");
        desk.done.lock().unwrap().push(1);
    };
    assert_eq!(detached.detach(&request, LONG, look), Ok(()));
    until("done", || detached.load() == (0, 0)).await;
    assert_eq!(*desk.done.lock().unwrap(), [1]);
}

/// Whatever is taken is begun, also if it comes just as the one before ends.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_that_was_taken_is_forgotten() {
    let (service, request) = (Scope::root("service"), Scope::root("request"));
    let (detached, desk) = desk(&service, "hands over", (1, 1, Full::Reject));
    desk.go.add_permits(20_000);
    let (mut taken, mut asked) = (0, 0);
    // On a busy machine the workers may not get a processor for a while.
    until("taken often enough", || {
        for id in asked..asked + 1_000 {
            taken += usize::from(ask(&detached, &request, id).is_ok());
        }
        asked += 1_000;
        asked >= 10_000 && taken > 100
    })
    .await;
    until("done", || detached.load() == (0, 0)).await;
    assert_eq!(desk.done.lock().unwrap().len(), taken);
    assert!(service.close(LIVENESS).await.is_empty());
}
