//! The page caches of a store that has nothing to do go back.
//!
//! One test in a process of its own: it looks at what the whole process has.

use std::time::{Duration, Instant};

use rusqlite::Connection;
use tikv_jemalloc_ctl::{epoch, stats};
use watertight_core::Deadline;
use watertight_store::{Command, Migration, Options, StepError, Store, Tx};

const MIGRATIONS: &[Migration] = &[Migration {
    version: 1,
    name: "start",
    sql: "CREATE TABLE entry (id INTEGER PRIMARY KEY, filler BLOB NOT NULL) STRICT;",
}];

/// Four times what a connection keeps.
const ROWS: i64 = 2_000;
const ROW_BYTES: i64 = 2_000;

/// A full cache holds more, and all else that ends meanwhile less.
const CACHE_BYTES: usize = 1 << 20;

/// Far enough that only a hang reaches it.
const LIVENESS: Duration = Duration::from_secs(60);

/// What SQLite and all else has; nothing if jemalloc doesn't say, which then no
/// cache is smaller than.
fn allocated() -> usize {
    let read = || {
        epoch::advance()?;
        stats::allocated::read()
    };
    read().unwrap_or(0)
}

/// Reads every page; what is allocated when all have been read.
fn scan(connection: &Connection) -> Result<usize, StepError> {
    let rows: i64 = connection
        .prepare_cached("SELECT count(*) FROM entry WHERE filler IS NOT x'01'")?
        .query_row([], |row| row.get(0))?;
    assert_eq!(rows, ROWS);
    Ok(allocated())
}

struct Fill;

impl Command for Fill {
    const NAME: &'static str = "fill";
    type Output = ();
    fn apply(self, tx: &Tx<'_>) -> Result<(), StepError> {
        let mut insert = tx.prepare_cached("INSERT INTO entry VALUES (?1, zeroblob(?2))")?;
        for id in 0..ROWS {
            insert.execute((id, ROW_BYTES))?;
        }
        Ok(())
    }
}

struct Scan;

impl Command for Scan {
    const NAME: &'static str = "scan";
    type Output = usize;
    fn apply(self, tx: &Tx<'_>) -> Result<usize, StepError> {
        scan(tx)
    }
}

async fn goes_back(whose: &str, full: usize) {
    let started = Instant::now();
    while allocated() + CACHE_BYTES > full {
        assert!(started.elapsed() < LIVENESS, "{whose} keeps its cache");
        testkit::let_pass(Duration::from_millis(10), "between two looks").await;
    }
}

#[watertight::test]
async fn a_store_that_is_idle_keeps_no_pages() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open("cache", Options::new(dir.path()), MIGRATIONS).unwrap();
    let soon = || Deadline::after(LIVENESS);
    store.write(soon(), Fill).await.unwrap();
    let full = store.write(soon(), Scan).await.unwrap();
    goes_back("the writer", full).await;
    for _ in 0..4 {
        let full = store.read(soon(), scan).await.unwrap();
        goes_back("the reader", full).await;
    }
    // They fill again.
    let full = store.write(soon(), Scan).await.unwrap();
    goes_back("the writer", full).await;
    store.close().await;
}
