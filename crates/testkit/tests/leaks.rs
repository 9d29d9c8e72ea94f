//! `assert_no_leaks` against leaks and against what only looks like one.

#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests fail the test they serve"
)]

use std::collections::HashMap;
use std::future::pending;
use std::hint::black_box;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use testkit::assert_no_leaks;
use watertight::{Scope, current};

/// What the check says; `None` if it finds nothing.
fn complaint(n: usize, f: impl AsyncFnMut()) -> Option<String> {
    let outcome = catch_unwind(AssertUnwindSafe(|| assert_no_leaks(n, f)));
    outcome
        .err()
        .map(|payload| *payload.downcast::<String>().unwrap())
}

fn scope() -> Scope {
    current().unwrap()
}

#[test]
fn sixty_four_bytes_for_each_repetition_are_found() {
    let mut kept = Vec::new();
    let said = complaint(100, async || kept.push(black_box(Box::new([0_u8; 64])))).unwrap();
    assert!(said.starts_with("memory leaks: "), "{said}");
    assert_eq!(kept.len(), 100);
}

#[test]
fn sixteen_bytes_for_each_repetition_are_found() {
    // Room from the beginning: the list's own growth would be found, too.
    let mut kept = Vec::with_capacity(100);
    let said = complaint(100, async || kept.push(black_box(Box::new([0_u8; 16])))).unwrap();
    assert!(said.starts_with("memory leaks: 16.0 bytes"), "{said}");
    assert_eq!(kept.len(), 100);
}

#[test]
fn what_a_task_keeps_is_found() {
    let (keep, kept) = std::sync::mpsc::sync_channel(1_000);
    let said = complaint(100, async || {
        let keep = keep.clone();
        let task = scope().spawn("keeps", async move { keep.send(vec![0_u8; 100]).unwrap() });
        task.await.unwrap();
    });
    assert!(said.unwrap().starts_with("memory leaks: "));
    assert_eq!(kept.iter().take(100).count(), 100);
}

#[test]
fn a_cache_that_gets_warm_is_no_leak() {
    let mut cache = HashMap::new();
    let mut next = 0_usize;
    assert_no_leaks(200, async || {
        next += 1;
        let key = next % 40;
        cache.entry(key).or_insert_with(|| vec![0_u8; 1_000]);
        tokio::task::yield_now().await;
    });
    assert_eq!(cache.len(), 40);
}

#[test]
fn tasks_timers_and_sockets_leave_nothing() {
    assert_no_leaks(100, async || {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let scope = scope().child("pair");
        let client = scope.spawn("client", tokio::net::TcpStream::connect(addr));
        let (server, _) = listener.accept().await.unwrap();
        drop((server, client.await.unwrap().unwrap()));
        scope.every("ticks", Duration::from_secs(1), |_| async {});
        scope.pause(Duration::from_millis(1)).await.unwrap();
        assert!(scope.close(Duration::from_secs(10)).await.is_empty());
    });
}

#[test]
fn what_other_threads_keep_does_not_disturb() {
    let over = AtomicBool::new(false);
    std::thread::scope(|threads| {
        for _ in 0..2 {
            threads.spawn(|| {
                let mut kept = Vec::new();
                while !over.load(Ordering::Relaxed) && kept.len() < 100_000 {
                    kept.push(black_box(vec![0_u8; 256]));
                    std::thread::yield_now();
                }
            });
        }
        let quiet = complaint(100, async || tokio::task::yield_now().await);
        over.store(true, Ordering::Relaxed);
        assert_eq!(quiet, None);
    });
}

#[test]
fn a_task_that_stays_is_named() {
    let said = complaint(16, async || {
        drop(scope().spawn("stays", pending::<()>()));
    });
    let said = said.unwrap();
    assert!(
        said.starts_with("repetition 1 is over, but 1 task left"),
        "{said}"
    );
    assert!(
        said.contains("stays (") && said.contains("leaks.rs:"),
        "{said}"
    );
}
