//! Migrations, and files that are not what they should be.

use std::path::Path;

use watertight_store::{Migration, OpenError, Options, Store};

use crate::support::*;

const ONE: Migration = Migration {
    version: 1,
    name: "one",
    sql: "CREATE TABLE a (x INTEGER) STRICT",
};
const TWO: Migration = Migration {
    version: 2,
    name: "two",
    sql: "INSERT INTO a VALUES (7); ALTER TABLE a ADD y TEXT",
};

const V1: &[Migration] = &[ONE];
const V2: &[Migration] = &[ONE, TWO];
const EDITED: &[Migration] = &[
    Migration {
        sql: "CREATE TABLE a (x INTEGER, z TEXT) STRICT",
        ..ONE
    },
    TWO,
];
const BROKEN: &[Migration] = &[
    ONE,
    Migration {
        version: 2,
        name: "broken",
        sql: "INSERT INTO a VALUES (1); NONSENSE",
    },
];
const GAP: &[Migration] = &[
    ONE,
    Migration {
        version: 3,
        name: "three",
        sql: "",
    },
];

fn try_open(dir: &Path, migrations: &'static [Migration]) -> Result<Store, OpenError> {
    Store::open("schema", Options::new(dir), migrations)
}

async fn rows(store: &Store) -> i64 {
    let count =
        |c: &rusqlite::Connection| Ok(c.query_row("SELECT count(*) FROM a", [], |row| row.get(0))?);
    store.read(soon(), count).await.unwrap()
}

#[watertight::test]
async fn migrations_run_once_and_in_order() {
    let dir = tempfile::tempdir().unwrap();
    let store = try_open(dir.path(), V1).unwrap();
    assert_eq!(rows(&store).await, 0);
    store.close().await;
    for _ in 0..2 {
        let store = try_open(dir.path(), V2).unwrap();
        assert_eq!(rows(&store).await, 1);
        store.close().await;
    }
    let older = try_open(dir.path(), V1).unwrap_err();
    assert!(
        matches!(
            older,
            OpenError::Newer {
                found: 2,
                known: 1,
                ..
            }
        ),
        "{older}"
    );
    let edited = try_open(dir.path(), EDITED).unwrap_err();
    assert!(
        matches!(edited, OpenError::Tampered { version: 1, .. }),
        "{edited}"
    );
    let store = try_open(dir.path(), V2).unwrap();
    assert_eq!(rows(&store).await, 1, "refusals changed nothing");
    store.close().await;
}

#[watertight::test]
async fn a_failing_migration_leaves_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let broken = try_open(dir.path(), BROKEN).unwrap_err();
    assert!(
        matches!(broken, OpenError::Migration { version: 2, .. }),
        "{broken}"
    );
    let store = try_open(dir.path(), V1).unwrap();
    assert_eq!(rows(&store).await, 0);
    store.close().await;
    let gap = try_open(dir.path(), GAP).unwrap_err();
    assert!(
        matches!(
            gap,
            OpenError::Misnumbered {
                expected: 2,
                found: 3
            }
        ),
        "{gap}"
    );
}

#[test]
fn a_file_that_is_no_database_is_named_and_kept() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("schema.db");
    let garbage = b"This is a shopping list, not a database. ".repeat(200);
    std::fs::write(&file, &garbage).unwrap();
    let error = try_open(dir.path(), V1).unwrap_err();
    assert!(matches!(error, OpenError::NotADatabase { .. }), "{error:?}");
    assert_eq!(std::fs::read(&file).unwrap(), garbage);
}

#[test]
fn a_file_in_place_of_the_directory_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("data");
    std::fs::write(&file, "").unwrap();
    for dir in [file.clone(), file.join("below")] {
        let error = try_open(&dir, V1).unwrap_err();
        let fits = matches!(error, OpenError::NotADirectory { .. });
        assert!(fits, "{error:?}");
        assert!(error.to_string().ends_with("it is not a directory"));
    }
}

/// Makes a database, spoils it, and says what the next opening says.
async fn opened_after(spoil: impl FnOnce(&Path)) -> Result<Store, OpenError> {
    let dir = tempfile::tempdir().unwrap();
    try_open(dir.path(), V1).unwrap().close().await;
    spoil(dir.path());
    try_open(dir.path(), V1)
}

fn remove_all(dir: &Path) {
    for end in ["db", "db-wal", "db-shm"] {
        // The log may be gone already: closing removes it.
        drop(std::fs::remove_file(dir.join(format!("schema.{end}"))));
    }
}

#[watertight::test]
async fn a_database_that_vanished_is_no_new_one() {
    let gone = opened_after(remove_all).await.unwrap_err();
    assert!(matches!(gone, OpenError::Vanished { .. }), "{gone:?}");
    let said = gone.to_string();
    assert!(said.contains("schema.db is missing or empty"), "{said}");
    assert!(said.contains("schema.made to begin anew"), "{said}");

    let truncated = opened_after(|dir| {
        std::fs::write(dir.join("schema.db"), "").unwrap();
    });
    let truncated = truncated.await.unwrap_err();
    assert!(
        matches!(truncated, OpenError::Vanished { .. }),
        "{truncated:?}"
    );
    // Who deletes the marker too has said that a new one is meant.
    let anew = opened_after(|dir| {
        remove_all(dir);
        std::fs::remove_file(dir.join("schema.made")).unwrap();
    });
    assert_eq!(rows(&anew.await.unwrap()).await, 0);
}

#[watertight::test]
async fn a_database_from_before_the_marker_is_remembered_from_now_on() {
    let dir = tempfile::tempdir().unwrap();
    let marker = dir.path().join("schema.made");
    try_open(dir.path(), V1).unwrap().close().await;
    std::fs::remove_file(&marker).unwrap();
    try_open(dir.path(), V1).unwrap().close().await;
    assert!(marker.exists());
    // A migration that fails makes no database worth remembering.
    let fresh = tempfile::tempdir().unwrap();
    try_open(fresh.path(), GAP).unwrap_err();
    assert!(!fresh.path().join("schema.made").exists());
}

#[test]
fn the_same_process_is_kept_out_too() {
    let dir = tempfile::tempdir().unwrap();
    let store = try_open(dir.path(), V1).unwrap();
    let second = try_open(dir.path(), V1).unwrap_err();
    assert_eq!(
        second.to_string(),
        format!("another process holds {}", dir.path().display())
    );
    // Dropping without close joins the threads and unlocks, too.
    drop(store);
    drop(try_open(dir.path(), V1).unwrap());
}
