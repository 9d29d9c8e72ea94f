//! Grouping, and who suffers from whom.

use std::time::Duration;

use watertight_core::{Clock, Deadline};
use watertight_store::{Options, RetryReason, StoreError};

use crate::support::*;

#[watertight::test]
async fn what_queues_up_shares_one_commit() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let before = store.stats();
    let hold = hold_writer(&store).await;
    let mut writes: Vec<_> = (0..200)
        .map(|id| Box::pin(store.write(soon(), put(id))))
        .collect();
    for write in &mut writes {
        assert!(futures_now(write.as_mut()).is_none());
    }
    assert_eq!(store.stats().queue_commands, 200);
    drop(hold);
    for write in writes {
        assert!(write.await.is_ok());
    }
    let after = store.stats();
    assert_eq!(
        after.commits - before.commits,
        2,
        "the gate's, and one for all the rest"
    );
    assert_eq!(after.commands - before.commands, 201);
    assert_eq!(ids(&store).await.len(), 200);
    store.close().await;
}

#[watertight::test]
async fn a_batch_is_bounded() {
    let dir = tempfile::tempdir().unwrap();
    let store = open_with(Options {
        batch_commands_max: 10,
        ..Options::new(dir.path())
    });
    let hold = hold_writer(&store).await;
    let before = store.stats().commits;
    let mut writes: Vec<_> = (0..95)
        .map(|id| Box::pin(store.write(soon(), put(id))))
        .collect();
    for write in &mut writes {
        assert!(futures_now(write.as_mut()).is_none());
    }
    drop(hold);
    for write in writes {
        assert!(write.await.is_ok());
    }
    assert_eq!(store.stats().commits - before, 1 + 10);
    store.close().await;
}

#[watertight::test]
async fn a_failing_command_is_alone_with_its_failure() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    store.write(soon(), put(1)).await.unwrap();
    let hold = hold_writer(&store).await;
    let before = store.stats().commits;
    let mut first = Box::pin(store.write(soon(), put(10)));
    let mut conflict = Box::pin(store.write(soon(), Spoil::Conflict(11)));
    let mut panics = Box::pin(store.write(soon(), Spoil::Panic(12)));
    let mut check = Box::pin(store.write(soon(), Spoil::Check(13)));
    let mut twice = Box::pin(store.write(soon(), put(1)));
    let mut last = Box::pin(store.write(soon(), put(14)));
    assert!(futures_now(first.as_mut()).is_none());
    assert!(futures_now(conflict.as_mut()).is_none());
    assert!(futures_now(panics.as_mut()).is_none());
    assert!(futures_now(check.as_mut()).is_none());
    assert!(futures_now(twice.as_mut()).is_none());
    assert!(futures_now(last.as_mut()).is_none());
    drop(hold);
    assert!(first.await.is_ok());
    assert_eq!(
        conflict.await,
        Err(StoreError::Conflict("told to".to_owned()))
    );
    assert_eq!(
        panics.await,
        Err(StoreError::Unavailable("command spoil panicked".to_owned()))
    );
    assert!(matches!(check.await, Err(StoreError::Corrupt(_))));
    assert!(matches!(twice.await, Err(StoreError::Conflict(_))));
    assert!(last.await.is_ok());
    assert_eq!(store.stats().commits - before, 2, "they shared one commit");
    assert_eq!(ids(&store).await, [1, 10, 14]);
    assert_whole(&store).await;
    assert_eq!(store.health(), Ok(()));
    store.close().await;
}

#[watertight::test]
async fn a_lost_transaction_is_told_to_everybody_in_it() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let hold = hold_writer(&store).await;
    let mut before = Box::pin(store.write(soon(), put(1)));
    let mut ends = Box::pin(store.write(soon(), Spoil::EndTransaction(2)));
    let mut after = Box::pin(store.write(soon(), put(3)));
    assert!(futures_now(before.as_mut()).is_none());
    assert!(futures_now(ends.as_mut()).is_none());
    assert!(futures_now(after.as_mut()).is_none());
    drop(hold);
    assert!(matches!(before.await, Err(StoreError::Unavailable(_))));
    assert!(matches!(ends.await, Err(StoreError::Unavailable(_))));
    assert!(matches!(after.await, Err(StoreError::Unavailable(_))));
    assert_eq!(ids(&store).await, [0; 0]);
    assert!(store.health().is_err());
    store.write(soon(), put(4)).await.unwrap();
    assert_eq!(store.health(), Ok(()));
    store.close().await;
}

#[watertight::test]
async fn the_expired_surely_do_not_run() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let hold = hold_writer(&store).await;
    let expired = Err(StoreError::Retry(RetryReason::Expired));
    let short = Deadline::after(Duration::from_millis(20));
    assert_eq!(
        store.write(short, put(1)).await,
        expired,
        "passed in the queue"
    );
    assert_eq!(
        store.write(short, put(2)).await,
        expired,
        "passed before the queue"
    );
    drop(hold);
    store.write(soon(), put(3)).await.unwrap();
    assert_eq!(ids(&store).await, [3]);
    store.close().await;
}

#[watertight::test]
async fn a_full_queue_refuses_at_the_deadline() {
    let dir = tempfile::tempdir().unwrap();
    let store = open_with(Options {
        queue_commands_max: 2,
        ..Options::new(dir.path())
    });
    let hold = hold_writer(&store).await;
    let mut first = Box::pin(store.write(soon(), put(1)));
    let mut second = Box::pin(store.write(soon(), put(2)));
    assert!(futures_now(first.as_mut()).is_none());
    assert!(futures_now(second.as_mut()).is_none());
    let short = Deadline::after(Duration::from_millis(20));
    let third = store.write(short, put(3)).await;
    assert_eq!(third, Err(StoreError::Retry(RetryReason::QueueFull)));
    drop(hold);
    assert!(first.await.is_ok() && second.await.is_ok());
    assert_eq!(ids(&store).await, [1, 2]);
    store.close().await;
}

#[watertight::test]
async fn a_deadline_that_passes_while_the_command_runs_is_unknown() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let (gate, hold) = gate();
    let short = Deadline::after(Duration::from_millis(300));
    let mut write = Box::pin(store.write(short, gate));
    assert!(futures_now(write.as_mut()).is_none());
    hold.held().await;
    assert!(matches!(write.await, Err(StoreError::Unknown(_))));
    drop(hold);
    store.close().await;
}

#[watertight::test]
async fn closing_finishes_what_is_queued_and_refuses_the_rest() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let hold = hold_writer(&store).await;
    let mut queued = Box::pin(store.write(soon(), put(1)));
    assert!(futures_now(queued.as_mut()).is_none());
    let twin = store.clone();
    let mut close = Box::pin(twin.close());
    assert!(futures_now(close.as_mut()).is_none());
    drop(hold);
    close.await;
    assert!(queued.await.is_ok());
    assert!(matches!(
        store.write(soon(), put(2)).await,
        Err(StoreError::Unavailable(_))
    ));
    let read = store.read(soon(), |_| Ok(())).await;
    assert!(matches!(read, Err(StoreError::Unavailable(_))));
    assert!(store.health().is_err(), "a closed store isn't ready");
    store.close().await;
    // The lock is free though `store` is still there.
    let again = open(dir.path());
    assert_eq!(ids(&again).await, [1]);
    again.close().await;
}

#[watertight::test]
async fn a_clock_set_back_an_hour_does_not_reach_commands() {
    const HOUR_MS: i64 = 3_600_000;
    let dir = tempfile::tempdir().unwrap();
    let at = |ms| Options {
        clock: Some(Clock::manual(ms)),
        ..Options::new(dir.path())
    };
    let store = open_with(at(10 * HOUR_MS));
    let clock = store.clock().clone();
    clock.advance(Duration::from_secs(7));
    let then = store.write(soon(), put(1)).await.unwrap();
    assert_eq!(then, 10 * HOUR_MS + 7_000);
    store.close().await;

    let store = open_with(at(9 * HOUR_MS));
    assert!(store.clock().now_ms() >= then);
    assert!(store.write(soon(), put(2)).await.unwrap() >= then);
    store.close().await;
}

#[watertight::test]
async fn an_idle_store_leaves_no_log() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    store.write(soon(), put(1)).await.unwrap();
    wait_until("log is moved", || store.stats().wal_bytes == 0).await;
    let log = dir.path().join("engine.db-wal");
    assert_eq!(std::fs::metadata(log).unwrap().len(), 0);
    store.close().await;
}
