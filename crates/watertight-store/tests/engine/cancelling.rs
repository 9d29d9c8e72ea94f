//! 10,000 callers that leave.

use std::sync::{Arc, Barrier};

use watertight_store::Options;

use crate::support::*;

const CALLERS: i64 = 10_000;

#[watertight::test]
async fn cancelled_writes_lose_no_promised_command() {
    let dir = tempfile::tempdir().unwrap();
    let store = open_with(Options {
        queue_commands_max: 1_000,
        ..Options::new(dir.path())
    });
    let hold = hold_writer(&store).await;
    for id in 0..CALLERS {
        // Dropped at its first await: with a slot (the first 1,000) or without.
        let mut write = Box::pin(store.write(soon(), put(id)));
        assert!(futures_now(write.as_mut()).is_none());
    }
    assert_eq!(store.stats().queue_commands, 1_000);
    drop(hold);
    store.write(soon(), put(CALLERS)).await.unwrap();
    let mut promised: Vec<i64> = (0..1_000).collect();
    promised.push(CALLERS);
    assert_eq!(ids(&store).await, promised);
    wait_until("queue is empty", || store.stats().queue_commands == 0).await;
    store.close().await;
}

#[watertight::test]
async fn cancelled_reads_lose_no_reader() {
    let dir = tempfile::tempdir().unwrap();
    let store = open_with(Options {
        readers: 2,
        ..Options::new(dir.path())
    });
    for round in 0..2 {
        // Round 0: both readers are busy, all callers leave while they wait.
        // Round 1: readers are free, callers leave at every later stage.
        let holds = if round == 0 {
            hold_readers(&store).await
        } else {
            Vec::new()
        };
        for _ in 0..CALLERS {
            let mut read = Box::pin(store.read(soon(), |_| Ok(())));
            drop(futures_now(read.as_mut()));
        }
        drop(holds);
        wait_until("readers are free", || store.stats().readers_busy == 0).await;
        both_work(&store).await;
    }
    store.close().await;
}

async fn hold_readers(store: &watertight_store::Store) -> Vec<Hold> {
    let mut holds = Vec::new();
    for _ in 0..2 {
        let (gate, hold) = gate();
        let mut read = Box::pin(store.read(soon(), move |_| {
            gate.pass();
            Ok(())
        }));
        assert!(futures_now(read.as_mut()).is_none());
        hold.held().await;
        holds.push(hold);
    }
    holds
}

/// Two reads that wait for each other end only if there are two readers.
async fn both_work(store: &watertight_store::Store) {
    let barrier = Arc::new(Barrier::new(2));
    let meet = || {
        let barrier = barrier.clone();
        store.read(soon(), move |_| {
            barrier.wait();
            Ok(())
        })
    };
    let (a, b) = watertight_core::join(meet(), meet()).await;
    assert!(a.is_ok() && b.is_ok());
}
