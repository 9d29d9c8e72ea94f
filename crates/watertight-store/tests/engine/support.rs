//! A small schema, commands for it, and ways to hold a thread at a point.

use std::path::Path;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::{Duration, Instant};

use watertight_core::Deadline;
use watertight_store::{Command, Migration, Options, StepError, Store, StoreError, Tx};

pub(crate) const MIGRATIONS: &[Migration] = &[Migration {
    version: 1,
    name: "start",
    sql: "CREATE TABLE entry (
              id     INTEGER PRIMARY KEY,
              value  INTEGER NOT NULL CHECK (value >= 0),
              filler BLOB
          ) STRICT;
          CREATE TABLE twin (id INTEGER PRIMARY KEY REFERENCES entry (id)) STRICT;",
}];

pub(crate) fn open(dir: &Path) -> Store {
    open_with(Options::new(dir))
}

pub(crate) fn open_with(options: Options) -> Store {
    Store::open("engine", options, MIGRATIONS).expect("store opens")
}

/// Far enough that only a hang reaches it.
pub(crate) fn soon() -> Deadline {
    Deadline::after(Duration::from_secs(60))
}

/// Polls `done` until it holds; fails after a minute.
pub(crate) async fn wait_until(what: &str, mut done: impl FnMut() -> bool) {
    let started = Instant::now();
    while !done() {
        assert!(
            started.elapsed() < Duration::from_secs(60),
            "never came: {what}"
        );
        testkit::let_pass(Duration::from_millis(2), "between two looks").await;
    }
}

/// Inserts an entry and its twin: two statements that belong together.
pub(crate) struct Put {
    pub(crate) id: i64,
    pub(crate) value: i64,
    pub(crate) filler_bytes: u32,
}

pub(crate) fn put(id: i64) -> Put {
    Put {
        id,
        value: id,
        filler_bytes: 0,
    }
}

impl Command for Put {
    const NAME: &'static str = "put";
    type Output = i64;
    fn apply(self, tx: &Tx<'_>) -> Result<i64, StepError> {
        tx.prepare_cached("INSERT INTO entry VALUES (?1, ?2, zeroblob(?3))")?
            .execute((self.id, self.value, self.filler_bytes))?;
        tx.prepare_cached("INSERT INTO twin VALUES (?1)")?
            .execute([self.id])?;
        Ok(tx.now_ms())
    }
}

/// Writes, then gives up in the way it was told to.
pub(crate) enum Spoil {
    Conflict(i64),
    Panic(i64),
    Check(i64),
    EndTransaction(i64),
}

impl Command for Spoil {
    const NAME: &'static str = "spoil";
    type Output = ();
    fn apply(self, tx: &Tx<'_>) -> Result<(), StepError> {
        let (Self::Conflict(id) | Self::Panic(id) | Self::Check(id) | Self::EndTransaction(id)) =
            self;
        put(id).apply(tx)?;
        match self {
            Self::Conflict(_) => Err(StepError::Conflict("told to".to_owned())),
            Self::Panic(_) => panic!("told to"),
            Self::Check(_) => {
                tx.execute("UPDATE entry SET value = -1 WHERE id = ?1", [id])?;
                Ok(())
            }
            Self::EndTransaction(_) => Ok(tx.execute_batch("ROLLBACK")?),
        }
    }
}

/// Deletes everything.
pub(crate) struct Clear;

impl Command for Clear {
    const NAME: &'static str = "clear";
    type Output = ();
    fn apply(self, tx: &Tx<'_>) -> Result<(), StepError> {
        tx.execute_batch("DELETE FROM twin; DELETE FROM entry")?;
        Ok(())
    }
}

/// A thread that is held: it says that it came, and goes on when released.
pub(crate) struct Gate {
    came: SyncSender<()>,
    go: Receiver<()>,
}

/// The hand on the gate; dropping it releases the thread.
pub(crate) struct Hold {
    came: Receiver<()>,
    _go: SyncSender<()>,
}

pub(crate) fn gate() -> (Gate, Hold) {
    let (came, has_come) = sync_channel(1);
    let (go, may_go) = sync_channel(1);
    (
        Gate { came, go: may_go },
        Hold {
            came: has_come,
            _go: go,
        },
    )
}

impl Gate {
    pub(crate) fn pass(self) {
        let _ = self.came.send(());
        // Ends with an error when the hold is dropped: that is the release.
        let _ = self.go.recv();
    }
}

impl Hold {
    /// Returns once a thread stands at the gate.
    pub(crate) async fn held(&self) {
        wait_until("thread at the gate", || self.came.try_recv().is_ok()).await;
    }
}

impl Command for Gate {
    const NAME: &'static str = "gate";
    type Output = ();
    fn apply(self, _tx: &Tx<'_>) -> Result<(), StepError> {
        self.pass();
        Ok(())
    }
}

/// Holds the writer of `store` until the hold is dropped.
pub(crate) async fn hold_writer(store: &Store) -> Hold {
    let (gate, hold) = gate();
    let mut write = Box::pin(store.write(soon(), gate));
    assert!(futures_now(write.as_mut()).is_none());
    hold.held().await;
    hold
}

/// Polls once.
pub(crate) fn futures_now<F: Future>(future: std::pin::Pin<&mut F>) -> Option<F::Output> {
    let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
    match future.poll(&mut cx) {
        std::task::Poll::Ready(output) => Some(output),
        std::task::Poll::Pending => None,
    }
}

/// The ids that are there.
pub(crate) async fn ids(store: &Store) -> Vec<i64> {
    store
        .read(soon(), |connection| {
            let mut statement = connection.prepare("SELECT id FROM entry ORDER BY id")?;
            let ids = statement
                .query_map([], |row| row.get(0))?
                .collect::<Result<_, _>>()?;
            Ok(ids)
        })
        .await
        .expect("ids are read")
}

/// That each entry has its twin and pages are whole.
pub(crate) async fn assert_whole(store: &Store) {
    let halves: i64 = store
        .read(soon(), |connection| {
            Ok(connection.query_row(
                "SELECT (SELECT count(*) FROM entry) - (SELECT count(*) FROM twin)",
                [],
                |row| row.get(0),
            )?)
        })
        .await
        .expect("halves are counted");
    assert_eq!(halves, 0, "half a command is stored");
    assert_eq!(
        store.check_integrity(soon()).await,
        Ok::<(), StoreError>(())
    );
}
