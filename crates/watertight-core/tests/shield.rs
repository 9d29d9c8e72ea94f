//! A shielded section goes on though its caller leaves, but not for ever.

mod common;

use common::{LIVENESS, until};
use std::future::pending;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::sync::oneshot;
use watertight_core::{Deadline, Scope, ShieldError, current, join, pause};

#[tokio::test]
async fn it_goes_on_though_the_caller_leaves_and_closing_waits_for_it() {
    let service = Scope::root("service");
    let request = service.child("request");
    let (go, gone) = oneshot::channel::<()>();
    let done = Arc::new(AtomicBool::new(false));
    let seen = Arc::clone(&done);
    let caller = request.clone();
    let task = request.spawn("handler", async move {
        let section = async move {
            let _told = gone.await;
            seen.store(true, Ordering::SeqCst);
        };
        caller.shield("commit", LIVENESS, section).await
    });
    until("both", || service.tasks() == 2).await;
    request.cancel();
    assert!(task.await.is_err(), "the handler goes");
    assert_eq!((request.tasks(), service.tasks()), (0, 1));
    let release = async {
        service.closing().await;
        assert!(!done.load(Ordering::SeqCst));
        go.send(()).unwrap();
    };
    let (left, ()) = join(service.close(LIVENESS), release).await;
    assert!(left.is_empty() && done.load(Ordering::SeqCst));
}

#[tokio::test(start_paused = true)]
async fn only_its_own_deadline_ends_it() {
    let service = Scope::root("service");
    let request = service.with_deadline(Deadline::after(Duration::from_millis(10)));
    let section = async {
        assert_eq!(pause(Duration::from_secs(1)).await, Ok(()));
        current().and_then(|scope| scope.deadline()?.left())
    };
    let left = request.shield("commit", Duration::from_secs(3), section);
    assert_eq!(left.await, Ok(Some(Duration::from_secs(2))));
    let late = request.shield("commit", Duration::from_secs(3), pending::<()>());
    assert_eq!(late.await, Err(ShieldError::Late));
    assert_eq!(service.tasks(), 0);
}

#[tokio::test]
async fn who_is_cancelled_or_closed_starts_nothing() {
    let service = Scope::root("service");
    let request = service.child("request");
    request.cancel();
    let section = request.shield("commit", LIVENESS, async { unreachable!() });
    let out: Result<(), _> = section.await;
    assert_eq!(out, Err(ShieldError::Closed));
    let request = service.child("request");
    assert!(service.close(Duration::ZERO).await.is_empty());
    let section = request.shield("commit", LIVENESS, async { unreachable!() });
    let out: Result<(), _> = section.await;
    assert_eq!(out, Err(ShieldError::Closed));
}

#[tokio::test]
async fn the_hard_cap_drops_it() {
    let service = Scope::root("service");
    let section = service.shield("commit", LIVENESS, pending::<()>());
    let close = async {
        until("started", || service.tasks() == 1).await;
        service.close(Duration::ZERO).await
    };
    let (out, left) = join(section, close).await;
    assert_eq!(out, Err(ShieldError::Closed));
    assert!(left.is_empty());
}
