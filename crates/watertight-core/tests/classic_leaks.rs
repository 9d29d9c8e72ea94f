//! The five classic leaks: as they are in plain tokio, and as they are here.
//!
//! Each is tried on a runtime of its own, whose count of live tasks is the witness.
//! In plain tokio it grows with the requests and stays. Here it comes back, or what
//! is left is called by its name.
#![expect(clippy::unwrap_used, reason = "helpers of tests unwrap as tests do")]
#![expect(
    clippy::disallowed_methods,
    reason = "the leaks are shown with what the bans are for"
)]

mod common;

use common::{LIVENESS, until};
use std::future::pending;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;
use tokio::runtime::{Builder, Handle, Runtime};
use tokio::sync::{Mutex, mpsc};
use watertight_core::{CancelReason, Deadline, Query, Scope, census, stalls};

const REQUESTS: usize = 50;
const PERIOD: Duration = Duration::from_millis(1);

fn runtime() -> Runtime {
    Builder::new_multi_thread()
        .worker_threads(2)
        .enable_time()
        .build()
        .unwrap()
}

/// Live tasks of the calling runtime.
fn alive() -> usize {
    let handle = Handle::try_current().unwrap();
    handle.metrics().num_alive_tasks()
}

/// What plain tokio offers: a task that nobody owns.
fn go<F: Future<Output = ()> + Send + 'static>(fut: F) {
    drop(tokio::spawn(fut));
}

/// All that woke up has had its turn, several times over.
async fn settle() {
    for _ in 0..10 {
        tokio::time::sleep(PERIOD).await;
    }
}

/// Runs each on a runtime of its own.
fn on_its_own(test: impl Future<Output = ()>) {
    runtime().block_on(async { tokio::time::timeout(LIVENESS, test).await.unwrap() });
}

/// A request whose client leaves as soon as the handler has begun.
async fn left_by_its_client(service: &Scope, handler: impl AsyncFnOnce(&Scope)) {
    let request = service.child("request");
    handler(&request).await;
    request.cancel_for(CancelReason::Client);
}

/// A long-lived task without an end: each request starts a worker that waits for
/// messages, and somebody keeps the sender.
#[test]
fn a_long_lived_task_without_an_end() {
    on_its_own(async {
        let mut kept = Vec::new();
        for _ in 0..REQUESTS {
            let (sender, mut receiver) = mpsc::channel::<()>(1);
            kept.push(sender);
            go(async move { while receiver.recv().await.is_some() {} });
        }
        settle().await;
        assert_eq!(alive(), REQUESTS, "plain tokio keeps them all");
        assert_eq!(kept.len(), REQUESTS);
    });
    on_its_own(async {
        let (service, mut kept) = (Scope::root("service"), Vec::new());
        for _ in 0..REQUESTS {
            left_by_its_client(&service, async |request| {
                let (sender, mut receiver) = mpsc::channel::<()>(1);
                kept.push(sender);
                drop(request.spawn(
                    "worker",
                    async move { while receiver.recv().await.is_some() {} },
                ));
            })
            .await;
        }
        until("all gone", || alive() == 0).await;
        assert_eq!((service.tasks(), kept.len()), (0, REQUESTS));
    });
}

/// A spawn in a handler: work for a response that nobody reads any more.
#[test]
fn a_spawn_in_a_handler() {
    on_its_own(async {
        for _ in 0..REQUESTS {
            let handler = async {
                go(pending());
                pending::<()>().await;
            };
            // The client leaves: the handler is dropped, what it spawned is not.
            drop(tokio::time::timeout(Duration::ZERO, handler).await);
        }
        settle().await;
        assert_eq!(alive(), REQUESTS, "plain tokio keeps them all");
    });
    on_its_own(async {
        let service = Scope::root("service");
        for _ in 0..REQUESTS {
            left_by_its_client(&service, async |request| {
                drop(request.spawn("for the response", pending::<()>()));
            })
            .await;
        }
        until("all gone", || alive() == 0).await;
        // Also without a cancellation: a deadline ends what was bound by it.
        let request = service.with_deadline(Deadline::after(PERIOD));
        let run = request.clone();
        drop(request.spawn("bound", async move { run.run(pending::<()>()).await }));
        until("gone", || alive() == 0).await;
    });
}

/// An ignored cancel: a loop that looks at nothing.
#[test]
fn an_ignored_cancel() {
    on_its_own(async {
        let cancelled = Arc::new(AtomicBool::new(false));
        for _ in 0..REQUESTS {
            go(async {
                loop {
                    tokio::time::sleep(PERIOD).await;
                }
            });
        }
        // A flag that nobody looks at.
        cancelled.store(true, Ordering::SeqCst);
        settle().await;
        assert_eq!(alive(), REQUESTS, "plain tokio keeps them all");
    });
    on_its_own(async {
        let service = Scope::root("service");
        for _ in 0..REQUESTS {
            left_by_its_client(&service, async |request| {
                drop(request.spawn("ignores", async {
                    loop {
                        tokio::time::sleep(PERIOD).await;
                    }
                }));
            })
            .await;
        }
        until("all gone", || alive() == 0).await;

        // One that doesn't even yield can't be ended by anybody; it is named.
        let release = Arc::new(AtomicBool::new(false));
        let released = Arc::clone(&release);
        drop(service.spawn("never yields", async move {
            while !released.load(Ordering::SeqCst) {
                std::thread::yield_now();
            }
        }));
        let stall = || stalls(PERIOD).into_iter().map(|stall| stall.task.site.name);
        until("a stall", || stall().any(|name| name == "never yields")).await;
        let left = service.close(Duration::ZERO).await;
        release.store(true, Ordering::SeqCst);
        assert_eq!(left.len(), 1);
        assert!(left.to_string().starts_with("never yields ("), "{left}");
    });
}

/// A ticker that is never stopped.
#[test]
fn a_ticker() {
    on_its_own(async {
        let ticks = Arc::new(AtomicUsize::new(0));
        for _ in 0..REQUESTS {
            let ticks = Arc::clone(&ticks);
            go(async move {
                let mut ticker = tokio::time::interval(PERIOD);
                loop {
                    ticker.tick().await;
                    ticks.fetch_add(1, Ordering::SeqCst);
                }
            });
        }
        until("ticks", || ticks.load(Ordering::SeqCst) > REQUESTS).await;
        assert_eq!(alive(), REQUESTS, "plain tokio keeps them all");
    });
    on_its_own(async {
        let (service, ticks) = (Scope::root("service"), Arc::new(AtomicUsize::new(0)));
        for _ in 0..REQUESTS {
            left_by_its_client(&service, async |request| {
                let ticks = Arc::clone(&ticks);
                request.every("ticker", PERIOD, move |_| {
                    ticks.fetch_add(1, Ordering::SeqCst);
                    std::future::ready(())
                });
            })
            .await;
        }
        until("all gone", || alive() == 0).await;
        let ended = ticks.load(Ordering::SeqCst);
        settle().await;
        assert_eq!(
            ticks.load(Ordering::SeqCst),
            ended,
            "it ticks without a task"
        );
    });
}

/// Waiters behind a held lock: one holds it and waits for something that never
/// comes, all others wait for the lock.
#[test]
fn waiters_behind_a_held_lock() {
    on_its_own(async {
        let lock = Arc::new(Mutex::new(()));
        for _ in 0..REQUESTS {
            let lock = Arc::clone(&lock);
            go(async move {
                let _held = lock.lock().await;
                pending::<()>().await;
            });
        }
        settle().await;
        assert_eq!(alive(), REQUESTS, "plain tokio keeps them all");
    });
    on_its_own(async {
        let (service, lock) = (Scope::root("service"), Arc::new(Mutex::new(())));
        // The holder belongs to the service: no client ends it.
        let own = Arc::clone(&lock);
        drop(service.spawn("holds the lock", async move {
            let _held = own.lock().await;
            pending::<()>().await;
        }));
        until("held", || lock.try_lock().is_err()).await;
        for _ in 0..REQUESTS {
            left_by_its_client(&service, async |request| {
                let lock = Arc::clone(&lock);
                drop(request.spawn("waits for the lock", async move {
                    let _held = lock.lock().await;
                }));
            })
            .await;
        }
        // The waiters went with their clients, and the holder is found: nothing in
        // the world can wake it.
        until("waiters gone", || alive() == 1).await;
        let dead = || census(Query::Dead, 1_000).oldest;
        until("found dead", || {
            dead().iter().any(|task| task.site.name == "holds the lock")
        })
        .await;
        assert!(service.close(Duration::ZERO).await.is_empty());
        until("all gone", || alive() == 0).await;
        assert!(lock.try_lock().is_ok());
    });
}
