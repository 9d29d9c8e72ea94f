//! Readers: bounded waits, bounded reads, a log that stays bounded beside them.

use std::time::Duration;

use watertight_core::Deadline;
use watertight_store::{Options, RetryReason, Store, StoreError};

use crate::support::*;

const ENDLESS: &str =
    "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n";

#[watertight::test]
async fn a_read_ends_at_its_deadline_and_gives_the_reader_back() {
    let dir = tempfile::tempdir().unwrap();
    let store = open_with(Options {
        readers: 1,
        ..Options::new(dir.path())
    });
    let short = Deadline::after(Duration::from_millis(50));
    let read = store
        .read(short, |connection| {
            Ok(connection.query_row(ENDLESS, [], |row| row.get::<_, i64>(0))?)
        })
        .await;
    assert_eq!(read, Err(StoreError::Retry(RetryReason::Expired)));
    wait_until("reader is free", || store.stats().readers_busy == 0).await;
    assert_eq!(store.read(soon(), |_| Ok(7)).await, Ok(7));
    store.close().await;
}

#[watertight::test]
async fn no_reader_in_time() {
    let dir = tempfile::tempdir().unwrap();
    let store = open_with(Options {
        readers: 1,
        reader_wait_max: Duration::from_millis(20),
        ..Options::new(dir.path())
    });
    let hold = hold_reader(&store).await;
    let read = store.read(soon(), |_| Ok(())).await;
    assert_eq!(read, Err(StoreError::Retry(RetryReason::NoReader)));
    drop(hold);
    wait_until("reader is free", || store.stats().readers_busy == 0).await;
    assert_eq!(store.read(soon(), |_| Ok(())).await, Ok(()));
    store.close().await;
}

#[watertight::test]
async fn a_panicking_read_loses_no_reader() {
    let dir = tempfile::tempdir().unwrap();
    let store = open_with(Options {
        readers: 1,
        ..Options::new(dir.path())
    });
    for _ in 0..3 {
        let read = store
            .read(soon(), |_| -> Result<(), _> { panic!("told to") })
            .await;
        assert!(matches!(read, Err(StoreError::Unavailable(_))));
    }
    store.write(soon(), put(1)).await.unwrap();
    assert_eq!(ids(&store).await, [1]);
    store.close().await;
}

#[watertight::test]
async fn a_reader_cannot_write() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let read = store
        .read(soon(), |connection| {
            Ok(connection.execute("DELETE FROM entry", [])?)
        })
        .await;
    assert!(matches!(read, Err(StoreError::Unavailable(_))), "{read:?}");
    store.close().await;
}

#[watertight::test]
async fn a_held_snapshot_bounds_the_log_and_then_stops_writes() {
    const WAL_BYTES_MAX: u64 = 256 << 10;
    const FILLER_BYTES: u32 = 32 << 10;
    let dir = tempfile::tempdir().unwrap();
    let store = open_with(Options {
        wal_bytes_max: WAL_BYTES_MAX,
        ..Options::new(dir.path())
    });
    store.write(soon(), put(0)).await.unwrap();
    let hold = hold_reader(&store).await;
    let mut kept = vec![0];
    let refused = loop {
        let id = i64::try_from(kept.len()).unwrap();
        assert!(id < 1_000, "the log grew without a bound");
        match store
            .write(
                soon(),
                Put {
                    id,
                    value: 0,
                    filler_bytes: FILLER_BYTES,
                },
            )
            .await
        {
            Ok(_) => kept.push(id),
            Err(error) => break error,
        }
    };
    assert!(matches!(&refused, StoreError::Unavailable(why) if why.contains("reader")));
    assert!(store.health().is_err());
    let log = std::fs::metadata(dir.path().join("engine.db-wal"))
        .unwrap()
        .len();
    assert!(
        log <= 2 * WAL_BYTES_MAX + 2 * u64::from(FILLER_BYTES),
        "log is {log} bytes"
    );
    drop(hold);
    wait_until("store recovers by itself", || store.health().is_ok()).await;
    let id = i64::try_from(kept.len()).unwrap();
    store.write(soon(), put(id)).await.unwrap();
    kept.push(id);
    assert_eq!(ids(&store).await, kept);
    assert_whole(&store).await;
    store.close().await;
}

/// Holds one reader in an open snapshot.
async fn hold_reader(store: &Store) -> Hold {
    let (gate, hold) = gate();
    let mut read = Box::pin(store.read(soon(), move |connection| {
        let _: i64 = connection.query_row("SELECT count(*) FROM entry", [], |row| row.get(0))?;
        gate.pass();
        Ok(())
    }));
    assert!(futures_now(read.as_mut()).is_none());
    hold.held().await;
    hold
}
