//! Embedded migrations, in order, each with a checksum in the database.

use std::path::Path;

use rusqlite::{Connection, OptionalExtension};

use crate::error::OpenError;

/// One step of a schema, embedded in the program.
///
/// Never change the text of one that has shipped: a database that ran it
/// refuses to open ([`OpenError::Tampered`]). Add another instead.
#[derive(Clone, Copy, Debug)]
pub struct Migration {
    /// 1, 2, 3, … without gaps.
    pub version: u32,
    /// What it does, for people.
    pub name: &'static str,
    /// Statements; run in one transaction.
    pub sql: &'static str,
}

/// The store's own tables. `filler` of the probe is what a full store tries to
/// write before it calls itself healthy again.
const OWN: &str = "
CREATE TABLE IF NOT EXISTS watertight_migrations (
    version    INTEGER PRIMARY KEY,
    name       TEXT NOT NULL,
    checksum   TEXT NOT NULL,
    applied_ms INTEGER NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS watertight_clock (
    id      INTEGER PRIMARY KEY CHECK (id = 1),
    mark_ms INTEGER NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS watertight_probe (
    id     INTEGER PRIMARY KEY CHECK (id = 1),
    filler BLOB NOT NULL
) STRICT;
INSERT OR IGNORE INTO watertight_clock VALUES (1, 0);
";

/// FNV-1a over name and text: it finds an edit, it doesn't resist an attacker,
/// who could change the database itself.
fn checksum(migration: &Migration) -> String {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    for byte in migration
        .name
        .bytes()
        .chain([0])
        .chain(migration.sql.bytes())
    {
        hash = (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
    }
    format!("{hash:016x}")
}

/// Brings the schema up to the last migration, or says why it can't.
pub(crate) fn run(
    connection: &Connection,
    file: &Path,
    migrations: &[Migration],
    now_ms: i64,
) -> Result<(), OpenError> {
    let known = numbered(migrations)?;
    let sqlite = |source| crate::open::from_sqlite(file, source);
    // Refuse a newer database before the first write to it.
    if let Some(found) = version(connection).map_err(sqlite)?
        && found > known
    {
        return Err(OpenError::Newer {
            file: file.to_path_buf(),
            found,
            known,
        });
    }
    in_transaction(connection, |c| c.execute_batch(OWN)).map_err(sqlite)?;
    for migration in migrations {
        match stored(connection, migration.version).map_err(sqlite)? {
            Some((name, sum)) if sum != checksum(migration) => {
                let (file, version) = (file.to_path_buf(), migration.version);
                return Err(OpenError::Tampered {
                    file,
                    version,
                    name,
                });
            }
            Some(_) => {}
            None => apply(connection, migration, now_ms)?,
        }
    }
    Ok(())
}

fn numbered(migrations: &[Migration]) -> Result<u32, OpenError> {
    let mut last = 0;
    for migration in migrations {
        let expected = last + 1;
        if migration.version != expected {
            return Err(OpenError::Misnumbered {
                expected,
                found: migration.version,
            });
        }
        last = expected;
    }
    Ok(last)
}

/// The version in the database; none before the first migration.
fn version(connection: &Connection) -> rusqlite::Result<Option<u32>> {
    let there: bool = connection.query_row(
        "SELECT EXISTS (SELECT 1 FROM sqlite_schema WHERE name = 'watertight_migrations')",
        [],
        |row| row.get(0),
    )?;
    if !there {
        return Ok(None);
    }
    connection.query_row(
        "SELECT max(version) FROM watertight_migrations",
        [],
        |row| row.get(0),
    )
}

fn stored(connection: &Connection, version: u32) -> rusqlite::Result<Option<(String, String)>> {
    connection
        .query_row(
            "SELECT name, checksum FROM watertight_migrations WHERE version = ?1",
            [version],
            |row| Ok((row.get(0)?, row.get(1)?)),
        )
        .optional()
}

fn apply(connection: &Connection, migration: &Migration, now_ms: i64) -> Result<(), OpenError> {
    in_transaction(connection, |c| {
        c.execute_batch(migration.sql)?;
        c.execute(
            "INSERT INTO watertight_migrations VALUES (?1, ?2, ?3, ?4)",
            (
                migration.version,
                migration.name,
                checksum(migration),
                now_ms,
            ),
        )?;
        Ok(())
    })
    .map_err(|source| OpenError::Migration {
        version: migration.version,
        name: migration.name,
        source,
    })
}

fn in_transaction(
    connection: &Connection,
    work: impl FnOnce(&Connection) -> rusqlite::Result<()>,
) -> rusqlite::Result<()> {
    connection.execute_batch("BEGIN IMMEDIATE")?;
    let done = work(connection).and_then(|()| connection.execute_batch("COMMIT"));
    if done.is_err() && !connection.is_autocommit() {
        connection.execute_batch("ROLLBACK")?;
    }
    done
}
