//! Opening a store: lock, database, migrations, clock, threads.

use std::path::Path;
use std::sync::Arc;

use rusqlite::{Connection, ErrorCode};
use watertight_core::Clock;

use crate::connection;
use crate::error::OpenError;
use crate::lock::DirLock;
use crate::made::Marker;
use crate::mark;
use crate::migrate::{self, Migration};
use crate::options::Options;

/// What is there once the directory is ours and the schema is up to date.
pub(crate) struct Opened {
    pub(crate) lock: Arc<DirLock>,
    pub(crate) writer: Connection,
    pub(crate) readers: Vec<Connection>,
    pub(crate) clock: Clock,
    pub(crate) file: std::path::PathBuf,
}

pub(crate) fn open(
    name: &str,
    options: &Options,
    migrations: &[Migration],
) -> Result<Opened, OpenError> {
    let lock = Arc::new(DirLock::take(&options.dir)?);
    let file = options.dir.join(format!("{name}.db"));
    let sqlite = |source| from_sqlite(&file, source);

    let marker = Marker::new(&options.dir, name);
    marker.check(&file)?;
    let writer = connection::writer(&file, options.wal_bytes_max).map_err(sqlite)?;
    if writer.is_readonly("main").map_err(sqlite)? {
        return Err(OpenError::ReadOnly { file });
    }
    let clock = options.clock.clone().unwrap_or_else(Clock::system);
    migrate::run(&writer, &file, migrations, clock.now_ms())?;
    marker.keep();
    bound_size(&writer, options.store_bytes_max).map_err(sqlite)?;

    let at_least_ms = mark::read(&writer).map_err(sqlite)?;
    if let Some(ahead) = mark::ahead(at_least_ms, clock.now_ms()) {
        let ahead_s = ahead.as_secs();
        tracing::warn!(
            store = name,
            ahead_s,
            "the store's time is ahead of the machine's: the clock was set back, or ahead before"
        );
    }
    clock.raise(at_least_ms);
    let readers = (0..options.readers.max(1))
        .map(|_| connection::reader(&file))
        .collect::<Result<Vec<_>, _>>()
        .map_err(sqlite)?;
    Ok(Opened {
        lock,
        writer,
        readers,
        clock,
        file,
    })
}

fn bound_size(writer: &Connection, bytes_max: Option<u64>) -> rusqlite::Result<()> {
    let Some(bytes_max) = bytes_max else {
        return Ok(());
    };
    let page: u32 = writer.query_row("PRAGMA page_size", [], |row| row.get(0))?;
    let pages = i64::try_from(bytes_max / u64::from(page.max(1)))
        .unwrap_or(i64::MAX)
        .max(1);
    writer.pragma_update_and_check(None, "max_page_count", pages, |row| row.get::<_, i64>(0))?;
    Ok(())
}

/// Names the failures that an operator can act on.
pub(crate) fn from_sqlite(file: &Path, source: rusqlite::Error) -> OpenError {
    let file = file.to_path_buf();
    match crate::classify::code(&source) {
        Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt) => {
            OpenError::NotADatabase { file }
        }
        Some(ErrorCode::ReadOnly) => OpenError::ReadOnly { file },
        Some(ErrorCode::DiskFull) => OpenError::Full { file },
        _ => OpenError::Sqlite { file, source },
    }
}
